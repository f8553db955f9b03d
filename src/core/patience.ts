/**
 * How long a queue lets wait before a limit that finds itself, where nobody said how long: about as
 * long as the work takes. While the queue stands (see codel.ts), whoever would wait more than twice
 * an average run, or 50 ms, is not let in, and whoever did is not started: both are told to come back
 * while their callers still listen, and what is started is done in about three times what it takes.
 */
import { Codel } from './codel.js'

/** Milliseconds, for work that takes less. */
const SHORTEST_TARGET = 25
/** Of the targets' length; CoDel's own ratio, about. */
const INTERVAL = 4
/** The weight of the last run in the average. */
const SMOOTHING = 0.05

export class Patience {
  readonly #codel = new Codel(SHORTEST_TARGET, INTERVAL * SHORTEST_TARGET)
  /** Milliseconds; 0 before the first. */
  #run = 0

  /** @param run milliseconds that one piece of work took */
  learn(run: number): void {
    this.#run = this.#run === 0 ? run : this.#run + (run - this.#run) * SMOOTHING
    this.#codel.target = Math.max(SHORTEST_TARGET, this.#run)
    this.#codel.interval = INTERVAL * this.#codel.target
  }

  /** One was let in without a wait. */
  letIn(now: number): void {
    this.#codel.record(0, now)
  }

  /** Takes the wait of one that leaves the queue, and says whether that was too long. */
  isTooLate(waited: number, now: number): boolean {
    return this.#codel.isTooLate(waited, now)
  }

  /** Whether one that joins behind so many others would wait too long; by Little's law. */
  wouldBeTooLate(ahead: number, limit: number): boolean {
    return this.#codel.wouldBeTooLate(((ahead + 1) * this.#run) / limit)
  }
}
