/** Latencies of one run, kept as a histogram of microseconds. */
import { createHistogram } from 'node:perf_hooks'

/** Milliseconds; absent where there was nobody to measure. */
export interface Quantiles {
  readonly p50?: number | undefined
  readonly p90?: number | undefined
  readonly p99?: number | undefined
  readonly p999?: number | undefined
  readonly max?: number | undefined
}

export class Latency {
  readonly #histogram = createHistogram()

  record(milliseconds: number): void {
    this.#histogram.record(Math.max(1, Math.round(milliseconds * 1000)))
  }

  quantiles(): Quantiles {
    const histogram = this.#histogram
    if (histogram.count === 0) return {}
    const at = (percent: number): number => histogram.percentile(percent) / 1000
    return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: at(100) }
  }
}
