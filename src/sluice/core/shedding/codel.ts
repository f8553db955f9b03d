/**
 * Tells a standing queue from a burst: a queue is overloaded when even the shortest wait of a whole
 * interval was longer than the target, and until an interval passes in which nobody was shed. While
 * it is, whoever waited more than twice the target is too late, so that the queue stays short enough
 * to be worth waiting in; otherwise nobody is.
 * Source: CoDel (Nichols and Jacobson, "Controlling Queue Delay", 2012), for requests in place of
 * packets as in Facebook's folly and "Fail at Scale" (2015).
 */
export class Codel {
  /** Milliseconds, > 0. */
  target: number
  /** Milliseconds, >= target. */
  interval: number
  #end = Number.NEGATIVE_INFINITY
  #shortest = Number.POSITIVE_INFINITY
  #overloaded = false
  #shed = false

  constructor(target: number, interval: number) {
    this.target = target
    this.interval = interval
  }

  /** Takes the wait of one that leaves the queue, and says whether that was too long. */
  isTooLate(waited: number, now: number): boolean {
    this.record(waited, now)
    return this.#sheds(waited)
  }

  /** Takes the wait of one that was let in without being asked about. */
  record(waited: number, now: number): void {
    if (now >= this.#end) this.#turn(now)
    if (waited < this.#shortest) this.#shortest = waited
  }

  /** One was let in without a wait, some time since the last record. */
  recordNone(): void {
    this.#shortest = 0
  }

  /** Begins an interval; what came before it counts for nothing. */
  restart(now: number): void {
    this.#overloaded = false
    this.#shed = false
    this.#shortest = Number.POSITIVE_INFINITY
    this.#end = now + this.interval
  }

  /** Says whether one that has not joined yet would wait too long. */
  wouldBeTooLate(expected: number): boolean {
    return this.#sheds(expected)
  }

  #sheds(waited: number): boolean {
    if (!this.#overloaded || waited <= 2 * this.target) return false
    this.#shed = true
    return true
  }

  #turn(now: number): void {
    // An interval in which nobody left the queue says nothing, as after a time of rest.
    const rested = now - this.#end >= this.interval
    const standing = this.#shortest > this.target
    this.#overloaded = !rested && (standing || this.#shed)
    this.#shed = false
    this.#shortest = Number.POSITIVE_INFINITY
    this.#end = now + this.interval
  }
}
