/**
 * How long a queue lets wait where nobody said how long: about as long as the work takes. While the
 * queue stands (see codel.ts), whoever would wait more than twice an average run, or 50 ms, is not let
 * in, and whoever did is not started: both are told to come back while their callers still listen, and
 * what is started is done in about three times what it takes. A burst that is over sooner may wait.
 *
 * How long a run takes is told by those that learn it anyway; a fixed limit, which times nothing, is
 * asked for it by Little's law: one slot's share of the time between two that leave a standing queue.
 */
import { Codel } from './codel.js'

/** Milliseconds, for work that takes less. */
const SHORTEST_TARGET = 25
/** Of the targets' length; CoDel's own ratio, about. */
const INTERVAL = 4
/** The weight of the last run in the average. */
const SMOOTHING = 0.05
/** As many as there are slots leave in the time of a run; of many slots some tell enough. */
const MOST_COUNTED = 20
const COUNTED_SMOOTHING = 0.2

export class Patience {
  /** Before anything is known of the work, no wait is too long. */
  readonly #codel: Codel
  readonly #shortestInterval: number
  /** Milliseconds; 0 before the first. */
  #run = 0
  /** When the last one left the queue, and those that left it while it stood. */
  #departed = Number.POSITIVE_INFINITY
  #counted = 0
  #countedSince = 0
  #samples = 0

  /** @param shortestInterval milliseconds that a burst may last, however short the work */
  constructor(shortestInterval: number = INTERVAL * SHORTEST_TARGET) {
    this.#shortestInterval = shortestInterval
    this.#codel = new Codel(Number.POSITIVE_INFINITY, shortestInterval)
  }

  /** @param run milliseconds that one piece of work takes @param now when one ended */
  learn(run: number, now: number): void {
    this.#average(run, SMOOTHING, now)
  }

  /** One leaves the queue, in which it has been since then, for one of so many slots. */
  depart(since: number, now: number, limit: number): void {
    const stands = since <= this.#departed && this.#departed <= now
    this.#departed = now
    // Where nobody waited in between, it was not for want of a slot that nobody left.
    if (!stands) {
      this.#counted = 0
      this.#countedSince = now
      return
    }
    if (++this.#counted < Math.min(limit, MOST_COUNTED)) return
    const run = ((now - this.#countedSince) / this.#counted) * limit
    this.#average(run, Math.max(1 / ++this.#samples, COUNTED_SMOOTHING), now)
    this.#counted = 0
    this.#countedSince = now
  }

  /** One was let in without a wait. @param now undefined where nobody reads the clock for it */
  letIn(now: number | undefined): void {
    if (now === undefined) this.#codel.recordNone()
    else this.#codel.record(0, now)
  }

  /** Takes the wait of one that leaves the queue, and says whether that was too long. */
  isTooLate(waited: number, now: number): boolean {
    return this.#codel.isTooLate(waited, now)
  }

  /** Whether one that joins behind so many others would wait too long; by Little's law. */
  wouldBeTooLate(ahead: number, limit: number): boolean {
    return this.#codel.wouldBeTooLate(((ahead + 1) * this.#run) / limit)
  }

  #average(run: number, factor: number, now: number): void {
    const isFirst = this.#run === 0
    this.#run = isFirst ? run : this.#run + (run - this.#run) * factor
    if (this.#run === 0) return
    this.#codel.target = Math.max(SHORTEST_TARGET, this.#run)
    this.#codel.interval = Math.max(this.#shortestInterval, INTERVAL * this.#codel.target)
    // What is known now says nothing of how long those before were to wait.
    if (isFirst) this.#codel.restart(now)
  }
}
