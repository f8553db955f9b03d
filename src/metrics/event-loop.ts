/**
 * How busy the event loop was over the last complete second, and how late it ran over the last two:
 * since start both would fade, and a reset at each read would let two readers disturb each other.
 */
import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import { DelayWindow } from './delay-window.js'

const INTERVAL = 1000

export class EventLoopMonitor {
  /** In [0, 1]. */
  utilization = 0
  /** Milliseconds; 0 without data. */
  readonly delay = { p50: 0, p99: 0 }
  #since: EventLoopUtilization = performance.eventLoopUtilization()
  readonly #window = new DelayWindow()
  readonly #timer = setInterval(() => this.#turn(), INTERVAL).unref()

  stop(): void {
    clearInterval(this.#timer)
    this.#window.stop()
  }

  #turn(): void {
    const now = performance.eventLoopUtilization()
    this.utilization = performance.eventLoopUtilization(now, this.#since).utilization
    this.#since = now
    this.delay.p50 = this.#window.percentile(50)
    this.delay.p99 = this.#window.percentile(99)
    this.#window.turn()
  }
}
