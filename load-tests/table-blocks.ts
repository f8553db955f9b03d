/** What the terminal's report is made of: each block is at most 98 columns wide, and cuts nothing. */
import type { styleText } from 'node:util'
import CliTable, { type HorizontalTableRow } from 'cli-table3'
import { count, milliseconds, percent } from './format.js'
import { isBalanced } from './report.js'
import type { Row, Table } from './scenario.js'

export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string

const FIGURES = [
  { head: '', width: 26 },
  { head: 'conns', width: 5 },
  { head: 'rate/s', width: 8 },
  { head: 'p50', width: 9 },
  { head: 'p99', width: 9 },
  { head: 'errors', width: 6 },
  { head: 'sent = answered', width: 17 },
  { head: 'srv/cli CPU', width: 11 },
]
const LABEL_WIDTH = FIGURES[0]?.width ?? 0
const INDENT = 2
export const WIDTH = FIGURES.reduce((sum, { width }) => sum + 1 + width, -1)

/** Text wrapped at spaces. */
export function paragraph(text: string, indent = 0): string {
  const block = grid([WIDTH], '')
  block.push([{ content: text, style: { 'padding-left': indent } }])
  return block.toString()
}

/** One line a row; a label that does not fit has a line of its own above its figures. */
export function figures(rows: readonly Row[], paint: Paint): string {
  const block = grid(
    FIGURES.map(({ width }) => width),
    ' ',
  )
  block.push(FIGURES.map(({ head }) => paint('dim', head)))
  for (const row of rows) {
    const label = ' '.repeat(INDENT) + row.label
    const fits = label.length <= LABEL_WIDTH
    if (!fits) block.push([{ content: label, colSpan: FIGURES.length }])
    block.push([fits ? label : '', ...figuresOf(row, paint)] as HorizontalTableRow)
  }
  return block.toString()
}

/** Columns as wide as they need to be; what is too wide for the page wraps in its widest. */
export function columns({ head, rows }: Table, paint: Paint): string {
  const [first = '', ...others] = head
  const lines = [[first, ...others], ...rows]
  const widths = head.map((_, at) =>
    Math.max(1, ...lines.map((line) => (line[at] ?? '').length + (at === 0 ? INDENT : 0))),
  )
  const gaps = (widths.length - 1) * 2
  while (widths.reduce((sum, width) => sum + width, gaps) > WIDTH) {
    const widest = widths.indexOf(Math.max(...widths))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  const block = grid(widths, '  ')
  block.push(
    ...lines.map((line, number) =>
      line.map((cell, at) => ({
        content: number === 0 ? paint('dim', cell) : cell,
        style: { 'padding-left': at === 0 ? INDENT : 0 },
      })),
    ),
  )
  return block.toString()
}

function figuresOf(row: Row, paint: Paint): string[] {
  const { connections, rate, p50, p99, errors, sent, answered, aborted, cpu } = row
  const balanced = isBalanced(row)
  const balance =
    `${count(sent)} ${balanced ? '=' : '≠'} ${count(answered)}` +
    (aborted === undefined ? '' : `\n+ ${count(aborted)} aborted`)
  return [
    count(connections),
    count(Math.round(rate)),
    milliseconds(p50),
    milliseconds(p99),
    errors === 0 ? '0' : paint('red', count(errors)),
    balanced ? balance : paint('red', balance),
    cpu === undefined ? '' : `${Math.round(cpu.server * 100)}/${percent(cpu.client)}`,
  ]
}

function grid(widths: number[], gap: string) {
  return new CliTable({
    colWidths: widths,
    colAligns: widths.map((_, index) => (index === 0 ? 'left' : 'right')),
    wordWrap: true,
    chars: { ...NO_LINES, middle: gap },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
}

const LINES =
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid'
const NO_LINES = Object.fromEntries(LINES.split(' ').map((part) => [part, '']))
