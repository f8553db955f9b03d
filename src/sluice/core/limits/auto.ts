import { checkNames, checkNumberIn, checkObject, show, wrongType } from '../check.js'
import { readBounds } from './bounds.js'
import { Findings, type LimitFindings, type MoveCause } from './findings.js'
import { checkRtt, type LimitAlgorithm, type Sample } from './limit.js'
import { type Judgement, QueueBound } from './queue-bound.js'
import { type Quantiles, SampleWindow } from './sample-window.js'
import { Usual } from './usual.js'

/** Of `AutoLimit`, by its name, too. */
export interface AutoOptions {
  /** An integer in [min, max]; default 50: where it floats before anything is known. */
  initial?: number | undefined
  /** An integer >= 1; default 1. */
  min?: number | undefined
  /** An integer >= min; default 10,000. */
  max?: number | undefined
  /** Gives the milliseconds, >= 0, that the event loop makes everything wait now; default 0. */
  loopWait?: (() => number) | undefined
}

/** How often a piece of work waits for the loop: to begin, for what it waited for, to be sent. */
const LOOP_PASSES = 3
/** Of what work takes: the most that may be a wait for the loop. */
const MOST_OF_IT = 0.9
/** The weight of a window in what work takes. */
const WEIGHT = 0.1
/** Times what is in flight: room for a burst. */
const FLOAT = 3
const FADING = 0.98
/** In flight: less is no queue of its own. */
const FEWEST = 2
/** Windows in a row. */
const CERTAIN = 2
/** Of a limit: what is left by a cut that is waited for. */
const CUT = 0.9
/** Samples that tell how long work takes; and where it varies little. */
const ENOUGH = 20
const ENOUGH_OF_ALIKE = 10

/**
 * For work of which nothing is known: bounds it only while it queues behind itself.
 *
 * What waits in line behind a pool or a downstream makes all of it slower, the quickest, too; what
 * merely varies does not (CoDel, 2012). So windows of samples are compared with what they usually say
 * (see usual.ts): two low quantiles must both have risen by more than they vary, twice in a row.
 *
 * - Free, as long as they have not: the limit floats far above what is in flight.
 * - Bound, once they have: to what queue-bound.ts finds.
 * - Free again, once that is not used up any more. Where the work is slow for another reason, that is
 *   what it usually is from now on.
 *
 * After a cut nothing counts for as long as work takes: what began before ends then, and of the rest
 * only the quickest. What fails quickly says nothing; what was dropped, or left by its client, took at
 * least so long. Cost: O(log n) a sample, for n in a window.
 */
export class AutoLimit implements LimitAlgorithm {
  readonly learnsFromLosses = true
  readonly #min: number
  readonly #max: number
  readonly #initial: number
  readonly #loopWait: () => number
  readonly #usual = new Usual()
  readonly #findings = new Findings()
  #limit: number
  #bound: QueueBound | undefined
  #window: SampleWindow | undefined
  /** What ends before does not count, in milliseconds. */
  #from = 0
  /** Milliseconds that work takes without its delay, on average. */
  #work: number | undefined
  /** The most in flight, fading. */
  #peak = 0
  #suspicions = 0

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  constructor(options: AutoOptions = {}) {
    checkObject('options', options)
    checkNames(options, ['initial', 'min', 'max', 'loopWait'])
    const { initial, min, max } = readBounds(options, { initial: 50, min: 1, max: 10_000 })
    const { loopWait = () => 0 } = options
    if (typeof loopWait !== 'function') throw wrongType('loopWait', show(loopWait), 'a function')
    this.#min = min
    this.#max = max
    this.#initial = initial
    this.#limit = initial
    this.#loopWait = loopWait
  }

  get limit(): number {
    return this.#limit
  }

  get findings(): LimitFindings {
    return this.#findings
  }

  /** Milliseconds that work takes without a delay, on average; undefined before it is known. */
  get usualRtt(): number | undefined {
    return this.#work
  }

