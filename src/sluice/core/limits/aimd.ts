import { checkNames, checkNumberIn, checkObject } from '../check.js'
import { readBounds } from './bounds.js'
import { checkRtt, type LimitAlgorithm, type Sample } from './limit.js'

/** Of `AimdLimit`; the defaults are those of its source. */
export interface AimdOptions {
  /** An integer in [min, max]; default 20. */
  initial?: number | undefined
  /** An integer >= 1; default 20. */
  min?: number | undefined
  /** An integer >= min; default 200. */
  max?: number | undefined
  /** In [0.5, 1); default 0.9. */
  backoffRatio?: number | undefined
  /** Milliseconds, > 0; default 5000. */
  timeout?: number | undefined
}

/**
 * Additive increase, multiplicative decrease: one more after each sample while the limit is used at
 * least by half; times `backoffRatio` after a drop or a sample slower than `timeout`. It needs no
 * baseline, but does not react before something is dropped or too slow.
 * Source: Netflix concurrency-limits, AIMDLimit.
 */
export class AimdLimit implements LimitAlgorithm {
  readonly #min: number
  readonly #max: number
  readonly #backoffRatio: number
  readonly #timeout: number
  #limit: number

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  constructor(options: AimdOptions = {}) {
    checkObject('options', options)
    checkNames(options, ['initial', 'min', 'max', 'backoffRatio', 'timeout'])
    const { backoffRatio = 0.9, timeout = 5000 } = options
    const { initial, min, max } = readBounds(options, { initial: 20, min: 20, max: 200 })
    checkNumberIn('backoffRatio', backoffRatio, 'a number >= 0.5 and < 1', (n) => n >= 0.5 && n < 1)
    checkNumberIn('timeout', timeout, 'milliseconds > 0', (n) => n > 0)
    this.#min = min
    this.#max = max
    this.#backoffRatio = backoffRatio
    this.#timeout = timeout
    this.#limit = initial
  }

  get limit(): number {
    return this.#limit
  }

  onSample({ rtt, inFlight, dropped }: Sample): number {
    checkRtt(rtt)
    let limit = this.#limit
    if (dropped || rtt > this.#timeout) limit = Math.floor(limit * this.#backoffRatio)
    else if (inFlight * 2 >= limit) limit++
    this.#limit = Math.min(Math.max(limit, this.#min), this.#max)
    return this.#limit
  }
}
