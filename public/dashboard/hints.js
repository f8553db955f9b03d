/** What a person should look at: limits that hold work back while the processor has time to spare. */
import { count, milliseconds, percent } from './format.js'

/** @typedef {import('./stream.js').Snapshot} Snapshot */
/** @typedef {Snapshot['limiters'][number]} Limiter */

/** Snapshots in a row, of which one comes a second. */
const LASTING = 5
/** Of the event loop's time: what is less leaves plenty of it. */
const LITTLE_BUSY = 0.5

export class Hints {
  /**
   * Of each limiter: for how many snapshots it has held work back, and what it had rejected by then.
   * @type {Map<string, { lasts: number, rejected: number }>}
   */
  #known = new Map()

  /**
   * @param {Snapshot} snapshot the next one
   * @returns {string[]} sentences
   */
  take({ limiters, eventLoop: { utilization } }) {
    return limiters.flatMap((limiter) => {
      const before = this.#known.get(limiter.name)
      const rejected = rejectedBy(limiter)
      const isFull = limiter.inFlight >= limiter.limit && limiter.loop === undefined
      const holdsBack = limiter.queued > 0 || rejected > (before?.rejected ?? rejected)
      const isHint = isFull && holdsBack && utilization < LITTLE_BUSY
      const lasts = isHint ? (before?.lasts ?? 0) + 1 : 0
      this.#known.set(limiter.name, { lasts, rejected })
      return lasts < LASTING ? [] : [sentence(limiter, utilization)]
    })
  }
}

/** @param {Limiter} limiter */
function rejectedBy({ rejected: { aborted: _, ...reasons } }) {
  return Object.values(reasons).reduce((sum, one) => sum + one, 0)
}

/**
 * @param {Limiter} limiter
 * @param {number} utilization
 */
function sentence({ name, limit, queued, found = [] }, utilization) {
  const facts = `${name} is full at ${count(limit)}, ${count(queued)} wait, and the event loop is busy for ${percent(utilization)} of the time`
  const behind = found.filter(({ bound }) => bound).map(({ behindMs }) => behindMs)
  return behind.length > 0
    ? `${facts}: what its work waits for, ${milliseconds(Math.max(...behind))} behind the limit, is the bottleneck.`
    : `${facts}: if what is behind it can take more, the limit is far too low.`
}
