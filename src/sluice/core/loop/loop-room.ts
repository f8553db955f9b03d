/**
 * How much loop time those in flight may still need, together. Work behind an `await` asks nobody
 * before it computes: let in without bound, it fills the loop's turns, and newcomers hang. What is
 * enough is not known beforehand, since part of the work waits elsewhere; so it is found: less while
 * the loop is late, more while somebody waits for room and the loop still has time. As long as it is
 * not late, all have room.
 * Source: additive feedback of a concurrency limit by queueing delay, as in Breakwater (OSDI 2020), on
 * the loop's lateness; bounded in work, not in requests.
 */

/** Milliseconds that the loop may be late on average: about half of a turn. */
const MOST_LATE = 15
/** Of a reading's time. */
const LITTLE_IDLE = 0.03
/** The most that one step takes, and gives. */
const LESS = 0.5
const MORE = 1.5
/** Milliseconds: one piece of work may always go on. */
const LEAST = 10
/** Readings in a row without anybody waiting for room. */
const CALM = 20

/** What a stretch of time was like for the loop. */
export interface LoopReading {
  /** Milliseconds that what was due came too late, on average. */
  readonly lateness: number
  /** Milliseconds in which it had something to do; part of `passed`. */
  readonly busy: number
  /** How long the stretch was, in milliseconds. */
  readonly passed: number
}

export class LoopRoom {
  /** Milliseconds of loop time; Infinity: the loop is not late. */
  most = Number.POSITIVE_INFINITY
  /** Milliseconds that those in flight are expected to need. */
  held = 0
  /** Milliseconds that what was due came too late, on average, when it was told last. */
  lateness = 0
  #peak = 0
  #wanted = false
  #calm = 0

  get isFree(): boolean {
    return this.held < this.most
  }

  take(cost: number): void {
    this.held += cost
    if (this.held > this.#peak) this.#peak = this.held
  }

  /** Somebody waits for room. */
  want(): void {
    this.#wanted = true
  }

  adjust({ lateness, busy, passed }: LoopReading): void {
    const idle = 1 - busy / passed
    const peak = this.#peak
    this.lateness = lateness
    const wanted = this.#wanted
    this.#peak = this.held
    this.#wanted = false
    const isLate = lateness > MOST_LATE && idle < LITTLE_IDLE
    if (this.most === Number.POSITIVE_INFINITY) {
      // Once may be chance: no more, for now.
      if (isLate) this.most = Math.max(LEAST, peak)
      this.#calm = 0
      return
    }
    if (isLate) {
      const less = Math.max(LESS, MOST_LATE / lateness)
      this.most = Math.max(LEAST, Math.min(this.most, peak) * less)
    } else if (wanted && idle > LITTLE_IDLE) this.most *= Math.min(MORE, 1 + idle)
    this.#calm = wanted || isLate ? 0 : this.#calm + 1
    if (this.#calm >= CALM) this.most = Number.POSITIVE_INFINITY
  }
}
