/** The report as people read it, 100 columns wide. */
import { styleText } from 'node:util'
import Table, { type Cell, type HorizontalTableRow } from 'cli-table3'
import { count, milliseconds, percent } from './format.js'
import { isClientBound, type Report } from './report.js'
import type { Result } from './runner.js'
import type { Check, Row } from './scenario.js'

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string

const COLUMNS = [
  { head: '', width: 26 },
  { head: 'conns', width: 5 },
  { head: 'rate/s', width: 8 },
  { head: 'p50', width: 9 },
  { head: 'p99', width: 9 },
  { head: 'errors', width: 6 },
  { head: 'sent = answered', width: 17 },
  { head: 'srv/cli CPU', width: 11 },
]
const GAP = ' '
const WIDTH = COLUMNS.reduce((sum, { width }) => sum + GAP.length + width, -GAP.length)

export function render(report: Report, colors: boolean): string {
  // Whether the stream takes them was decided by who asked.
  const paint: Paint = (style, text) =>
    colors ? styleText(style, text, { validateStream: false }) : text
  return [
    '',
    table(report.scenarios, paint),
    ...remarks(report).map((line) => paint('dim', line)),
    ...bottlenecks(report.scenarios).map((line) => paint('yellow', line)),
    verdict(report, paint),
    '',
  ].join('\n')
}

function table(results: readonly Result[], paint: Paint): string {
  const rule = across(paint('dim', '─'.repeat(WIDTH)))
  const rows = new Table({
    head: COLUMNS.map(({ head }) => paint('dim', head)),
    colWidths: COLUMNS.map(({ width }) => width),
    colAligns: COLUMNS.map((_, index) => (index === 0 ? 'left' : 'right')),
    wordWrap: true,
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const result of results) {
    const { name, question, seconds } = result
    rows.push(
      [rule],
      [across(`${paint('bold', name)}  ${question} ${paint('dim', `(${Math.round(seconds)} s)`)}`)],
      ...result.rows.map((row) => figures(row, paint)),
      ...result.checks.map((check) => [across(verdictOf(check, paint), 2)]),
    )
  }
  rows.push([rule])
  return rows.toString().replace(/ +$/gm, '')
}

function figures(row: Row, paint: Paint): HorizontalTableRow {
  const { label, connections, rate, p50, p99, errors, sent, answered, cpu } = row
  const balance = `${count(sent)} ${sent === answered ? '=' : '≠'} ${count(answered)}`
  return [
    `  ${label}`,
    count(connections),
    count(Math.round(rate)),
    milliseconds(p50),
    milliseconds(p99),
    errors === 0 ? '0' : paint('red', count(errors)),
    sent === answered ? balance : paint('red', balance),
    cpu === undefined ? '' : `${Math.round(cpu.server * 100)}/${percent(cpu.client)}`,
  ]
}

function verdictOf({ ok, name, detail }: Check, paint: Paint): string {
  const mark = ok ? paint('green', '✓') : paint('red', '✗')
  return `${mark} ${name}: ${ok ? paint('dim', detail) : paint('red', detail)}`
}

function remarks({ machine, pinning, quick }: Report): string[] {
  const { cpu, cores, platform, node } = machine
  return [
    `${cpu}, ${cores} cores, ${platform}, Node ${node}; ${pinning}`,
    `autocannon, closed loop, after a warm-up${quick ? '; --quick: too short to be quoted' : ''}`,
  ]
}

function bottlenecks(results: readonly Result[]): string[] {
  return results
    .flatMap(({ rows }) => rows.filter(isClientBound))
    .map(({ label }) => `The client was the bottleneck of ${label}: the server can do more.`)
}

function verdict({ scenarios, ok }: Report, paint: Paint): string {
  const failed = scenarios.filter((result) => !result.ok).map(({ name }) => name)
  if (ok) return paint('green', 'Every threshold held.')
  if (failed.length === 0) return paint('red', 'Interrupted.')
  return paint('red', `A threshold failed in ${failed.join(', ')}.`)
}

function across(content: string, indent = 0): Cell {
  return { content, colSpan: COLUMNS.length, style: { 'padding-left': indent } }
}

const LINES =
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid'
const NO_LINES = {
  ...Object.fromEntries(LINES.split(' ').map((part) => [part, ''])),
  middle: GAP,
}
