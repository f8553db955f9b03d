/**
 * How late the event loop ran within a window that moves on with each `turn`: it holds what came
 * since the turn before the last, at least one interval and at most two. Reading changes nothing, so
 * that readers do not disturb each other.
 *
 * Two histograms overlap by one interval, because a stall that lies across the moment a histogram is
 * reset is lost to it: what one misses, the other has. They are reused, because each new one leaves
 * some 70 KB to the garbage collector, which cannot see them.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** Milliseconds between the histograms' own ticks, which they add to what they measure. */
const RESOLUTION = 10

/** All in milliseconds; 0 without data. */
export class DelayWindow {
  #older = startHistogram()
  #newer = startHistogram()

  /** One interval is over. */
  turn(): void {
    this.#older.reset()
    const swapped = this.#newer
    this.#newer = this.#older
    this.#older = swapped
  }

  stop(): void {
    this.#older.disable()
    this.#newer.disable()
  }

  /** Begins anew, after `stop`. */
  restart(): void {
    this.#older.enable()
    this.#newer.enable()
  }

  get min(): number {
    return this.#late(this.#older.min)
  }

  get max(): number {
    return this.#late(this.#older.max)
  }

  get mean(): number {
    return this.#late(this.#older.mean)
  }

  get stddev(): number {
    return this.#older.count === 0 ? 0 : this.#older.stddev / 1e6
  }

  /** @param percent in (0, 100] */
  percentile(percent: number): number {
    return this.#late(this.#older.percentile(percent))
  }

  #late(nanoseconds: number): number {
    return this.#older.count === 0 ? 0 : Math.max(nanoseconds / 1e6 - RESOLUTION, 0)
  }
}

function startHistogram(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
  histogram.enable()
  return histogram
}
