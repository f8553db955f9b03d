/**
 * A limit, a bounded queue before it, and the accounts of both.
 *
 * Order: by priority, and within one by the queue's order; a full queue takes a newcomer of higher
 * priority in place of its newest waiter of the lowest. Hand-off: a slot that frees, or a limit that
 * rises, admits the next waiter before anyone else can ask. Cancelling: a waiter leaves in O(1).
 * Closing: waiters and later acquires reject with `SLUICE_CLOSED`; tokens that are out stay valid.
 * Cost: an admission that need not wait is one token and a few plain numbers; with a fixed limit the
 * clock is read only for those that wait. Samples hold no wait: a token's time begins at its grant.
 */
import { checkInteger, checkNumber, checkSignal, checkTimeout, show } from './check.js'
import { type Clock, systemClock } from './clock.js'
import { ClosedError, QueueFullError, QueueTimeoutError } from './errors.js'
import { Histogram } from './histogram.js'
import { FixedLimit } from './limits/fixed.js'
import type { LimitAlgorithm } from './limits/limit.js'
import { type Outcome, Token, type TokenOwner } from './token.js'
import { type QueueOrder, WaitQueue } from './wait-queue.js'
import { type CancelReason, Waiter, type WaiterOwner } from './waiter.js'

export interface QueueOptions {
  /** How many may wait: an integer >= 0; 0 rejects at once; default 1000. */
  size?: number | undefined
  /** Milliseconds one may wait, >= 0; default Infinity: no timeout. */
  timeout?: number | undefined
  /** Whom to serve first within a priority; default `fifo`. */
  order?: QueueOrder | undefined
}

export interface LimiterOptions {
  /** Its name in snapshots and metrics; default `limiter`. */
  name?: string | undefined
  /** An integer >= 1, or an algorithm that finds it. */
  limit: number | LimitAlgorithm
  queue?: QueueOptions | undefined
  /** Monotonic milliseconds; default `performance.now`. */
  clock?: Clock | undefined
}

export interface LimiterAcquireOptions {
  /** Its abort rejects the acquire with the signal's reason; an aborted signal never acquires. */
  signal?: AbortSignal | undefined
  /** Milliseconds, >= 0, in place of the queue's; 0: only if free now; Infinity: none. */
  timeout?: number | undefined
  /** Any number but NaN; higher is served first; default 0. */
  priority?: number | undefined
}

/** Why work was shed. */
export type RejectReason = CancelReason | 'pressure'

export interface LimiterSnapshot {
  readonly name: string
  readonly limit: number
  readonly inFlight: number
  readonly queued: number
  /** Since the limiter was made, as are the rejected. */
  readonly admitted: number
  readonly rejected: Readonly<Record<RejectReason, number>>
  /** How long the admitted waited, in milliseconds; 0 without data. */
  readonly waitMs: { readonly p50: number; readonly p99: number }
}

