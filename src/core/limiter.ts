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
import { checkNumber } from './check.js'
import type { Clock } from './clock.js'
import { ClosedError, QueueFullError, QueueTimeoutError } from './errors.js'
import type { Histogram } from './histogram.js'
import {
  LimiterAccount,
  type LimiterSnapshot,
  type LimiterView,
  type RejectReason,
  takeLimiterSnapshot,
} from './limiter-account.js'
import {
  checkAcquireOptions,
  type LimiterAcquireOptions,
  type LimiterOptions,
  readLimiterOptions,
} from './limiter-options.js'
import { claim, disclaim } from './limits/claim.js'
import { FixedLimit } from './limits/fixed.js'
import type { LimitAlgorithm } from './limits/limit.js'
import { type Outcome, Token, type TokenOwner } from './token.js'
import { WaitQueue } from './wait-queue.js'
import { type CancelReason, Waiter, type WaiterOwner } from './waiter.js'

export class Limiter implements LimiterView {
  readonly name: string
  readonly #algorithm: LimitAlgorithm
  /** Whether the algorithm learns, so that tokens must know their times. @internal */
  readonly learns: boolean
  readonly #clock: Clock
  readonly #queueSize: number
  readonly #queueTimeout: number
  readonly #queue: WaitQueue<Token>
  readonly #owner: WaiterOwner<Token> & TokenOwner = {
    leave: (waiter) => this.#queue.remove(waiter),
    cancelled: (reason) => {
      this.#account.rejected[reason]++
      // A slot that freed while the next in line was doomed has waited for its leaving.
      if (this.#queue.size > 0 && this.#inFlight < this.#limit) this.#admitWaiting()
    },
    end: (token, outcome) => this.#end(token, outcome),
  }
  readonly #account: LimiterAccount
  #limit: number
  #inFlight = 0
  #closed = false

  /**
   * An algorithm that learns belongs to one limiter, until that is closed.
   * @throws RangeError or TypeError that names the option, what it got and what it takes.
   */
  constructor(options: LimiterOptions)
  /** @internal With an account that several limiters share. */
  constructor(options: LimiterOptions, account: LimiterAccount)
  constructor(options: LimiterOptions, account = new LimiterAccount()) {
    const { name, algorithm, queue, clock } = readLimiterOptions(options)
    this.name = name
    this.#account = account
    this.#algorithm = algorithm
    this.learns = !(algorithm instanceof FixedLimit)
    this.#limit = atLeastOne(algorithm.limit)
    this.#clock = clock
    this.#queueSize = queue.size
    this.#queueTimeout = queue.timeout
    this.#queue = new WaitQueue(queue.order)
    if (this.learns) claim(algorithm)
  }

  /** How many may be in flight now: an integer >= 1. */
  get limit(): number {
    return this.#limit
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** @internal */
  get waits(): Histogram {
    return this.#account.waits
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
    return this.take(priority)
  }

  /** For the plugin: `tryAcquire` of a priority that was checked. @internal */
  take(priority: number): Token | undefined {
    return this.#isFree(priority) ? this.#admitAtOnce() : undefined
  }

  /**
   * Resolves with a token, at once if a slot is free. Rejects with `SLUICE_QUEUE_FULL`,
   * `SLUICE_QUEUE_TIMEOUT`, `SLUICE_CLOSED`, with the signal's reason when it aborts, and with a
   * RangeError or TypeError for bad options.
   */
  acquire(options: LimiterAcquireOptions = {}): Promise<Token> {
    try {
      checkAcquireOptions(options)
    } catch (error) {
      return Promise.reject(error)
    }
    const { signal, timeout = this.#queueTimeout, priority = 0 } = options
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
      this.#account.rejected[refusal]++
      return refusal
    }
    return this.#enqueue(priority, this.#queueTimeout, undefined)
  }

  /** For the plugin: work that it shed before it came here. @internal */
  countRejected(reason: RejectReason): void {
    this.#account.rejected[reason]++
  }

  snapshot(): LimiterSnapshot {
    return takeLimiterSnapshot(this, this.#account)
  }

  /** Ends admission for good; see the head of this file. Closing again does nothing. */
  close(): void {
    this.#closed = true
    disclaim(this.#algorithm)
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
    this.#account.waits.record(0)
    return this.#admit(this.learns ? this.#clock() : 0)
  }

  #admit(now: number): Token {
    this.#account.admitted++
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
    this.#account.rejected[reason]++
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
      if (this.learns && outcome !== 'ignored') this.#learn(token, outcome === 'dropped')
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
    while (this.#inFlight < this.#limit && !this.#closed) {
      const waiter = this.#queue.peek(now)
      if (waiter === undefined || waiter.doomed) return
      this.#account.waits.record(now - waiter.since)
      waiter.grant(this.#admit(now))
    }
  }
}

function atLeastOne(limit: number): number {
  return limit >= 1 ? Math.floor(limit) : 1
}
