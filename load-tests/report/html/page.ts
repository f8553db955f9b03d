/** The report as one page that opens without a network: figures, checks and charts. */
import type { Check, Table } from '../../figures/outcome.js'
import type { Result } from '../report.js'
import { bottlenecks, type Report, remarks, verdict } from '../report.js'
import { tableOf } from '../table.js'
import { latencyChart } from './latency-chart.js'
import { escapeMarkup } from './markup.js'
import { rateChart } from './rate-chart.js'
import { style } from './style.js'
import { timeCharts } from './time-chart.js'

export function renderPage(report: Report): string {
  const { startedAt, ok, scenarios } = report
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Load tests</title>
<style>${style}</style>
</head>
<body>
<h1>Load tests</h1>
<p>${[...remarks(report), startedAt].map(escapeMarkup).join('<br>')}</p>
<p class="verdict ${ok ? 'good' : 'bad'}">${escapeMarkup(verdict(report))}</p>
${bottlenecks(report)
  .map((line) => `<p class="warning">${escapeMarkup(line)}</p>`)
  .join('\n')}
${scenarios.map(scenario).join('\n')}
</body>
</html>
`
}

function scenario({ name, question, seconds, rows, tables, checks, series }: Result): string {
  return `<section>
<h2>${escapeMarkup(name)}</h2>
<p>${escapeMarkup(question)} (${Math.round(seconds)} s)</p>
${rows.length === 0 ? '' : grid(tableOf(rows))}
${tables.map(grid).join('\n')}
<ul class="checks">${checks.map(checkItem).join('')}</ul>
${latencyChart(rows)}
${rateChart(rows)}
${timeCharts(series).join('\n')}
</section>`
}

function checkItem({ ok, name, detail }: Check): string {
  const mark = ok ? '<b class="good">✓</b>' : '<b class="bad">✗</b>'
  return `<li>${mark} ${escapeMarkup(name)}: <small>${escapeMarkup(detail)}</small></li>`
}

function grid({ head, rows, note }: Table): string {
  const line = (tag: 'th' | 'td', cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeMarkup(cell)}</${tag}>`).join('')}</tr>`
  const body = rows.map((row) => line('td', row)).join('')
  return `<div class="wide"><table><thead>${line('th', head)}</thead><tbody>${body}</tbody></table></div>${
    note === undefined ? '' : `<p class="note">${escapeMarkup(note)}</p>`
  }`
}
