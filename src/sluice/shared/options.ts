/** A shared limiter's options, and what of them is refused. */
import {
  checkInteger,
  checkNames,
  checkObject,
  show,
  wrongType,
  wrongValue,
} from '../core/check.js'
import type { Clock } from '../core/clock.js'
import {
  type LimiterSettings,
  type QueueOptions,
  readLimiterOptions,
} from '../core/limiter/limiter-options.js'
import { checkFallback, type Fallback } from './fallback.js'
import { type LinkPorts, systemTimers, type Timers } from './link.js'
import type { MembershipSettings, SharedMode } from './membership.js'
import type { SharedStore } from './protocol.js'

export interface SharedLimiterOptions {
  /** Processes that give the same name to the same store share the limit. */
  name: string
  /** How many may be in flight over all processes: an integer >= 1. The smallest of all counts. */
  limit: number
  store: SharedStore
  /**
   * When idle permits go back: `loans`, the default, when somebody starves or after a beat without use;
   * `strict`, at once, for about one call to the store a request.
   */
  mode?: SharedMode | undefined
  /** Milliseconds after which the permits of a silent process are others', in 100..3600000; default 5000. */
  lease?: number | undefined
  /** What may be in flight without a valid lease; default `share`. */
  fallback?: Fallback | undefined
  queue?: QueueOptions | undefined
  /** Monotonic milliseconds; default `performance.now`. */
  clock?: Clock | undefined
  /** The time of day in milliseconds; default `Date.now`. */
  wallClock?: Clock | undefined
  /** Default: `setTimeout`. */
  timers?: Timers | undefined
  /** Gives [0, 1); default `Math.random`. */
  random?: (() => number) | undefined
}

/** Checked and complete. */
export interface SharedLimiterSettings extends MembershipSettings, LinkPorts {
  readonly queue: LimiterSettings['queue']
  readonly random: () => number
}

const NAMES = [
  ...['name', 'limit', 'store', 'mode', 'lease', 'fallback', 'queue'],
  ...['clock', 'wallClock', 'timers', 'random'],
]

/** @throws RangeError or TypeError that names the option, what it got and what it takes. */
export function readSharedOptions(options: SharedLimiterOptions): SharedLimiterSettings {
  checkObject('options', options)
  checkNames(options, NAMES)
  const { name, limit, store, mode = 'loans', lease = 5000, fallback = 'share' } = options
  const { wallClock = Date.now, timers = systemTimers, random = Math.random } = options
  if (typeof name !== 'string') throw wrongType('name', show(name), 'a string')
  checkInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER)
  if (typeof store?.sync !== 'function') throw wrongType('store', show(store), 'a store')
  if (mode !== 'loans' && mode !== 'strict') {
    throw wrongValue('mode', show(mode), "'loans' or 'strict'")
  }
  checkInteger('lease', lease, 100, 3_600_000)
  checkFallback(fallback)
  if (typeof wallClock !== 'function') throw wrongType('wallClock', show(wallClock), 'a function')
  if (typeof timers?.start !== 'function') throw wrongType('timers', show(timers), 'timers')
  if (typeof random !== 'function') throw wrongType('random', show(random), 'a function')
  const { clock, queue } = readLimiterOptions({
    name,
    limit,
    queue: options.queue,
    clock: options.clock,
  })
  return {
    ...{ name, limit, store, mode, lease, fallback, queue },
    ...{ clock, wallClock, timers, random },
  }
}
