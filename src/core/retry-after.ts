/**
 * How long to tell a rejected client to stay away: 1 s at first, doubled (to 32 s) while a window of
 * that length saw at least three rejections a second, one second less when it saw fewer than one.
 * The answer is drawn from [r, 2r], so that clients rejected together do not return together.
 * Source: Kubernetes' API Priority and Fairness ("dropped requests tracker").
 */
import { type Clock, systemClock } from './clock.js'

const LONGEST = 32

export class RetryAfter {
  readonly #clock: Clock
  readonly #random: () => number
  #seconds = 1
  #windowStart = Number.NEGATIVE_INFINITY
  #rejections = 0

  /** @param random gives [0, 1). */
  constructor(clock: Clock = systemClock, random: () => number = Math.random) {
    this.#clock = clock
    this.#random = random
  }

  /** Counts one rejection and returns whole seconds, in 1..64. */
  next(): number {
    const now = this.#clock()
    if (now - this.#windowStart >= this.#seconds * 1000) this.#turn(now)
    this.#rejections++
    return this.#seconds + Math.floor(this.#random() * (this.#seconds + 1))
  }

  /** Judges the window that has passed, and as empty those that passed after it. */
  #turn(now: number): void {
    let passed = now - this.#windowStart - this.#seconds * 1000
    if (this.#rejections >= 3 * this.#seconds) {
      this.#seconds = Math.min(this.#seconds * 2, LONGEST)
    } else if (this.#rejections < this.#seconds && this.#seconds > 1) {
      this.#seconds--
    }
    while (this.#seconds > 1 && passed >= this.#seconds * 1000) {
      passed -= this.#seconds * 1000
      this.#seconds--
    }
    this.#windowStart = now
    this.#rejections = 0
  }
}
