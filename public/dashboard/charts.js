/** The charts of the page: what is kept of the last five minutes, a row a second, and how it is drawn. */
import { Chart } from './chart.js'
import { find } from './dom.js'
import { count, rate, words } from './format.js'

/**
 * @typedef {import('./stream.js').History} History
 * @typedef {import('./stream.js').Row} Row
 * @typedef {import('./chart.js').Values} Values
 */

/** Where each figure is in a row; behind them come the totals by reason, then the limiters. */
const [TIME, ACTIVE, ANSWERED, ABORTED, REJECTED, BUSY, LATE, FIRST_REASON] = [
  0, 1, 2, 3, 4, 5, 6, 7,
]
const ROWS = 300
/** Milliseconds without a row that make a gap. */
const GAP = 3500
/** More of them are in the table only. */
const MOST_LIMITERS = 12
/** A limit that is so many times more than what is there would press it flat. */
const FAR = 5

/** @type {Row[]} */
let rows = []
/** @type {readonly string[]} */
let reasons = []
/** @type {readonly string[]} */
let limiters = []
/** @type {{ chart: Chart, data: () => uPlot.AlignedData }[]} */
let charts = []

/** The first of a connection: what the page had before is kept where the server knows less. */
/** @param {History} history */
export function showHistory({ rows: told, ...names }) {
  const isSame = String([names.limiters, names.reasons]) === String([limiters, reasons])
  const from = told[0]?.[TIME] ?? 0
  rows = isSame ? rows.filter((row) => at(row, TIME) < from).concat(told) : told
  rows = rows.slice(-ROWS)
  if (!isSame) {
    reasons = names.reasons
    limiters = names.limiters
    build()
  }
  drawAll()
}

/** @param {Row} row */
export function showRow(row) {
  rows.push(row)
  if (rows.length > ROWS) rows.shift()
  drawAll()
}

/** The latest, and what it is a second more than the one before. */
export function latest() {
  const [before, now] = rows.slice(-2)
  if (before === undefined || now === undefined) return undefined
  return {
    active: at(now, ACTIVE),
    answered: perSecond(before, now, ANSWERED) ?? 0,
    rejected: perSecond(before, now, REJECTED) ?? 0,
    aborted: perSecond(before, now, ABORTED) ?? 0,
  }
}

/** Who left a queue was not shed: they are among the clients that left. */
function shedding() {
  return reasons
    .map((reason, index) => ({ reason, column: FIRST_REASON + index }))
    .filter(({ reason }) => reason !== 'aborted')
}

function build() {
  for (const { chart } of charts) chart.remove()
  charts = []
  const traffic = find('#charts')
  add(
    traffic,
    'Requests a second',
    [
      { name: 'answered', colour: 'run', show: rate, filled: true },
      { name: 'rejected', colour: 'shed', show: rate },
      { name: 'client left', colour: 'gone', show: rate },
    ],
    () => [ANSWERED, REJECTED, ABORTED].map(rates),
  )
  add(
    traffic,
    'Rejections a second, by reason',
    shedding().map(({ reason }, index) => ({
      name: words(reason),
      colour: /** @type {const} */ (['shed', 'wait', 'c3', 'c4', 'c5'])[index] ?? 'ink',
      show: rate,
    })),
    () => shedding().map(({ column }) => rates(column)),
  )
  add(
    traffic,
    'Event loop busy, %',
    [{ name: 'utilization', colour: 'run', show: rate, filled: true }],
    () => [values(BUSY, 100)],
    () => 100,
  )
  add(
    traffic,
    'Event loop late, ms',
    [{ name: 'p99 of its delay', colour: 'c3', show: rate, filled: true }],
    () => [values(LATE)],
  )
  limiters.slice(0, MOST_LIMITERS).forEach((name, index) => {
    const column = FIRST_REASON + reasons.length + 3 * index
    add(
      find('#limiter-charts'),
      name,
      [
        { name: 'in flight', colour: 'run', show: count, filled: true, stepped: true },
        { name: 'queued', colour: 'wait', show: count, stepped: true },
        { name: 'limit', colour: 'ink', show: count, dashed: true, stepped: true },
      ],
      () => [column + 1, column + 2, column].map((one) => values(one)),
      ([, inFlight, queued, limit]) => {
        const there = Math.max(highest(inFlight), highest(queued))
        const bound = highest(limit)
        return headroom(bound > FAR * Math.max(there, 2) ? there : Math.max(there, bound))
      },
    )
  })
}

/**
 * @param {HTMLElement} parent
 * @param {string} title
 * @param {readonly import('./chart.js').Line[]} lines
 * @param {() => Values[]} read
 * @param {(data: uPlot.AlignedData) => number} [top]
 */
function add(
  parent,
  title,
  lines,
  read,
  top = ([, ...all]) => headroom(Math.max(...all.map(highest))),
) {
  const chart = new Chart(parent, title, lines, top)
  charts.push({ chart, data: () => /** @type {uPlot.AlignedData} */ ([times(), ...read()]) })
}

function drawAll() {
  for (const { chart, data } of charts) chart.show(data())
}

/** @param {number} value */
const headroom = (value) => Math.max(value * 1.15, 1)

/** @param {ArrayLike<number | null | undefined> | undefined} of */
const highest = (of) =>
  Array.from(of ?? []).reduce((/** @type {number} */ most, value) => Math.max(most, value ?? 0), 0)

/**
 * @param {Row} row
 * @param {number} column
 */
const at = (row, column) => row[column] ?? 0

const times = () => rows.map((row) => at(row, TIME) / 1000)

/**
 * @param {number} column
 * @param {number} [times]
 * @returns {Values}
 */
const values = (column, times = 1) =>
  rows.map((row, index) => (isGap(index) ? null : at(row, column) * times))

/** @param {number} column @returns {Values} */
const rates = (column) =>
  rows.map((row, index) => {
    const before = rows[index - 1]
    return before === undefined || isGap(index) ? null : perSecond(before, row, column)
  })

/** @param {number} index */
function isGap(index) {
  const [before, row] = [rows[index - 1], rows[index]]
  return before !== undefined && row !== undefined && at(row, TIME) - at(before, TIME) > GAP
}

/**
 * A server that was started again counts from 0.
 * @param {Row} before
 * @param {Row} row
 * @param {number} column
 */
function perSecond(before, row, column) {
  const more = at(row, column) - at(before, column)
  const seconds = (at(row, TIME) - at(before, TIME)) / 1000
  return more < 0 || seconds <= 0 ? null : more / seconds
}
