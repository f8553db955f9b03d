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
    this.#rejections++
    if (now - this.#windowStart >= this.#seconds * 1000) {
      if (this.#rejections >= 3 * this.#seconds) {
        this.#seconds = Math.min(this.#seconds * 2, LONGEST)
      } else if (this.#rejections < this.#seconds) {
        this.#seconds = Math.max(this.#seconds - 1, 1)
      }
      this.#windowStart = now
      this.#rejections = 0
    }
    return this.#seconds + Math.floor(this.#random() * (this.#seconds + 1))
  }
}
