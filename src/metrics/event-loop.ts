/**
 * How busy the event loop was and how late it ran, over the last complete interval: since start
 * both would fade, and a reset at each read would let two readers disturb each other.
 *
 * Two delay histograms overlap by one interval, because a stall that lies across the moment a
 * histogram is reset is lost to it: what one misses, the other has. They are reused, because each
 * new one leaves some 70 KB to the garbage collector, which cannot see them.
 */
import {
  type EventLoopUtilization,
  type IntervalHistogram,
  monitorEventLoopDelay,
  performance,
} from 'node:perf_hooks'

const INTERVAL = 1000
/** Milliseconds between the delay histogram's own ticks; it adds them to what it measures. */
const RESOLUTION = 10

export class EventLoopMonitor {
  /** In [0, 1]. */
  utilization = 0
  /** Milliseconds; 0 without data. */
  readonly delay = { p50: 0, p99: 0 }
  #since: EventLoopUtilization = performance.eventLoopUtilization()
  #older = startHistogram()
  #newer = startHistogram()
  readonly #timer = setInterval(() => this.#turn(), INTERVAL).unref()

  stop(): void {
    clearInterval(this.#timer)
    this.#older.disable()
    this.#newer.disable()
  }

  #turn(): void {
    const now = performance.eventLoopUtilization()
    this.utilization = performance.eventLoopUtilization(now, this.#since).utilization
    this.#since = now
    this.delay.p50 = milliseconds(this.#older, 50)
    this.delay.p99 = milliseconds(this.#older, 99)
    this.#older.reset()
    const swapped = this.#newer
    this.#newer = this.#older
    this.#older = swapped
  }
}

function startHistogram(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
  histogram.enable()
  return histogram
}

function milliseconds(histogram: IntervalHistogram, percentile: number): number {
  return histogram.count === 0
    ? 0
    : Math.max(histogram.percentile(percentile) / 1e6 - RESOLUTION, 0)
}
