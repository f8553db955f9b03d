/**
 * What one registration sees of the event loop. There is one loop in a process, and so one watch for
 * all of them: it begins with the first and ends with the last.
 */
import { LoopWatch } from './loop-watch.js'

const monitors = new Set<EventLoopMonitor>()
let watch: LoopWatch | undefined

export class EventLoopMonitor {
  /** In [0, 1], over the last complete second. */
  utilization = 0
  /** How late it ran over the last two, in milliseconds; 0 without data, and at rest. */
  readonly delay = { p50: 0, p99: 0 }

  constructor() {
    monitors.add(this)
    watch ??= new LoopWatch(tell)
    this.take(watch)
  }

  stop(): void {
    if (!monitors.delete(this) || monitors.size > 0) return
    watch?.stop()
    watch = undefined
  }

  /** @internal */
  take({ utilization, p50, p99 }: LoopWatch): void {
    this.utilization = utilization
    this.delay.p50 = p50
    this.delay.p99 = p99
  }
}

function tell(watch: LoopWatch): void {
  for (const monitor of monitors) monitor.take(watch)
}
