/**
 * A limiter of its own for each key, made when its first caller comes. The table is bounded: idle
 * keys stay, ready for their next call, for a minute or until there are too many, and the longest idle
 * leave first. A new key is refused only while every place is taken by a busy one. Every step is O(1).
 */
import { checkInteger } from '../check.js'
import { type Clock, systemClock } from '../clock.js'
import { Limiter } from './limiter.js'
import { AccountedLimiter, LimiterAccount } from './limiter-account.js'
import type { LimiterOptions } from './limiter-options.js'

/** Milliseconds that a key stays without a caller. */
const IDLE_FOR = 60_000

export interface KeyedLimitersOptions extends LimiterOptions {
  name: string
  /** The limit of each key; an algorithm would be shared by all of them and is refused. */
  limit: number
  /** How many keys the table holds: an integer >= 1. */
  maxKeys: number
}

/** What the table, and whoever asks it, needs of a key's limiter. */
export type KeyLimiter = Pick<
  Limiter,
  | 'limit'
  | 'inFlight'
  | 'queued'
  | 'outside'
  | 'take'
  | 'wait'
  | 'countRejected'
  | 'setLimit'
  | 'close'
  | 'acquire'
  | 'tryAcquire'
  | 'admitted'
> & { readonly share?: number }

interface BusyKey {
  readonly limiter: KeyLimiter
  callers: number
}

interface IdleKey {
  readonly limiter: KeyLimiter
  readonly since: number
}

export class KeyedLimiters extends AccountedLimiter {
  readonly isFixed = true
  /** Of each key's limiter. */
  readonly #options: LimiterOptions
  readonly #maxKeys: number
  /** Of each key. */
  #limit: number
  #closed = false
  readonly #clock: Clock
  readonly #busy = new Map<string, BusyKey>()
  /** The longest idle first. */
  readonly #idle = new Map<string, IdleKey>()
  /** Set while a key is idle. */
  #timer: NodeJS.Timeout | undefined

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  constructor({ maxKeys, ...options }: KeyedLimitersOptions, account = new LimiterAccount()) {
    super(options.name, account)
    checkInteger('limit', options.limit, 1, Number.MAX_SAFE_INTEGER)
    checkInteger('maxKeys', maxKeys, 1, 2 ** 24)
    // Says at once what every later limiter would say.
    new Limiter(options)
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#maxKeys = maxKeys
    this.#limit = options.limit
  }

  /** How many may be in flight: the limits of all busy keys together, at least one key's. */
  get limit(): number {
    return this.#limit * Math.max(this.#busy.size, 1)
  }

  get inFlight(): number {
    return this.sum('inFlight')
  }

  get queued(): number {
    return this.sum('queued') + this.outside
  }

  /** How many keys the table holds, busy or idle. */
  get keys(): number {
    return this.#busy.size + this.#idle.size
  }

  /**
   * The key's limiter, busy until `settle` was called as often: also while its caller waits for
   * something else first. Undefined, and counted as a rejection for a full queue, when every place is
   * taken by a busy key.
   */
  take(key: string): KeyLimiter | undefined {
    const busy = this.#busy.get(key)
    if (busy !== undefined) {
      busy.callers++
      return busy.limiter
    }
    const limiter = this.#idle.get(key)?.limiter ?? this.#make(key)
    if (limiter === undefined) {
      this.account.rejected.queue_full++
      return undefined
    }
    this.#idle.delete(key)
    this.#busy.set(key, { limiter, callers: 1 })
    return limiter
  }

  /** To be called once for each `take`, when what it was called for has ended. */
  settle(key: string): void {
    const busy = this.#busy.get(key)
    if (busy === undefined || --busy.callers > 0) return
    this.#busy.delete(key)
    if (this.#closed) return
    this.#idle.set(key, { limiter: busy.limiter, since: this.#clock() })
    this.#timer ??= this.#forgetAfter(IDLE_FOR)
  }

  /** The limit of each key, of those that are known and of those to come: O(keys). */
  setLimit(limit: number): void {
    checkInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER)
    this.#limit = limit
    for (const limiter of this.#all()) limiter.setLimit(limit)
  }

  close(): void {
    this.#closed = true
    for (const limiter of this.#all()) limiter.close()
    this.#idle.clear()
    clearTimeout(this.#timer)
  }

  #forgetAfter(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#forget(), ms).unref()
  }

  /** Those that are idle for long enough; each is looked at once, and the one behind them. */
  #forget(): void {
    const now = this.#clock()
    for (const [key, { since }] of this.#idle) {
      const left = since + IDLE_FOR - now
      if (left > 0) {
        this.#timer = this.#forgetAfter(left)
        return
      }
      this.#leave(key)
    }
    this.#timer = undefined
  }

  /** Of a key that the table does not hold. */
  protected create(_key: string): KeyLimiter {
    return new Limiter({ ...this.#options, limit: this.#limit }, this.account)
  }

  /** Of all busy keys together. */
  protected sum(what: 'limit' | 'inFlight' | 'queued' | 'share'): number {
    let sum = 0
    for (const { limiter } of this.#busy.values()) sum += limiter[what] ?? 0
    return sum
  }

  #make(key: string): KeyLimiter | undefined {
    if (this.#busy.size >= this.#maxKeys) return undefined
    if (this.keys >= this.#maxKeys) {
      const [longest] = this.#idle.keys()
      this.#leave(longest as string)
    }
    const limiter = this.create(key)
    if (this.#closed) limiter.close()
    return limiter
  }

  #leave(idle: string): void {
    this.#idle.get(idle)?.limiter.close()
    this.#idle.delete(idle)
  }

  #all(): KeyLimiter[] {
    return [...this.#busy.values(), ...this.#idle.values()].map(({ limiter }) => limiter)
  }
}
