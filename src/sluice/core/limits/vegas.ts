import { checkInteger, checkNames, checkNumberIn, checkObject } from '../check.js'
import { readBounds } from './bounds.js'
import { type MaxRtt, maxRttOf, type OfLimit, ofLimit, randomOf } from './given.js'
import { checkRtt, type LimitAlgorithm, type Sample } from './limit.js'

/** Of `VegasLimit`; the defaults are those of its source. */
export interface VegasOptions {
  /** An integer in [min, max]; default 20. */
  initial?: number | undefined
  /** An integer >= 1; default 1. */
  min?: number | undefined
  /** An integer >= min; default 1000. */
  max?: number | undefined
  /** How much of each change is made, in (0, 1]; default 1. */
  smoothing?: number | undefined
  /** Default 3 * log10(limit). */
  alpha?: OfLimit | undefined
  /** Default 6 * log10(limit). */
  beta?: OfLimit | undefined
  /** Default log10(limit). */
  threshold?: OfLimit | undefined
  /** It probes about every `probeMultiplier * limit` samples; an integer >= 1; default 30. */
  probeMultiplier?: number | undefined
  /**
   * The most that the baseline may become: milliseconds > 0, or a function that gives them; default
   * Infinity. Without it a probe during an incident makes that the new normal.
   */
  maxRtt?: MaxRtt | undefined
  /** Gives [0, 1); default `Math.random`. */
  random?: (() => number) | undefined
}

/**
 * Estimates the queue downstream from how much slower a sample is than the fastest ever seen:
 * queue = limit * (1 - rtt without load / rtt). A queue of at most `threshold` raises the limit by
 * beta, one below `alpha` by log10(limit), one above `beta` or a drop lowers it by log10(limit).
 * From time to time it probes: the next sample becomes the new baseline, so that a downstream that
 * has become slower for good is not held against itself for ever. The moments are random, so that
 * many processes do not probe together.
 * Source: Netflix concurrency-limits, VegasLimit, after TCP Vegas.
 */
export class VegasLimit implements LimitAlgorithm {
  readonly #min: number
  readonly #max: number
  readonly #smoothing: number
  readonly #alpha: (limit: number) => number
  readonly #beta: (limit: number) => number
  readonly #threshold: (limit: number) => number
  readonly #probeMultiplier: number
  readonly #maxRtt: () => number
  readonly #random: () => number
  #estimate: number
  /** The fastest sample since the last probe; 0 before the first. */
  #baseline = 0
  #sinceProbe = 0
  #jitter: number

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  constructor(options: VegasOptions = {}) {
    checkObject('options', options)
    checkNames(options, [
      'initial',
      'min',
      'max',
      'smoothing',
      'alpha',
      'beta',
      'threshold',
      'probeMultiplier',
      'maxRtt',
      'random',
    ])
    const { initial, min, max } = readBounds(options, { initial: 20, min: 1, max: 1000 })
    const { smoothing = 1, probeMultiplier = 30, random = Math.random } = options
    const { alpha = (limit) => 3 * log10(limit), beta = (limit) => 6 * log10(limit) } = options
    const { threshold = log10, maxRtt = Number.POSITIVE_INFINITY } = options
    checkNumberIn('smoothing', smoothing, 'a number > 0 and <= 1', (n) => n > 0 && n <= 1)
    checkInteger('probeMultiplier', probeMultiplier, 1, Number.MAX_SAFE_INTEGER)
    this.#min = min
    this.#max = max
    this.#smoothing = smoothing
    this.#alpha = ofLimit('alpha', alpha, Infinity)
    this.#beta = ofLimit('beta', beta, Infinity)
    this.#threshold = ofLimit('threshold', threshold, Infinity)
    this.#probeMultiplier = probeMultiplier
    this.#maxRtt = maxRttOf(maxRtt)
    this.#random = randomOf(random)
    this.#estimate = initial
    this.#jitter = this.#nextJitter()
  }

  get limit(): number {
    return Math.floor(this.#estimate)
  }

  onSample({ rtt, inFlight, dropped }: Sample): number {
    checkRtt(rtt)
    this.#sinceProbe++
    if (this.#jitter * this.#probeMultiplier * this.#estimate <= this.#sinceProbe) {
      this.#jitter = this.#nextJitter()
      this.#sinceProbe = 0
      this.#baseline = rtt
    } else if (this.#baseline === 0 || rtt < this.#baseline) {
      this.#baseline = rtt
    } else {
      this.#baseline = Math.min(this.#baseline, this.#maxRtt())
      this.#update(rtt, inFlight, dropped)
    }
    return this.limit
  }

  #update(rtt: number, inFlight: number, dropped: boolean): void {
    const estimate = this.#estimate
    const step = log10(Math.floor(estimate))
    let next = estimate
    if (dropped) {
      next = estimate - step
    } else {
      // No upward drift while the limit is not used.
      if (inFlight * 2 < estimate) return
      const queue = Math.ceil(estimate * (1 - this.#baseline / rtt))
      const beta = this.#beta(Math.floor(estimate))
      if (queue <= this.#threshold(Math.floor(estimate))) next = estimate + beta
      else if (queue < this.#alpha(Math.floor(estimate))) next = estimate + step
      else if (queue > beta) next = estimate - step
      else return
    }
    next = Math.max(this.#min, Math.min(this.#max, next))
    this.#estimate = (1 - this.#smoothing) * estimate + this.#smoothing * next
  }

  #nextJitter(): number {
    return 0.5 + this.#random() / 2
  }
}

/** Whole, and at least 1. */
function log10(limit: number): number {
  return Math.max(1, Math.floor(Math.log10(limit)))
}
