import type { Clock } from '../../src/index.js'

/** A clock that stands still until told otherwise. */
export function fakeClock(start = 0): Clock & { advance(ms: number): void } {
  let now = start
  return Object.assign(() => now, {
    advance(ms: number): void {
      now += ms
    },
  })
}
