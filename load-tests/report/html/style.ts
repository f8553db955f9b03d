/** The page's looks, light and dark; colours that the colour-blind can tell apart. */
export const style = `
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5b6776; --rule: #dfe4ea; --paper: #fff; --tint: #f5f7fa;
  --good: #00734f; --bad: #b3261e; --warning: #8a5a00;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #b8860b; --c5: #6b5bd2 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecf1; --soft: #9aa7b5; --rule: #2c3642; --paper: #11161c; --tint: #182029;
    --good: #4fd1a1; --bad: #ff8a80; --warning: #f0c04a;
    --c0: #56b4e9; --c1: #ff9d4d; --c2: #2fcf9f; --c3: #e6a3c8; --c4: #f0e442; --c5: #a99bff }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 0 .25rem }
h2 { font-size: 1.2rem; margin: 3rem 0 .25rem; padding-top: 1.5rem; border-top: 1px solid var(--rule) }
p { margin: 0 0 1rem; color: var(--soft) }
.verdict { font-weight: 600 }
.warning { color: var(--warning) }
.good { color: var(--good) }
.bad { color: var(--bad) }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 .5rem; font-variant-numeric: tabular-nums; font-size: .875rem }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap }
th { color: var(--soft); font-weight: 500 }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
td:first-child { white-space: normal; min-width: 11rem }
.note { font-size: .875rem }
.checks { list-style: none; padding: 0; margin: 1rem 0 }
.checks li { white-space: pre-line; padding-left: 1.15rem; text-indent: -1.15rem; margin: .25rem 0; overflow-wrap: anywhere }
.checks small { color: var(--soft); font-size: .875rem }
figure { margin: 1.5rem 0; padding: 1rem; background: var(--tint); border-radius: .5rem }
figcaption { font-weight: 600; font-size: .9rem }
svg { display: block; overflow: visible }
svg svg { overflow: hidden }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft); font-variant-numeric: tabular-nums }
svg .label, svg .value { fill: var(--ink); paint-order: stroke; stroke: var(--tint); stroke-width: 4px }
.end { text-anchor: end }
.middle { text-anchor: middle }
.rule { stroke: var(--rule) }
.span { stroke: var(--soft); stroke-width: 1.5 }
.bar { fill: var(--c0) }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round; vector-effect: non-scaling-stroke }
.line.s2 { stroke-dasharray: 6 4 }
.line.s3 { stroke-dasharray: 2 3 }
.key { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; margin: .25rem 0; font-size: .8rem; color: var(--soft) }
.swatch { display: inline-block; width: .75rem; height: .75rem; border-radius: 50%; margin-right: .4rem; vertical-align: -1px }
${['p50', 'p90', 'p99', 'p999', 'max'].map((name, index) => `.mark.${name} { fill: var(--c${index}) } .swatch.${name} { background: var(--c${index}) }`).join('\n')}
${[0, 1, 2, 3, 4, 5].map((index) => `.line.s${index} { stroke: var(--c${index}) } .swatch.s${index} { background: var(--c${index}) }`).join('\n')}
`
