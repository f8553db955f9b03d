/** The report as people read it, 100 columns wide. */
import { styleText } from 'node:util'
import Grid from 'cli-table3'
import type { Check, Row, Table } from '../figures/outcome.js'
import { count, milliseconds, percent } from './format.js'
import type { Result } from './report.js'
import { bottlenecks, isBalanced, type Report, remarks, verdict } from './report.js'

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string

const WIDTH = 100
const INDENT = 2
/** A first column that is narrower than this is no use. */
const NARROWEST = 16

/** With colours where the stream takes them; nothing where nothing ran to its end. */
export function print(report: Report, stream: NodeJS.WriteStream): void {
  if (report.scenarios.length === 0) return
  stream.write(render(report, stream.isTTY === true && !process.env.NO_COLOR))
}

export function render(report: Report, colors: boolean): string {
  // Whether the stream takes them was decided by who asked.
  const paint: Paint = (style, text) =>
    colors ? styleText(style, text, { validateStream: false }) : text
  const rule = paint('dim', '─'.repeat(WIDTH))
  return [
    '',
    ...report.scenarios.flatMap((result) => [rule, ...scenario(result, paint)]),
    rule,
    ...remarks(report).map((line) => paint('dim', line)),
    ...bottlenecks(report).map((line) => paint('yellow', line)),
    paint(report.ok ? 'green' : 'red', verdict(report)),
    '',
  ].join('\n')
}

function scenario(result: Result, paint: Paint): string[] {
  const { name, question, seconds, rows, tables, checks } = result
  const title = wrap(`${name}  ${question} (${Math.round(seconds)} s)`, '  ')
  return [
    title.replace(name, paint('bold', name)),
    ...(rows.length === 0 ? [] : [grid(tableOf(rows), paint)]),
    ...tables.flatMap((table) => [grid(table, paint), ...noteOf(table, paint)]),
    ...checks.map((check) => verdictOf(check, paint)),
  ]
}

/** Runs of autocannon, and whatever else sends and is answered. */
export function tableOf(rows: readonly Row[]): Table {
  const aborts = rows.some(({ aborted }) => aborted !== undefined)
  const busy = rows.some(({ cpu }) => cpu !== undefined)
  return {
    head: [
      ...['', 'conns', 'rate/s', 'p50', 'p99', 'errors'],
      aborts ? 'sent = answered + aborted' : 'sent = answered',
      ...(busy ? ['srv/cli CPU'] : []),
    ],
    rows: rows.map((row) => [
      row.label,
      ...[row.connections, Math.round(row.rate)].map(count),
      ...[row.p50, row.p99].map(milliseconds),
      count(row.errors),
      balance(row),
      ...(busy ? [processors(row)] : []),
    ]),
  }
}

function processors({ cpu }: Row): string {
  return cpu === undefined ? '' : `${Math.round(cpu.server * 100)}/${percent(cpu.client)}`
}

function balance(row: Row): string {
  const { sent, answered, aborted } = row
  const rest = aborted === undefined ? '' : ` + ${count(aborted)}`
  return `${count(sent)} ${isBalanced(row) ? '=' : '≠'} ${count(answered)}${rest}`
}

/** A first cell that is longer than its column has a line of its own: nothing is cut. */
function grid({ head, rows }: Table, paint: Paint): string {
  const widths = widthsOf([head, ...rows])
  const lines = new Grid({
    head: head.map((cell) => paint('dim', cell)),
    colWidths: widths,
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
    wordWrap: true,
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const [name = '', ...cells] of rows) {
    const fits = name.length <= (widths[0] ?? 0)
    if (!fits) lines.push([{ content: name, colSpan: head.length }])
    lines.push([fits ? name : '', ...cells.map((cell) => markWrong(cell, paint))])
  }
  return lines
    .toString()
    .split('\n')
    .map((line) => ' '.repeat(INDENT) + line.trimEnd())
    .join('\n')
}

/** As wide as their cells; where the page is not, the widest gives way, the first before others. */
function widthsOf(lines: readonly (readonly string[])[]): number[] {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(1, ...lines.map((line) => line[column]?.length ?? 0)),
  )
  const room = WIDTH - INDENT - (widths.length - 1) * GAP.length
  const excess = (): number => widths.reduce((sum, width) => sum + width, -room)
  const first = widths[0] ?? 0
  widths[0] = Math.min(first, Math.max(NARROWEST, first - excess()))
  while (excess() > 0) {
    const widest = widths.indexOf(Math.max(...widths))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

function markWrong(cell: string, paint: Paint): string {
  return cell.includes('≠') ? paint('red', cell) : cell
}

function noteOf({ note }: Table, paint: Paint): string[] {
  return note === undefined
    ? []
    : [paint('dim', wrap(' '.repeat(INDENT) + note, ' '.repeat(INDENT)))]
}

function verdictOf({ ok, name, detail }: Check, paint: Paint): string {
  const [mark, style] = ok ? (['✓', 'green'] as const) : (['✗', 'red'] as const)
  return wrap(`  ${mark} ${name}: ${detail}`, '    ').replace(mark, paint(style, mark))
}

/** @param indent of the lines behind the first */
function wrap(text: string, indent: string): string {
  let line = ''
  const lines: string[] = []
  for (const word of text.split(/(?<=\S) /)) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = indent + word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join('\n')
}

const GAP = '  '
const LINES =
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid'
const NO_LINES = {
  ...Object.fromEntries(LINES.split(' ').map((part) => [part, ''])),
  middle: GAP,
}
