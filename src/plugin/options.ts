/** Checks options where they are given: at registration, and at each route that has some. */
import {
  checkInteger,
  checkNames,
  checkObject,
  isComplaint,
  isPlainObject,
  show,
} from '../core/check.js'
import { OptionsError } from '../core/errors.js'
import { KeyedLimiters } from '../core/keyed-limiters.js'
import { Limiter } from '../core/limiter.js'
import type { LimiterOptions } from '../core/limiter-options.js'
import { type PressureSettings, readPressure } from './pressure.js'
import { Sharing } from './sharing.js'
import type {
  KeyFunction,
  KeyOptions,
  PriorityFunction,
  RejectFunction,
  ReleaseOn,
  RouteConcurrency,
  RouteConcurrencyOptions,
  SluiceOptions,
} from './types.js'

const EXEMPT = ['/health/*', '/metrics', '/concurrency*', '/dashboard']
const MAX_KEYS = 10_000
const ABANDON_AFTER = 60_000
const PER_CONNECTION = 100
const STALL = 30_000
/** What HTTP/2 can say. */
const MOST_STREAMS = 2 ** 31 - 1
/** The longest a timer of Node's takes. */
const LONGEST = 2 ** 31 - 1

/** The plugin's options, checked and complete. */
export interface Settings {
  readonly app: Limiter | undefined
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
}

/** @throws SLUICE_OPTIONS */
export function readOptions(options: SluiceOptions): Settings {
  translate('', () => checkObject('options', options))
  checkOptionNames('', options, [
    'limit',
    'queue',
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
    // Fastify's own, which it hands to every plugin.
    'prefix',
    'logLevel',
    'logSerializers',
  ])
  const { limit, queue, key, priority, timeout, releaseOn, reject, hook, exempt = EXEMPT } = options
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
  return {
    app:
      limit === undefined || typeof key === 'function'
        ? undefined
        : sharing.watch(createLimiter('', { name: 'app', limit, queue }), queue, ''),
    keyed: key === undefined ? undefined : readKey(key, options, sharing),
    priority,
    pressure: pressureOf(options.pressure),
    timeout,
    releaseOn: releaseOn ?? 'settled',
    abandonAfter,
    perConnection,
    stall,
    reject,
    hook: hook ?? 'onRequest',
    exempt,
    sharing,
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
    'priority',
    'timeout',
    'releaseOn',
    'abandonAfter',
  ])
  const { limit, queue, group, priority, timeout, releaseOn, abandonAfter } = value
  if (queue !== undefined && limit === undefined) {
    refuse(`${prefix}.queue`, queue, 'effect only beside limit')
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

/** @throws SLUICE_OPTIONS in place of the limiter's own errors, which become its cause. */
export function createLimiter(where: string, options: LimiterOptions): Limiter {
  return translate(where, () => new Limiter(options), 'limit')
}

/** @throws SLUICE_OPTIONS */
export function refuse(name: string, got: unknown, takes: string): never {
  throw new OptionsError(name, show(got), takes)
}

function pressureOf(given: SluiceOptions['pressure']): PressureSettings | undefined {
  if (given === undefined || given === false) return undefined
  const options = given === true ? {} : given
  if (!isPlainObject(options)) {
    refuse('pressure', given, 'true, false, or an object of options')
  }
  return translate('pressure.', () => readPressure(options))
}

function readKey(key: KeyFunction | KeyOptions, { limit, queue }: SluiceOptions, sharing: Sharing) {
  const options = typeof key === 'function' ? { by: key, limit, queue } : key
  if (!isPlainObject(options)) {
    refuse('key', key, 'a function of the request, or { by, limit, queue, maxKeys }')
  }
  const where = typeof key === 'function' ? '' : 'key.'
  if (where !== '') checkOptionNames(where, options, ['by', 'limit', 'queue', 'maxKeys'])
  const { by, limit: each, maxKeys = MAX_KEYS } = options as KeyOptions
  if (typeof by !== 'function') refuse(`${where}by`, by, 'a function of the request')
  if (typeof each !== 'number') refuse(`${where}limit`, each, 'an integer >= 1, for each key')
  const limiters = translate(
    where,
    () => new KeyedLimiters({ name: 'key', limit: each, queue: options.queue, maxKeys }),
  )
  return { by, limiters: sharing.watch(limiters, options.queue, where) }
}

/** @param foreign the option whose own code may throw what is no complaint of ours. */
function translate<T>(where: string, create: () => T, foreign = 'options'): T {
  try {
    return create()
  } catch (cause) {
    const { option, got, takes } = isComplaint(cause)
      ? cause
      : { option: foreign, got: `one that throws ${thrown(cause)}`, takes: 'one that does not' }
    throw Object.assign(new OptionsError(`${where}${option}`, got, takes), { cause })
  }
}

function thrown(cause: unknown): string {
  return cause instanceof Error ? String(cause) : show(cause)
}

function checkOptionNames(where: string, options: object, known: readonly string[]): void {
  translate(where, () => checkNames(options, known))
}

function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') refuse(name, value, 'a function')
}

function checkTimeout(name: string, value: unknown): void {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return
  if (!(typeof value === 'number' && value > 0 && value <= LONGEST)) {
    refuse(name, value, `milliseconds > 0, at most ${LONGEST}, or Infinity`)
  }
}

function checkOneOf(name: string, value: unknown, choices: readonly string[]): void {
  if (value !== undefined && !choices.includes(value as string)) {
    refuse(name, value, choices.map((choice) => `'${choice}'`).join(' or '))
  }
}
