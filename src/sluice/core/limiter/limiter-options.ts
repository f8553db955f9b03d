/** A limiter's options, and those of its acquire; and what of them is refused. */
import {
  checkInteger,
  checkNames,
  checkNumber,
  checkObject,
  checkSignal,
  checkTimeout,
  show,
  wrongType,
  wrongValue,
} from '../check.js'
import { type Clock, systemClock } from '../clock.js'
import type { LimitAlgorithm } from '../limits/limit.js'
import { type LimitOption, toAlgorithm } from '../limits/named.js'
import { checkShares, type Shares } from '../queue/shared-queue.js'
import type { QueueOrder } from '../queue/wait-queue.js'

/** Of the queue before a limit. */
export interface QueueOptions {
  /** How many may wait: an integer >= 0; 0 rejects at once; default 1000. */
  size?: number | undefined
  /**
   * Milliseconds one may wait, >= 0; Infinity: no timeout. Default: while the queue stands, twice what
   * the work takes, but at least 50 ms; a burst that is over sooner may wait longer.
   */
  timeout?: number | undefined
  /** Whom to serve first within a priority; default `fifo`. */
  order?: QueueOrder | undefined
  /**
   * By priority, the part of the limit, in (0, 1], that is its own while it asks for it, however much
   * of higher priority there is; at most 1 together; default none. The plugin refuses them where
   * nothing gives a priority.
   */
  shares?: Shares | undefined
}

/** Of a `Limiter`. */
export interface LimiterOptions {
  /** Its name in snapshots and metrics; default `limiter`. */
  name?: string | undefined
  /** An integer >= 1, or an algorithm that finds it, by its name or as an object of its own. */
  limit: LimitOption
  /** Who waits before it; default 1000 in their order, as `QueueOptions` says. */
  queue?: QueueOptions | undefined
  /** Monotonic milliseconds; default `performance.now`. */
  clock?: Clock | undefined
}

/** Of `acquire` and `run`. */
export interface LimiterAcquireOptions {
  /** Its abort rejects with its reason, and an aborted one never acquires; default none. */
  signal?: AbortSignal | undefined
  /** Milliseconds, >= 0, in place of the queue's; 0: only if free now; Infinity: none. */
  timeout?: number | undefined
  /** Any number but NaN; higher is served first; default 0. */
  priority?: number | undefined
}

/** Checked and complete. */
export interface LimiterSettings {
  readonly name: string
  readonly algorithm: LimitAlgorithm
  readonly queue: QueueSettings
  readonly clock: Clock
}

export interface QueueSettings {
  readonly size: number
  /** Undefined: as long as is sensible, which only a limit that finds itself knows. */
  readonly timeout: number | undefined
  readonly order: QueueOrder
  readonly shares: Shares | undefined
}

/** @throws RangeError or TypeError that names the option, what it got and what it takes. */
export function readLimiterOptions(options: LimiterOptions): LimiterSettings {
  checkObject('options', options)
  checkNames(options, ['name', 'limit', 'queue', 'clock'])
  const { name = 'limiter', limit, queue = {}, clock = systemClock } = options
  if (typeof name !== 'string') throw wrongType('name', show(name), 'a string')
  if (typeof clock !== 'function') {
    throw wrongType('clock', show(clock), 'a function')
  }
  checkObject('queue', queue)
  checkNames(queue, ['size', 'timeout', 'order', 'shares'], 'queue.')
  const { size = 1000, timeout, order = 'fifo', shares } = queue
  checkInteger('queue.size', size, 0, Number.MAX_SAFE_INTEGER)
  if (timeout !== undefined) checkTimeout('queue.timeout', timeout)
  if (order !== 'fifo' && order !== 'lifo' && order !== 'adaptive') {
    throw wrongValue('queue.order', show(order), "'fifo', 'lifo' or 'adaptive'")
  }
  if (shares !== undefined) checkShares(shares)
  return { name, algorithm: toAlgorithm(limit), queue: { size, timeout, order, shares }, clock }
}

/** @throws RangeError or TypeError that names the option, what it got and what it takes. */
export function priorityOf(options: Pick<LimiterAcquireOptions, 'priority'>): number {
  checkObject('options', options)
  checkNames(options, ['priority'])
  const { priority = 0 } = options
  checkNumber('priority', priority)
  return priority
}

/** @throws RangeError or TypeError that names the option, what it got and what it takes. */
export function checkAcquireOptions(options: LimiterAcquireOptions): void {
  checkObject('options', options)
  checkNames(options, ['signal', 'timeout', 'priority'])
  const { signal, timeout, priority } = options
  if (timeout !== undefined) checkTimeout('timeout', timeout)
  if (priority !== undefined) checkNumber('priority', priority)
  if (signal !== undefined) checkSignal(signal)
}
