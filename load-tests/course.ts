/** What became of an open loop's requests, second by second. */
import type { Ended } from './paced.js'

/** Requests a second, by when they were due. */
export interface Second {
  readonly due: number
  /** In time. */
  readonly answered: number
}

/**
 * @param start milliseconds since the load began
 * @param seconds from then on; the last may be a part of one
 */
export function courseOf(ended: readonly Ended[], start: number, seconds: number): Second[] {
  const course = Array.from({ length: Math.ceil(seconds) }, () => ({ due: 0, answered: 0 }))
  for (const { due, outcome } of ended) {
    const at = Math.floor((due - start) / 1000)
    const second = course[at]
    if (second === undefined) continue
    const rate = 1 / Math.min(1, seconds - at)
    second.due += rate
    if (outcome === 'answered') second.answered += rate
  }
  return course
}
