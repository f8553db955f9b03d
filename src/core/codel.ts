/**
 * Tells a standing queue from a burst: a queue is overloaded when even the shortest wait of a whole
 * interval was longer than the target. While it is, whoever waited more than twice the target is too
 * late, so that the queue stays short enough to be worth waiting in; otherwise nobody is.
 * Source: CoDel (Nichols and Jacobson, "Controlling Queue Delay", 2012), for requests in place of
 * packets as in Facebook's folly and "Fail at Scale" (2015).
 */
export class Codel {
  readonly #target: number
  readonly #interval: number
  #end = Number.NEGATIVE_INFINITY
  #shortest = Number.POSITIVE_INFINITY
  #overloaded = false

  /** @param target milliseconds, > 0 @param interval milliseconds, >= target */
  constructor(target: number, interval: number) {
    this.#target = target
    this.#interval = interval
  }

  get overloaded(): boolean {
    return this.#overloaded
  }

  /** Takes the wait of one that leaves the queue, and says whether that was too long. */
  isTooLate(waited: number, now: number): boolean {
    if (now >= this.#end) {
      // An interval in which nobody left the queue says nothing, as after a time of rest.
      const late = now - this.#end >= this.#interval
      this.#overloaded = !late && this.#shortest > this.#target
      this.#shortest = waited
      this.#end = now + this.#interval
    } else if (waited < this.#shortest) this.#shortest = waited
    return this.#overloaded && waited > 2 * this.#target
  }
}
