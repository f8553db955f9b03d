/** Checks options where they are given: at registration, and at each route that has some. */
import { checkInteger, checkObject, isPlainObject } from '../core/check.js'
import type { KeyedLimiters } from '../core/limiter/keyed-limiters.js'
import { Limiter } from '../core/limiter/limiter.js'
import type { LimiterOptions } from '../core/limiter/limiter-options.js'
import type { SharedLimiter } from '../shared/shared-limiter.js'
import {
  checkFunction,
  checkOneOf,
  checkOptionNames,
  checkTimeout,
  refuse,
  translate,
} from './option-checks.js'
import { type PressureSettings, readPressure } from './pressure.js'
import { AutoLimiters, isAuto, withLoop } from './routes/auto-limiters.js'
import { readKey, spellOutKey } from './routes/key-options.js'
import { SharedLimits } from './routes/shared-limits.js'
import { Sharing } from './routes/sharing.js'
import type {
  KeyFunction,
  PriorityFunction,
  RejectFunction,
  ReleaseOn,
  RouteConcurrency,
  RouteConcurrencyOptions,
  SluiceOptions,
} from './types.js'

/** Where `exempt` is not given. */
export const EXEMPT: readonly string[] = [
  ...['/health', '/health/*', '/healthz', '/livez', '/readyz', '/ready', '/live', '/status'],
  ...['/metrics', '/concurrency*', '/dashboard'],
]
/** What Fastify takes of every plugin, and heeds where that makes a scope of its own. */
const OF_SCOPES = ['prefix', 'logLevel', 'logSerializers'] as const
const ABANDON_AFTER = 60_000
const PER_CONNECTION = 100
const STALL = 30_000
/** What HTTP/2 can say. */
const MOST_STREAMS = 2 ** 31 - 1

/** Of a route, a group, or all of them. */
export type OwnLimiter = Limiter | SharedLimiter

/** The plugin's options, checked and complete. */
export interface Settings {
  readonly app: OwnLimiter | undefined
  /** In place of `app`, where each route finds its own limit. */
  readonly auto: AutoLimiters | undefined
  readonly keyed: { readonly by: KeyFunction; readonly limiters: KeyedLimiters } | undefined
  readonly priority: PriorityFunction | undefined
  readonly pressure: PressureSettings | undefined
  readonly timeout: number | undefined
  readonly releaseOn: ReleaseOn
  readonly abandonAfter: number
  readonly perConnection: number
  readonly stall: number
  readonly reject: RejectFunction | undefined
  readonly hook: 'onRequest' | 'preHandler'
  readonly exempt: readonly string[]
  readonly sharing: Sharing
  readonly shared: SharedLimits
}

