import { checkInteger, checkNames, checkNumberIn, checkObject, show, wrongType } from '../check.js'
import { checkRtt, type LimitAlgorithm, type Sample } from './limit.js'

/** Of `WindowedLimit`; the defaults are those of its source. */
export interface WindowedOptions {
  /** Milliseconds, > 0; default 1000. */
  minWindow?: number | undefined
  /** Milliseconds, >= minWindow; default 1000. */
  maxWindow?: number | undefined
  /** The fewest samples that are worth one: an integer >= 1; default 10. */
  windowSize?: number | undefined
  /** Faster samples are left out, in milliseconds, >= 0; default 0.1. */
  minRtt?: number | undefined
}

/**
 * Gathers samples over a window of time and gives the limit behind it one sample for all of them:
 * their average rtt, the most in flight, whether any was dropped. A limit then reacts to the load and
 * not to single requests. A window lasts twice its fastest sample, within [minWindow, maxWindow]; one
 * with fewer than `windowSize` samples is thrown away.
 * Source: Netflix concurrency-limits, WindowedLimit with AverageSampleWindow.
 */
export class WindowedLimit implements LimitAlgorithm {
  readonly #delegate: LimitAlgorithm
  readonly #minWindow: number
  readonly #maxWindow: number
  readonly #windowSize: number
  readonly #minRtt: number
  #window = new Window()
  #nextUpdate = 0

  /**
   * @param delegate the limit behind it: it belongs to this one alone
   * @throws RangeError or TypeError that names the option, what it got and what it takes.
   */
  constructor(delegate: LimitAlgorithm, options: WindowedOptions = {}) {
    if (typeof delegate?.limit !== 'number' || typeof delegate.onSample !== 'function') {
      throw wrongType('delegate', show(delegate), 'a limit algorithm')
    }
    checkObject('options', options)
    checkNames(options, ['minWindow', 'maxWindow', 'windowSize', 'minRtt'])
    const { minWindow = Math.min(1000, options.maxWindow ?? 1000) } = options
    const { maxWindow = Math.max(1000, minWindow), windowSize = 10, minRtt = 0.1 } = options
    checkNumberIn('minWindow', minWindow, 'milliseconds > 0', (n) => n > 0 && n < Infinity)
    const takes = `milliseconds >= minWindow, ${minWindow}`
    checkNumberIn('maxWindow', maxWindow, takes, (n) => n >= minWindow && n < Infinity)
    checkInteger('windowSize', windowSize, 1, Number.MAX_SAFE_INTEGER)
    checkNumberIn('minRtt', minRtt, 'milliseconds >= 0', (n) => n >= 0 && n < Infinity)
    this.#delegate = delegate
    this.#minWindow = minWindow
    this.#maxWindow = maxWindow
    this.#windowSize = windowSize
    this.#minRtt = minRtt
  }

  get limit(): number {
    return this.#delegate.limit
  }

  onSample(sample: Sample): number {
    const { startTime, rtt } = sample
    checkRtt(rtt)
    if (rtt < this.#minRtt) return this.limit
    this.#window.add(sample)
    const endTime = startTime + rtt
    if (endTime > this.#nextUpdate) {
      const window = this.#window
      this.#window = new Window()
      const length = Math.max(window.fastest * 2, this.#minWindow)
      this.#nextUpdate = endTime + Math.min(length, this.#maxWindow)
      if (window.count >= this.#windowSize) this.#delegate.onSample(window.toSample(startTime))
    }
    return this.limit
  }
}

class Window {
  count = 0
  fastest = Number.POSITIVE_INFINITY
  #sum = 0
  #inFlight = 0
  #dropped = false

  add({ rtt, inFlight, dropped }: Sample): void {
    this.count++
    this.#sum += rtt
    this.fastest = Math.min(this.fastest, rtt)
    this.#inFlight = Math.max(this.#inFlight, inFlight)
    this.#dropped ||= dropped
  }

  toSample(startTime: number): Sample {
    const rtt = this.#sum / this.count
    return { startTime, rtt, inFlight: this.#inFlight, dropped: this.#dropped }
  }
}
