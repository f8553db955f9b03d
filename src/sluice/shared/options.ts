/** What is said of a shared limit, and what of that is refused. */
import {
  checkInteger,
  checkNames,
  checkObject,
  isComplaint,
  show,
  wrongType,
  wrongValue,
} from '../core/check.js'
import type { Clock } from '../core/clock.js'
import {
  type QueueOptions,
  type QueueSettings,
  readLimiterOptions,
} from '../core/limiter/limiter-options.js'
import type { LimitAlgorithm } from '../core/limits/limit.js'
import { type LimitOption, toAlgorithm } from '../core/limits/named.js'
import { checkFallback, type Fallback } from './fallback.js'
import { type LinkPorts, systemTimers, type Timers } from './link.js'
import type { MembershipSettings, SharedMode } from './membership.js'
import type { SharedStore } from './protocol.js'

/** Where a limit is shared, and how. */
export interface SharingOptions {
  /** Processes that give the same name to the same store share the limit. */
  name: string
  /** Where the permits are: a `RedisStore`, `ClusterStore`, `MemoryStore`, or one of your own. */
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
  /** The most that this process has in flight of what it holds: an algorithm, or an integer >= 1; default all. */
  local?: LimitOption | undefined
}

/** Options of `new SharedLimiter(options)`. */
export interface SharedLimiterOptions extends SharingOptions {
  /** How many may be in flight over all processes: an integer >= 1. The smallest of all counts. */
  limit: number
  /** In snapshots and metrics; default `name`. */
  label?: string | undefined
  /** Of this process alone; default 1000 in their order, as `QueueOptions` says. */
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
  readonly label: string
  readonly queue: QueueSettings
  readonly local: LimitAlgorithm | undefined
  readonly random: () => number
}

export const SHARING_NAMES: readonly string[] = [
  ...['name', 'store', 'mode', 'lease', 'fallback', 'local'],
]
const NAMES = [
  ...SHARING_NAMES,
  ...['limit', 'label', 'queue', 'clock', 'wallClock', 'timers', 'random'],
]

/** @throws RangeError or TypeError that names the option, what it got and what it takes. */
export function readSharedOptions(options: SharedLimiterOptions): SharedLimiterSettings {
  checkObject('options', options)
  checkNames(options, NAMES)
  const { name, store, mode, lease, fallback, local } = readSharing(options)
  const { limit, label = name } = options
  const { wallClock = Date.now, timers = systemTimers, random = Math.random } = options
  checkSharedLimit(limit)
  if (typeof wallClock !== 'function') throw wrongType('wallClock', show(wallClock), 'a function')
  if (typeof timers?.start !== 'function') throw wrongType('timers', show(timers), 'timers')
  if (typeof random !== 'function') throw wrongType('random', show(random), 'a function')
  const { clock, queue } = readLimiterOptions({
    limit,
    name: label,
    queue: options.queue,
    clock: options.clock,
  })
  return {
    ...{ name, label, limit, local, store, mode, lease, fallback, queue },
    ...{ clock, wallClock, timers, random },
  }
}

/** @throws RangeError or TypeError that names the option, what it got and what it takes. */
export function readSharing(
  options: SharingOptions,
): Pick<SharedLimiterSettings, 'name' | 'store' | 'mode' | 'lease' | 'fallback' | 'local'> {
  const { name, store, mode = 'loans', lease = 5000, fallback = 'share', local } = options
  if (typeof name !== 'string' || name === '') throw wrongType('name', show(name), 'a name')
  if (typeof store?.sync !== 'function') throw wrongType('store', show(store), 'a store')
  if (mode !== 'loans' && mode !== 'strict') {
    throw wrongValue('mode', show(mode), "'loans' or 'strict'")
  }
  checkInteger('lease', lease, 100, 3_600_000)
  checkFallback(fallback)
  return { name, store, mode, lease, fallback, local: localOf(local) }
}

/** @throws RangeError or TypeError, for an algorithm with where that belongs. */
function checkSharedLimit(limit: unknown): void {
  if (typeof limit !== 'number') {
    const takes =
      "an integer >= 1, for all processes; a limit that finds itself is each one's own: shared.local"
    throw wrongType('limit', show(limit), takes)
  }
  checkInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER)
}

function localOf(local: LimitOption | undefined): LimitAlgorithm | undefined {
  if (local === undefined) return undefined
  try {
    return toAlgorithm(local)
  } catch (error) {
    if (!isComplaint(error)) throw error
    const wrong = error instanceof TypeError ? wrongType : wrongValue
    throw wrong(error.option.replace(/^limit|^(?=initial)/, 'local'), error.got, error.takes)
  }
}