/** @throws SLUICE_OPTIONS */
export function readOptions(options: SluiceOptions): Settings {
  translate('', () => checkObject('options', options))
  for (const name of OF_SCOPES) {
    if (!Object.hasOwn(options, name)) continue
    const takes = 'effect only on a plugin of your own, which may register this one inside'
    refuse(name, (options as Record<string, unknown>)[name], takes)
  }
  checkOptionNames('', options, [
    'limit',
    'queue',
    'shared',
    'key',
    'priority',
    'pressure',
    'timeout',
    'releaseOn',
    'abandonAfter',
    'perConnection',
    'stall',
    'reject',
    'hook',
    'exempt',
  ])
  const { limit, queue, key } = spellOutKey(options)
  const { priority, timeout, releaseOn, reject, hook, exempt = EXEMPT } = options
  const { abandonAfter = ABANDON_AFTER, perConnection = PER_CONNECTION, stall = STALL } = options
  if (queue !== undefined && limit === undefined) refuse('queue', queue, 'effect only beside limit')
  checkFunction('priority', priority)
  checkFunction('reject', reject)
  checkTimeout('timeout', timeout)
  checkOneOf('releaseOn', releaseOn, ['settled', 'close'])
  checkTimeout('abandonAfter', abandonAfter)
  checkTimeout('stall', stall)
  translate('', () => checkInteger('perConnection', perConnection, 1, MOST_STREAMS))
  checkOneOf('hook', hook, ['onRequest', 'preHandler'])
  if (!Array.isArray(exempt)) refuse('exempt', exempt, 'an array of route patterns')
  for (const pattern of exempt) {
    if (typeof pattern !== 'string' || !/^[/*]/.test(pattern)) {
      refuse('exempt', pattern, "route patterns, which begin with '/' or '*'")
    }
  }
  const sharing = new Sharing()
  const shared = new SharedLimits(options.shared)
  const own = { name: 'app', limit, queue, shared: shared.isGiven }
  return {
    app:
      limit === undefined || (isAuto(limit) && !shared.isGiven)
        ? undefined
        : sharing.watch(createLimiter('', { ...own, limit }, shared), queue, ''),
    auto: isAuto(limit)
      ? sharing.watch(
          translate('', () => new AutoLimiters('app', { limit, queue }), 'limit'),
          queue,
          '',
        )
      : undefined,
    keyed: key === undefined ? undefined : readKey(key, sharing, shared),
    priority,
    pressure: pressureOf(options.pressure, isAuto(limit)),
    timeout,
    releaseOn: releaseOn ?? 'settled',
    abandonAfter,
    perConnection,
    stall,
    reject,
    hook: hook ?? 'onRequest',
    exempt,
    sharing,
    shared,
  }
}

/** @throws SLUICE_OPTIONS; `where` says which route it is. */
export function readRouteConcurrency(
  where: string,
  value: RouteConcurrency,
): RouteConcurrencyOptions | false {
  if (value === false) return false
  if (typeof value === 'number' || typeof value === 'string') return { limit: value }
  const prefix = `${where}: config.concurrency`
  if (!isPlainObject(value) || Object.keys(value).length === 0) {
    refuse(prefix, value, "an integer >= 1, an algorithm's name, an object of options, or false")
  }
  checkOptionNames(`${prefix}.`, value, [
    'limit',
    'queue',
    'group',
    'shared',
    'priority',
    'timeout',
    'releaseOn',
    'abandonAfter',
  ])
  const { limit, queue, group, shared, priority, timeout, releaseOn, abandonAfter } = value
  if (queue !== undefined && limit === undefined) {
    refuse(`${prefix}.queue`, queue, 'effect only beside limit')
  }
  if (shared !== undefined && limit === undefined && group === undefined) {
    refuse(`${prefix}.shared`, shared, 'effect only beside limit')
  }
  if (group !== undefined && (typeof group !== 'string' || group === '')) {
    refuse(`${prefix}.group`, group, 'a name')
  }
  checkFunction(`${prefix}.priority`, priority)
  checkTimeout(`${prefix}.timeout`, timeout)
  checkOneOf(`${prefix}.releaseOn`, releaseOn, ['settled', 'close'])
  checkTimeout(`${prefix}.abandonAfter`, abandonAfter)
  return value
}

/** As it is now, however its owner goes on changing it; but an algorithm goes on by itself. */
export function copyOf(options: unknown): unknown {
  if (!isPlainObject(options) || 'onSample' in options) return options
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, copyOf(value)]))
}

/** @throws SLUICE_OPTIONS in place of the limiter's own errors, which become its cause. */
export function createLimiter(
  where: string,
  { shared, ...options }: LimiterOptions & { name: string; shared: boolean },
  limits: SharedLimits,
): OwnLimiter {
  if (shared) return limits.create(where, options.name, options)
  return translate(where, () => new Limiter(withLoop(options)), 'limit')
}

function pressureOf(
  given: SluiceOptions['pressure'],
  isAuto: boolean,
): PressureSettings | undefined {
  if (given === false && isAuto) {
    refuse(
      'pressure',
      given,
      "nothing beside limit 'auto', which needs it, or an object of options",
    )
  }
  if (given === false || (given === undefined && !isAuto)) return undefined
  const options = given === true || given === undefined ? {} : given
  if (!isPlainObject(options)) {
    refuse('pressure', given, 'true, false, or an object of options')
  }
  return translate('pressure.', () => readPressure(options))
}
