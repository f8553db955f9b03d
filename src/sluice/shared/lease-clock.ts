/**
 * The clock by which the store ends leases. It follows the store's time, but by at most one and a half
 * beats from one sync to the next, and never back: a clock that was set, or a store that did not run,
 * takes nobody's permits.
 */
import { beatOf } from './protocol.js'

const LONGEST_STEP = 1.5

export interface LeaseClock {
  /** Milliseconds that have passed for leases. */
  now: number
  /** The store's, when it was last read. */
  time: number
}

/**
 * @param time the store's, in milliseconds
 * @param lease the shortest of its members'
 * @returns milliseconds that have passed by the store's time
 */
export function advance(clock: LeaseClock, time: number, lease: number): number {
  const passed = Math.max(time - clock.time, 0)
  clock.time = time
  clock.now += Math.min(passed, LONGEST_STEP * beatOf(lease))
  return passed
}
