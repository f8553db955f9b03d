/** Latencies of one run, kept as a histogram of microseconds. */
import { createHistogram } from 'node:perf_hooks'

/** Milliseconds; 0 without data. */
export interface Quantiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export class Latency {
  readonly #histogram = createHistogram()

  record(milliseconds: number): void {
    this.#histogram.record(Math.max(1, Math.round(milliseconds * 1000)))
  }

  quantiles(): Quantiles {
    const histogram = this.#histogram
    const at = (percent: number): number =>
      histogram.count === 0 ? 0 : histogram.percentile(percent) / 1000
    return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: at(100) }
  }
}
