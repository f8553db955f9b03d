/** The page's colours, as its style sheet has them, for what is drawn on a canvas. */

const NAMES = /** @type {const} */ ([
  'ink',
  'soft',
  'rule',
  'panel',
  'wait',
  'run',
  'shed',
  'gone',
  'c3',
  'c4',
  'c5',
])

/** @type {Record<(typeof NAMES)[number], string>} */
export const colours = Object.create(null)

function read() {
  const style = getComputedStyle(document.documentElement)
  for (const name of NAMES) colours[name] = style.getPropertyValue(`--${name}`).trim()
}

/** @param {() => void} changed called when the reader turns from light to dark or back */
export function onColours(changed) {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    read()
    changed()
  })
}

read()
