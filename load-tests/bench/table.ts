/** Results as Markdown, aligned so that they read as text too. */
import { count } from '../report/format.js'
import type { Result, Row } from './rounds.js'

export function render({ entry: { benchmark }, rows, seconds }: Result): string {
  const { name, question, unit, per } = benchmark
  const lines = [
    [`${unit} per ${per}`, 'median', 'ratio', 'min to max'],
    ...rows.map(({ label, figure, ratio }) => [
      label,
      format(figure),
      ratio.median.toFixed(2),
      `${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}`,
    ]),
  ]
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  const [head = '', ...body] = lines.map((cells) =>
    line(
      cells.map((cell, i) =>
        i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      ),
    ),
  )
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [
    `#### ${name}`,
    '',
    `${question} (${seconds.toFixed(0)} s)`,
    '',
    head,
    rule,
    ...body,
    '',
    '',
  ].join('\n')
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function format(figure: Row['figure']): string {
  return figure >= 100 ? count(Math.round(figure)) : figure.toFixed(1)
}
