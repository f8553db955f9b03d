/** What `pressure` says, and the limiter that it becomes. */
import { getHeapStatistics } from 'node:v8'
import { checkInteger, checkNames, checkNumberIn } from '../core/check.js'
import { LoopLimiter } from '../core/loop/loop-limiter.js'
import type { EventLoopMonitor } from '../metrics/event-loop.js'
import { loopGauge } from './loop-gauge.js'
import type { PressureOptions } from './types.js'

const HEAP_READ_EVERY = 1000

/** Checked and complete. */
export interface PressureSettings {
  readonly budget: number
  readonly target: number
  readonly interval: number
  readonly size: number
  readonly maxUtilization: number
  readonly maxHeap: number
}

/** @throws RangeError or TypeError that names the option, what it got and what it takes. */
export function readPressure(options: PressureOptions): PressureSettings {
  checkNames(options, ['budget', 'target', 'interval', 'size', 'maxUtilization', 'maxHeap'])
  const { budget = 10, target = 50, size = 1000 } = options
  const { maxUtilization = 1, maxHeap = Number.POSITIVE_INFINITY } = options
  checkNumberIn('budget', budget, 'milliseconds > 0', isTime)
  checkNumberIn('target', target, 'milliseconds > 0', isTime)
  const { interval = Math.max(200, target) } = options
  const takes = `milliseconds >= target, ${target}`
  checkNumberIn('interval', interval, takes, (n) => isTime(n) && n >= target)
  checkInteger('size', size, 0, Number.MAX_SAFE_INTEGER)
  checkNumberIn('maxUtilization', maxUtilization, 'a number > 0 and <= 1', (n) => n > 0 && n <= 1)
  checkNumberIn('maxHeap', maxHeap, 'bytes > 0', (n) => n > 0)
  return { budget, target, interval, size, maxUtilization, maxHeap }
}

export function createPressure(settings: PressureSettings, loop: EventLoopMonitor): LoopLimiter {
  const { maxUtilization, maxHeap } = settings
  const isFull = maxHeap === Number.POSITIVE_INFINITY ? () => false : heapWatch(maxHeap)
  const isSaturated = (): boolean => loop.utilization > maxUtilization || isFull()
  const onBusy = (): void => loopGauge.ask()
  return new LoopLimiter({ name: 'event-loop', ...settings, isSaturated, onBusy })
}

/** As long as it has work in flight. @returns what ends that */
export function watchLoop(limiter: LoopLimiter): () => void {
  return loopGauge.listen((reading) => {
    limiter.read(reading)
    if (limiter.isBusy) loopGauge.ask()
  })
}

/** Reading it takes microseconds, so it is not read for each request. */
function heapWatch(most: number): () => boolean {
  let readAt = Number.NEGATIVE_INFINITY
  let full = false
  return () => {
    const now = performance.now()
    if (now - readAt >= HEAP_READ_EVERY) {
      readAt = now
      full = getHeapStatistics().used_heap_size > most
    }
    return full
  }
}

function isTime(milliseconds: number): boolean {
  return milliseconds > 0 && milliseconds < Number.POSITIVE_INFINITY
}
