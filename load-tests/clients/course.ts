/** What became of an open loop's requests, second by second. */
import type { Ended } from './open-loop.js'

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
    const second = course[Math.floor((due - start) / 1000)]
    if (second === undefined) continue
    second.due++
    if (outcome === 'answered') second.answered++
  }
  return course.map(({ due, answered }, at) => {
    const width = Math.min(1, seconds - at)
    return { due: due / width, answered: answered / width }
  })
}
