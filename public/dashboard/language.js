/**
 * Before uPlot, which writes numbers in the browser's language and takes any tag for one that Intl
 * knows: where Intl refuses it (`en-US@posix`, under LANG=C), they are written in English.
 */
try {
  new Intl.NumberFormat(navigator.language)
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en' })
}
