/**
 * The limit of work that queues behind itself: as much as fills what is behind it, and a little more.
 *
 * By Little's law, of those in flight the part that a delay is of what work takes waits for the others;
 * the rest, a tenth more, and one, keep what is behind busy. That holds whatever number was in flight,
 * so that a limit which is far off is right at once. What may be chance moves it a little only.
 *
 * Each change of the number in flight is an experiment: a queue of ours gets longer and shorter with
 * it. Where that is not so twice in a row, the work waits for something else, or is slow by itself.
 */
import type { MoveCause } from './findings.js'

/** What a window of samples says. */
export interface Judgement {
  /** How many were in flight, on average and at most. */
  readonly inFlight: number
  readonly peak: number
  /** Milliseconds that work took on average, and that part of it that is a delay. */
  readonly rtt: number
  readonly delay: number
  /** That it is one is no chance. */
  readonly isSlow: boolean
  /** Most of it succeeded. */
  readonly isGood: boolean
}

const HEADROOM = 1.1
/** Where there is no delay to speak of. */
const GROWTH = 1.3
const NO_DELAY = 0.05
/** What one cut leaves at least; and how much of a change is made that may be chance. */
const CUT = 0.5
const CAREFUL = 0.3
/** Of in flight: a change that shows. */
const STEP = 0.25
/** In a row. */
const CERTAIN = 2
/** Windows in a row that used less of the limit. */
const CALM = 5
const UNUSED = 0.7
/** Windows after which more is tried, in case that does no harm. */
const PROBE = 15

export class QueueBound {
  limit: number
  #calm = 0
  #unprobed = 0
  /** What was before the number in flight changed. */
  #before: Judgement | undefined
  #else = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** Takes one more window. */
  adjust(now: Judgement): MoveCause {
    if (this.#waitsForElse(now)) return 'elsewhere'
    const isUnused = now.peak < this.limit * UNUSED && !now.isSlow
    this.#calm = isUnused && now.isGood ? this.#calm + 1 : 0
    if (this.#calm >= CALM) return 'free'
    return isUnused ? 'room' : this.#move(now)
  }

  #move(now: Judgement): MoveCause {
    const { inFlight, peak, rtt, delay, isSlow, isGood } = now
    const { limit } = this
    const fits = inFlight * Math.max(0, 1 - delay / rtt) * HEADROOM + 1
    const isUsed = peak >= Math.floor(limit) - 1
    let cause: MoveCause = fits < limit ? 'queueing' : 'room'
    if (fits < limit) {
      this.limit = isSlow ? Math.max(fits, limit * CUT) : limit + (fits - limit) * CAREFUL
    } else if (isGood && isUsed) {
      this.limit = delay < rtt * NO_DELAY ? Math.max(fits, inFlight * GROWTH) : fits
    }
    if (++this.#unprobed >= PROBE && isGood) {
      this.#unprobed = 0
      this.#before = undefined
      const more = inFlight * GROWTH + 1
      if (more > this.limit) {
        this.limit = more
        cause = 'probe'
      }
    }
    this.#before ??= now
    return cause
  }

  #waitsForElse({ inFlight, delay }: Judgement): boolean {
    const before = this.#before
    if (before === undefined) return false
    const change = inFlight / before.inFlight - 1
    if (Math.abs(change) < STEP) return false
    this.#before = undefined
    const isOwn = (delay - before.delay) / (change * before.rtt) > 0.5
    this.#else = isOwn ? 0 : this.#else + 1
    if (this.#else < CERTAIN) return false
    this.#else = 0
    return true
  }
}
