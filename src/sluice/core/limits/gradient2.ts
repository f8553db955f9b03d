import { checkInteger, checkNames, checkNumberIn, checkObject } from '../check.js'
import { readBounds } from './bounds.js'
import { type MaxRtt, maxRttOf, type OfLimit, ofLimit } from './given.js'
import { checkRtt, type LimitAlgorithm, type Sample } from './limit.js'

/** Of `Gradient2Limit`; the defaults are those of its source. */
export interface Gradient2Options {
  /** An integer in [min, max]; default 20. */
  initial?: number | undefined
  /** An integer >= 1; default 20. */
  min?: number | undefined
  /** An integer >= min; default 200. */
  max?: number | undefined
  /** How much of each change is made, in (0, 1]; default 0.2. */
  smoothing?: number | undefined
  /** The burst that is allowed for: a number >= 0, or a function of the limit; default 4. */
  queueSize?: OfLimit | undefined
  /** The samples that the long average spans: an integer >= 1; default 600. */
  longWindow?: number | undefined
  /** How much slower than the average a sample may be: >= 1; default 1.5. */
  tolerance?: number | undefined
  /**
   * The most that the long average may become: milliseconds > 0, or a function that gives them;
   * default Infinity. Without it an incident that lasts becomes the new normal, and the limit grows
   * again.
   */
  maxRtt?: MaxRtt | undefined
}

const WARM_UP = 10

/**
 * Compares each sample with a long exponential average: new limit = limit * gradient + queueSize,
 * where gradient = tolerance * long rtt / rtt, kept in [0.5, 1], and smoothed. While samples are as
 * fast as the average the limit grows by `queueSize`, the burst it allows for; when they get slower
 * than `tolerance` times it, the limit shrinks in proportion.
 *
 * States: the first ten samples make the average; a long average of more than twice the sample, as
 * after an incident, decays by 5 % a sample; and an app that uses less than half its limit learns
 * nothing about it, so that the limit stays.
 * Source: Netflix concurrency-limits, Gradient2Limit.
 */
export class Gradient2Limit implements LimitAlgorithm {
  readonly #min: number
  readonly #max: number
  readonly #smoothing: number
  readonly #queueSize: (limit: number) => number
  readonly #tolerance: number
  readonly #maxRtt: () => number
  readonly #factor: number
  #estimate: number
  #samples = 0
  #sum = 0
  #longRtt = 0

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  constructor(options: Gradient2Options = {}) {
    checkObject('options', options)
    checkNames(options, [
      'initial',
      'min',
      'max',
      'smoothing',
      'queueSize',
      'longWindow',
      'tolerance',
      'maxRtt',
    ])
    const { smoothing = 0.2, queueSize = 4, longWindow = 600, tolerance = 1.5 } = options
    const { maxRtt = Number.POSITIVE_INFINITY } = options
    const { initial, min, max } = readBounds(options, { initial: 20, min: 20, max: 200 })
    checkNumberIn('smoothing', smoothing, 'a number > 0 and <= 1', (n) => n > 0 && n <= 1)
    checkInteger('longWindow', longWindow, 1, Number.MAX_SAFE_INTEGER)
    checkNumberIn('tolerance', tolerance, 'a number >= 1', (n) => n >= 1 && n < Infinity)
    this.#min = min
    this.#max = max
    this.#smoothing = smoothing
    this.#queueSize = ofLimit('queueSize', queueSize, Number.MAX_VALUE)
    this.#tolerance = tolerance
    this.#maxRtt = maxRttOf(maxRtt)
    this.#factor = 2 / (longWindow + 1)
    this.#estimate = initial
  }

  get limit(): number {
    return Math.floor(this.#estimate)
  }

  onSample({ rtt, inFlight }: Sample): number {
    checkRtt(rtt)
    const estimate = this.#estimate
    const queueSize = this.#queueSize(Math.floor(estimate))
    const longRtt = this.#addToLong(rtt, this.#maxRtt())
    if (longRtt / rtt > 2) this.#longRtt *= 0.95
    if (inFlight < estimate / 2) return this.limit
    const gradient = Math.max(0.5, Math.min(1, (this.#tolerance * longRtt) / rtt))
    const next = estimate * gradient + queueSize
    const smoothed = estimate * (1 - this.#smoothing) + next * this.#smoothing
    this.#estimate = Math.max(this.#min, Math.min(this.#max, smoothed))
    return this.limit
  }

  #addToLong(rtt: number, maxRtt: number): number {
    if (this.#samples < WARM_UP) {
      this.#samples++
      this.#sum += rtt
      this.#longRtt = this.#sum / this.#samples
    } else {
      this.#longRtt = this.#longRtt * (1 - this.#factor) + rtt * this.#factor
    }
    this.#longRtt = Math.min(this.#longRtt, maxRtt)
    return this.#longRtt
  }
}