export class Limiter {
  readonly name: string
  /** How long the admitted waited. @internal */
  readonly waits: Histogram = new Histogram()
  readonly #algorithm: LimitAlgorithm
  /** Whether the algorithm learns, so that tokens must know their times. */
  readonly #learns: boolean
  readonly #clock: Clock
  readonly #queueSize: number
  readonly #queueTimeout: number
  readonly #queue: WaitQueue<Token>
  readonly #owner: WaiterOwner<Token> & TokenOwner = {
    leave: (waiter) => this.#queue.remove(waiter),
    cancelled: (reason) => {
      this.#rejected[reason]++
    },
    end: (token, outcome) => this.#end(token, outcome),
  }
  readonly #rejected: Record<RejectReason, number> = {
    queue_full: 0,
    queue_timeout: 0,
    deadline: 0,
    pressure: 0,
    closed: 0,
    aborted: 0,
  }
  #limit: number
  #inFlight = 0
  #admitted = 0
  #closed = false

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  constructor(options: LimiterOptions) {
    const { name = 'limiter', limit, queue = {}, clock = systemClock } = options
    const { size = 1000, timeout = Number.POSITIVE_INFINITY, order = 'fifo' } = queue
    if (typeof name !== 'string') throw new TypeError(`name: got ${show(name)}, takes a string`)
    if (typeof clock !== 'function') {
      throw new TypeError(`clock: got ${show(clock)}, takes a function`)
    }
    checkInteger('queue.size', size, 0, Number.MAX_SAFE_INTEGER)
    checkTimeout('queue.timeout', timeout)
    if (order !== 'fifo' && order !== 'lifo' && order !== 'adaptive') {
      throw new RangeError(`queue.order: got ${show(order)}, takes 'fifo', 'lifo' or 'adaptive'`)
    }
    this.name = name
    this.#algorithm = toAlgorithm(limit)
    this.#learns = !(this.#algorithm instanceof FixedLimit)
    this.#limit = atLeastOne(this.#algorithm.limit)
    this.#clock = clock
    this.#queueSize = size
    this.#queueTimeout = timeout
    this.#queue = new WaitQueue(order)
  }

  /** How many may be in flight now: an integer >= 1. */
  get limit(): number {
    return this.#limit
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** How many wait. */
  get queued(): number {
    return this.#queue.size
  }

  /**
   * A token now, or undefined: when no slot is free, or after `close`. It never waits, never passes
   * a waiter of the same or a higher priority, and its failure counts as no rejection.
   */
  tryAcquire(options?: Pick<LimiterAcquireOptions, 'priority'>): Token | undefined {
    const priority = options?.priority ?? 0
    if (priority !== 0) checkNumber('priority', priority)
    return this.#isFree(priority) ? this.#admitAtOnce() : undefined
  }

  /**
   * Resolves with a token, at once if a slot is free. Rejects with `SLUICE_QUEUE_FULL`,
   * `SLUICE_QUEUE_TIMEOUT`, `SLUICE_CLOSED`, with the signal's reason when it aborts, and with a
   * RangeError or TypeError for bad options.
   */
  acquire(options: LimiterAcquireOptions = {}): Promise<Token> {
    const { signal, timeout = this.#queueTimeout, priority = 0 } = options
    try {
      checkTimeout('timeout', timeout)
      checkNumber('priority', priority)
      if (signal !== undefined) checkSignal(signal)
    } catch (error) {
      return Promise.reject(error)
    }
    if (signal?.aborted) return this.#reject('aborted', signal.reason)
    if (this.#isFree(priority)) return Promise.resolve(this.#admitAtOnce())
    const refusal = this.#refusal(priority, timeout)
    if (refusal === 'closed') return this.#reject(refusal, new ClosedError())
    if (refusal === 'queue_full') return this.#reject(refusal, new QueueFullError())
    if (refusal === 'queue_timeout') return this.#reject(refusal, new QueueTimeoutError())
    return this.#enqueue(priority, timeout, signal).promise
  }

  /**
   * For the plugin: what `acquire` does after `tryAcquire` failed, without a signal or an error
   * object. Returns the waiter, or the reason why there is none (already counted).
   * @internal
   */
  wait(priority: number): Waiter<Token> | CancelReason {
    const refusal = this.#refusal(priority, this.#queueTimeout)
    if (refusal !== undefined) {
      this.#rejected[refusal]++
      return refusal
    }
    return this.#enqueue(priority, this.#queueTimeout, undefined)
  }

  snapshot(): LimiterSnapshot {
    return {
      name: this.name,
      limit: this.#limit,
      inFlight: this.#inFlight,
      queued: this.#queue.size,
      admitted: this.#admitted,
      rejected: { ...this.#rejected },
      waitMs: { p50: this.waits.quantile(0.5), p99: this.waits.quantile(0.99) },
    }
  }

  /** Ends admission for good; see the head of this file. Closing again does nothing. */
  close(): void {
    this.#closed = true
    let waiter = this.#queue.peekLast()
    while (waiter !== undefined) {
      waiter.cancel('closed', new ClosedError())
      waiter = this.#queue.peekLast()
    }
  }

  #isFree(priority: number): boolean {
    return this.#inFlight < this.#limit && this.#queue.highest < priority && !this.#closed
  }

  #admitAtOnce(): Token {
    this.waits.record(0)
    return this.#admit(this.#learns ? this.#clock() : 0)
  }

  #admit(now: number): Token {
    this.#admitted++
    return Token.of(this.#owner, now, ++this.#inFlight)
  }

  /** Why a caller that finds no slot free can't wait; makes room where its priority allows. */
  #refusal(priority: number, timeout: number): CancelReason | undefined {
    if (this.#closed) return 'closed'
    if (timeout === 0) return 'queue_timeout'
    if (this.#queue.size < this.#queueSize) return undefined
    const last = this.#queue.peekLast()
    if (last === undefined || last.priority >= priority) return 'queue_full'
    last.cancel('queue_full', new QueueFullError())
    return undefined
  }

  #reject(reason: CancelReason, error: unknown): Promise<never> {
    this.#rejected[reason]++
    return Promise.reject(error)
  }

  #enqueue(priority: number, timeout: number, signal: AbortSignal | undefined): Waiter<Token> {
    const now = this.#clock()
    const waiter = new Waiter(this.#owner, 1, priority, now)
    this.#queue.push(waiter, now)
    waiter.watch(signal, timeout)
    return waiter
  }

  /** The slot returns first; then the limit learns, and whoever now fits is admitted, error or not. */
  #end(token: Token, outcome: Outcome): void {
    this.#inFlight--
    try {
      if (this.#learns && outcome !== 'ignored') this.#learn(token, outcome === 'dropped')
    } finally {
      if (this.#queue.size > 0) this.#admitWaiting()
    }
  }

  #learn({ startTime, inFlight }: Token, dropped: boolean): void {
    const rtt = this.#clock() - startTime
    if (rtt <= 0) return
    this.#algorithm.onSample({ startTime, rtt, inFlight, dropped })
    this.#limit = atLeastOne(this.#algorithm.limit)
  }

  #admitWaiting(): void {
    const now = this.#clock()
    while (this.#inFlight < this.#limit) {
      const waiter = this.#queue.peek(now)
      if (waiter === undefined) return
      this.waits.record(now - waiter.since)
      waiter.grant(this.#admit(now))
    }
  }
}

function toAlgorithm(limit: number | LimitAlgorithm): LimitAlgorithm {
  if (typeof limit === 'number') return new FixedLimit(limit)
  if (typeof limit?.limit !== 'number' || typeof limit.onSample !== 'function') {
    throw new TypeError(`limit: got ${show(limit)}, takes an integer >= 1 or a limit algorithm`)
  }
  return limit
}

function atLeastOne(limit: number): number {
  return limit >= 1 ? Math.floor(limit) : 1
}
