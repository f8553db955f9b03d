/**
 * The shortest of the recent runs: what a run takes at least, as far as is known. Recent is the last
 * 10 to 20 seconds; of fewer than ten runs it says nothing, so that one slow start condemns nobody.
 * Two minima that take turns: O(1) in time and space.
 */
const PERIOD = 10_000
const ENOUGH = 10

export class ShortestRun {
  #end = Number.NEGATIVE_INFINITY
  #count = 0
  #shortest = Number.POSITIVE_INFINITY
  #countBefore = 0
  #shortestBefore = Number.POSITIVE_INFINITY

  /** @param run milliseconds @param now when it ended */
  record(run: number, now: number): void {
    this.#moveOn(now)
    this.#count++
    if (run < this.#shortest) this.#shortest = run
  }

  /** Milliseconds; 0 when too little is known. */
  at(now: number): number {
    this.#moveOn(now)
    if (this.#count + this.#countBefore < ENOUGH) return 0
    return Math.min(this.#shortest, this.#shortestBefore)
  }

  #moveOn(now: number): void {
    if (now < this.#end) return
    const isLate = now - this.#end >= PERIOD
    this.#countBefore = isLate ? 0 : this.#count
    this.#shortestBefore = isLate ? Number.POSITIVE_INFINITY : this.#shortest
    this.#count = 0
    this.#shortest = Number.POSITIVE_INFINITY
    this.#end = now + PERIOD
  }
}
