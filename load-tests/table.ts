/** The report as people read it, 100 columns wide. */
import { styleText } from 'node:util'
import Grid from 'cli-table3'
import { count, milliseconds, percent } from './format.js'
import { isClientBound, type Report } from './report.js'
import type { Result } from './runner.js'
import type { Check, Row, Table } from './scenario.js'

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string

const WIDTH = 100
const INDENT = 2
/** A first column that is narrower than this is no use. */
const NARROWEST = 16

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
    ...bottlenecks(report.scenarios).map((line) => paint('yellow', line)),
    verdict(report, paint),
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
    rows: rows.map(({ label, connections, rate, p50, p99, errors, cpu, ...row }) => [
      label,
      count(connections),
      count(Math.round(rate)),
      milliseconds(p50),
      milliseconds(p99),
      count(errors),
      balance(row),
      ...(busy ? [cpu ? `${Math.round(cpu.server * 100)}/${percent(cpu.client)}` : ''] : []),
    ]),
  }
}

function balance({ sent, answered, aborted }: Pick<Row, 'sent' | 'answered' | 'aborted'>): string {
  const sign = sent === answered + (aborted ?? 0) ? '=' : '≠'
  const rest = aborted === undefined ? '' : ` + ${count(aborted)}`
  return `${count(sent)} ${sign} ${count(answered)}${rest}`
}

/** The first column gets what the others leave, and wraps. */
function grid({ head, rows }: Table, paint: Paint): string {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const others = widths.slice(1).reduce((sum, width) => sum + GAP.length + width, 0)
  const first = Math.min(widths[0] ?? 0, Math.max(NARROWEST, WIDTH - INDENT - others))
  const lines = new Grid({
    head: head.map((cell) => paint('dim', cell)),
    colWidths: [first, ...widths.slice(1)],
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
    wordWrap: true,
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) lines.push(row.map((cell) => markWrong(cell, paint)))
  return lines
    .toString()
    .split('\n')
    .map((line) => ' '.repeat(INDENT) + line.trimEnd())
    .join('\n')
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

function remarks({ machine, pinning, quick }: Report): string[] {
  const { cpu, cores, platform, node } = machine
  return [
    `${cpu}, ${cores} cores, ${platform}, Node ${node}; ${pinning}`,
    ...(quick ? ['--quick: too short to be quoted'] : []),
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

const GAP = '  '
const LINES =
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid'
const NO_LINES = {
  ...Object.fromEntries(LINES.split(' ').map((part) => [part, ''])),
  middle: GAP,
}