  onSample(sample: Sample): number {
    const { startTime, rtt, dropped, failed, censored } = sample
    checkRtt(rtt)
    const now = startTime + rtt
    // Work goes on when its caller has left; who fails, or is refused, has done none.
    const isGood = !(dropped || failed)
    const isQuick = !this.#usual.isKnown || rtt <= this.#usual.low
    if (now < this.#from || ((censored || !isGood) && isQuick)) return this.#limit
    this.#window ??= new SampleWindow(now)
    this.#window.add(sample, isGood)
    const enough = this.#usual.variesLittle ? ENOUGH_OF_ALIKE : ENOUGH
    if (this.#window.isFull(now, enough)) this.#judge(this.#window, now)
    return this.#limit
  }

  #judge(window: SampleWindow, now: number): void {
    const usual = this.#usual
    const seen = usual.isKnown ? window.quantiles() : window.quantilesAtFirst()
    const loopWait = this.#loopWait()
    checkNumberIn('loopWait', loopWait, 'milliseconds >= 0', (n) => n >= 0 && n < Infinity)
    const own = without(LOOP_PASSES * loopWait, seen)
    const isSlow = usual.isKnown && usual.isSlow(own)
    const delay = usual.isKnown ? usual.delay(own) : 0
    const work = seen.mean - delay
    this.#work = this.#work === undefined ? work : this.#work + (work - this.#work) * WEIGHT
    const before = this.#limit
    let cause: MoveCause = 'free'
    if (this.#bound === undefined) this.#watch(window, seen, isSlow, now)
    if (this.#bound !== undefined) {
      const { inFlight, peak } = window
      const isGood = isMostlyGood(window)
      const judgement = { inFlight, peak, rtt: seen.mean, delay, isSlow, isGood }
      cause = this.#adjust(this.#bound, seen, judgement)
    }
    this.#limit = Math.min(Math.max(this.#limit, this.#min), this.#max)
    this.#findings.move(before, this.#limit, cause)
    Object.assign(this.#findings, {
      ...{ bound: this.#bound !== undefined, usualMs: this.#work, behindMs: delay },
      ...{ loopMs: loopWait, throughput: window.rate(now) },
    })
    this.#from = this.#limit < before * CUT ? now + seen.mean : now
    this.#window = new SampleWindow(this.#from)
  }

  /** While it floats. */
  #watch(window: SampleWindow, seen: Quantiles, isSlow: boolean, now: number): void {
    const isSuspect = isSlow && window.inFlight >= FEWEST
    this.#suspicions = isSuspect ? this.#suspicions + 1 : 0
    if (this.#suspicions >= CERTAIN) {
      this.#suspicions = 0
      this.#bound = new QueueBound(Math.min(this.#limit, window.peak))
      return
    }
    if (!isMostlyGood(window)) return
    if (!isSuspect && (this.#usual.isSure || window.isWhole(now))) this.#usual.learn(seen)
    this.#peak = Math.max(window.peak, this.#peak * FADING)
    this.#float()
  }

  /** While it bounds. */
  #adjust(bound: QueueBound, seen: Quantiles, judgement: Judgement): MoveCause {
    this.#usual.lower(seen)
    const cause = bound.adjust(judgement)
    this.#limit = bound.limit
    if (cause === 'elsewhere') this.#usual.restart(seen)
    if (cause === 'free') {
      this.#bound = undefined
      this.#peak = bound.limit
      this.#float()
    }
    return cause
  }

  #float(): void {
    this.#limit = Math.max(this.#initial, Math.ceil(FLOAT * this.#peak))
  }
}

function isMostlyGood({ good, count }: SampleWindow): boolean {
  return good > count / 2
}

/** As if nobody had waited so many milliseconds for the loop. */
function without(loopWait: number, { low, middle, mean, error }: Quantiles): Quantiles {
  const wait = Math.min(loopWait, low * MOST_OF_IT)
  return { low: low - wait, middle: middle - wait, mean: mean - wait, error }
}
