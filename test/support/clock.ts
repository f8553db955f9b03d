import { vi } from 'vitest'
import type { Clock } from '../../src/sluice/index.js'

export type FakeClock = Clock & { advance(ms: number): void }

/** A clock that stands still until told otherwise. */
export function fakeClock(start = 0): FakeClock {
  let now = start
  return Object.assign(() => now, {
    advance(ms: number): void {
      now += ms
    },
  })
}

/** The same for `performance.now`, and so for the plugin, until `vi.restoreAllMocks`. */
export function stopPerformanceClock(): FakeClock {
  const clock = fakeClock(performance.now())
  vi.spyOn(performance, 'now').mockImplementation(clock)
  return clock
}
