/**
 * How long to tell a rejected client to stay away: as many seconds as what came lately is times what
 * was let in of it. That is 1 where hardly any is rejected and 5 where four of five are. The answer is
 * drawn from [n, 2n], so that clients rejected together do not return together.
 *
 * Why: c clients that ask once a second each, where a are let in, ask just as often as can be let in
 * if each does so once in c/a seconds. A fixed time does not thin out the retries of a heavy overload,
 * and one that grows with its length keeps clients away from slots that are free.
 * Requests in ratio to accepts, over a window that moves on, are what "Handling Overload" (Site
 * Reliability Engineering, Google, 2016) lets clients throttle themselves by.
 *
 * What was rejected more than 5 s ago is over and has no part in it.
 */
import { type Clock, systemClock } from '../clock.js'

/** Milliseconds; what came in the last one and the one before it counts. */
const WINDOW = 2500
const LONGEST = 32

export class RetryAfter {
  readonly #clock: Clock
  readonly #random: () => number
  #windowStart = Number.NEGATIVE_INFINITY
  /** Rejected in this window, and in the one before. */
  #rejected = 0
  #rejectedBefore = 0
  /** How many had been let in when this window began, and when the one before did. */
  #admitted = 0
  #admittedBefore = 0

  /** @param random gives [0, 1). */
  constructor(clock: Clock = systemClock, random: () => number = Math.random) {
    this.#clock = clock
    this.#random = random
  }

  /**
   * Counts one rejection and returns whole seconds, in 1..32.
   * @param admitted how many were ever let in where this one was not
   */
  next(admitted: number): number {
    const now = this.#clock()
    const passed = now - this.#windowStart
    if (passed >= WINDOW) {
      this.#rejectedBefore = passed < 2 * WINDOW ? this.#rejected : 0
      this.#rejected = 0
      this.#admittedBefore = this.#admitted
      this.#admitted = admitted
      this.#windowStart = now
    }
    const rejected = ++this.#rejected + this.#rejectedBefore
    const letIn = admitted - this.#admittedBefore
    const seconds = Math.min((letIn + rejected) / Math.max(letIn, 1), LONGEST / 2)
    return Math.round(seconds * (1 + this.#random()))
  }
}
