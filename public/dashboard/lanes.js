/**
 * Which row of its route's lane a request is drawn in: the first that is free when it starts, so that
 * as many rows are taken at a moment as requests were in progress. No drawing here, and no page.
 */

/**
 * @typedef {import('../../routes/operators/stream/timeline.ts').RunningBar} RunningBar
 * @typedef {import('../../routes/operators/stream/timeline.ts').EndedBar} EndedBar
 *
 * @typedef {object} Drawn
 * @property {number} row
 * @property {number} start epoch milliseconds
 * @property {number} wait milliseconds
 * @property {boolean} waiting
 * @property {number} end Infinity while it is in progress
 * @property {EndedBar['outcome'] | undefined} outcome undefined as long as it has none, or none was told
 * @property {number | undefined} status
 */

export const MOST_ROWS = 20

export class Lane {
  /** In the order of their starts. @type {Drawn[]} */
  bars = []
  /** In progress, or cut while they were, by start. @type {Map<number, Drawn>} */
  #open = new Map()
  /** The bar that took each row last. @type {Drawn[]} */
  #rows = []

  /** How many rows are taken by what is still there. */
  get height() {
    return this.bars.reduce((most, { row }) => Math.max(most, row + 1), 0)
  }

  /**
   * Takes in what the server told at a moment.
   * @param {readonly RunningBar[]} running all that are followed
   * @param {readonly EndedBar[]} ended
   * @param {number} now epoch milliseconds
   * @returns {number} how many of those that ended found no free row
   */
  update(running, ended, now) {
    const lost = new Map(this.#open)
    let homeless = 0
    for (const told of [...ended, ...running].sort((a, b) => a.start - b.start)) {
      lost.delete(told.start)
      const bar = this.#open.get(told.start) ?? this.#place(told)
      if (bar === undefined) {
        // Once for each, though one in progress is told again and again.
        if ('outcome' in told) homeless++
        continue
      }
      bar.wait = told.wait
      if ('outcome' in told) {
        this.#open.delete(told.start)
        bar.waiting = false
        bar.end = told.start + told.wait + told.run
        bar.outcome = told.outcome
        bar.status = told.status
      } else {
        bar.waiting = told.waiting
        bar.end = Number.POSITIVE_INFINITY
      }
    }
    for (const [start, bar] of lost) {
      this.#open.delete(start)
      close(bar, now)
    }
    return homeless
  }

  /**
   * The connection is gone: nobody knows how those in progress go on, until another tells.
   * @param {number} now
   */
  cut(now) {
    for (const bar of this.#open.values()) close(bar, now)
  }

  /** Forgets what ended before. @param {number} time epoch milliseconds */
  prune(time) {
    if (!this.bars.some(({ end }) => end < time)) return
    for (const { start, end } of this.bars) if (end < time) this.#open.delete(start)
    this.bars = this.bars.filter(({ end }) => end >= time)
  }

  /**
   * @param {RunningBar | EndedBar} told
   * @returns {Drawn | undefined}
   */
  #place({ start, wait }) {
    let row = 0
    while (row < this.#rows.length && (this.#rows[row]?.end ?? 0) > start) row++
    if (row === MOST_ROWS) return undefined
    const end = Number.POSITIVE_INFINITY
    const bar = { row, start, wait, waiting: false, end, outcome: undefined, status: undefined }
    this.#rows[row] = bar
    this.#open.set(start, bar)
    this.bars.push(bar)
    return bar
  }
}

/**
 * Unless it is closed already.
 * @param {Drawn} bar
 * @param {number} now
 */
function close(bar, now) {
  if (Number.isFinite(bar.end)) return
  bar.end = Math.max(now, bar.start + bar.wait)
  if (bar.waiting) bar.wait = bar.end - bar.start
  bar.waiting = false
}
