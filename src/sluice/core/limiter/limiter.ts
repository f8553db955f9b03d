import type { Clock } from '../clock.js'
import { REFUSALS } from '../queue/refusals.js'
import { SharedQueue } from '../queue/shared-queue.js'
import { type Desk, WaitQueue } from '../queue/wait-queue.js'
import { type CancelReason, Waiter, type WaiterOwner } from '../queue/waiter.js'
import { runWith, type Work } from '../run.js'
import { Learning } from './learning.js'
import { AccountedLimiter, LimiterAccount } from './limiter-account.js'
import type { LimiterAcquireOptions, LimiterOptions, QueueSettings } from './limiter-options.js'
import { checkAcquireOptions, priorityOf, readLimiterOptions } from './limiter-options.js'
import { type Outcome, Token, type TokenOwner } from './token.js'

/**
 * A limit, a bounded queue before it, and the accounts of both.
 *
 * Order: by priority, and within one by the queue's order; a full queue takes a newcomer of higher
 * priority in place of its newest waiter of the lowest. Hand-off: a slot that frees, or a limit that
 * rises, admits the next waiter before anyone else can ask. Cancelling: a waiter leaves in O(1).
 * Closing: waiters and later acquires reject with `SLUICE_CLOSED`; tokens that are out stay valid.
 * Cost: an admission that need not wait is one token and a few plain numbers; with a fixed limit the
 * clock is read only for those that wait, until one of them has a deadline. Samples hold no wait: a
 * token's time begins at its grant.
 */
export class Limiter extends AccountedLimiter {
  readonly #clock: Clock
  readonly #settings: QueueSettings
  readonly #queue: WaitQueue<Token>
  /** The same queue, where priorities have shares. */
  readonly #shared: SharedQueue | undefined
  readonly #owner: WaiterOwner<Token> & Desk<Token> & TokenOwner = {
    leave: (waiter) => this.#queue.remove(waiter),
    cancelled: (reason) => {
      this.account.count(reason)
      // A slot that freed while the next in line was doomed has waited for its leaving.
      this.#serve()
    },
    attend: (waiter, now) => this.#attend(waiter, now),
    end: (token, outcome, run, inFlight) => this.#end(token, outcome, run, inFlight),
  }
  readonly #learning: Learning
  #inFlight = 0
  #admitted = 0
  #closed = false

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  constructor(options: LimiterOptions)
  /** @internal With an account that several limiters share. */
  constructor(options: LimiterOptions, account: LimiterAccount)
  constructor(options: LimiterOptions, account = new LimiterAccount()) {
    const { name, algorithm, queue, clock } = readLimiterOptions(options)
    super(name, account)
    this.#clock = clock
    this.#settings = queue
    this.findings = algorithm.findings
    this.#learning = new Learning(algorithm, clock, queue.timeout !== undefined)
    const { order, size, shares } = queue
    this.#shared = shares && new SharedQueue(order, size, shares, this.#learning, this.#owner)
    this.#queue = this.#shared ?? new WaitQueue(order)
  }

  /** How many may be in flight now: an integer >= 1. */
  get limit(): number {
    return this.#learning.limit
  }

  /** How many tokens are out. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** By itself, also where it shares its account. */
  override get admitted(): number {
    return this.#admitted
  }

  /** No algorithm finds the limit: `setLimit` may change it. */
  get isFixed(): boolean {
    return !this.adapts
  }

  /** @internal */
  get adapts(): boolean {
    return this.#learning.adapts
  }

  /** It learns of the wait for the event loop, too. @internal */
  get feelsLoop(): boolean {
    return this.#learning.feelsLoop
  }

  /** How many wait. */
  get queued(): number {
    return this.#queue.size + this.outside
  }

  /**
   * A token now, or undefined: when no slot is free, or after `close`. It never waits, never passes
   * a waiter of the same or a higher priority, and its failure counts as no rejection.
   */
  tryAcquire(options?: Pick<LimiterAcquireOptions, 'priority'>): Token | undefined {
    return this.take(options === undefined ? 0 : priorityOf(options))
  }

  /** For the plugin: `tryAcquire` of a priority that was checked. @internal */
  take(priority: number): Token | undefined {
    return this.#isFree(priority) ? this.#admitAtOnce(priority) : undefined
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
    const { signal, timeout, priority = 0 } = options
    if (signal?.aborted) return this.account.reject('aborted', signal.reason)
    if (this.#isFree(priority)) return Promise.resolve(this.#admitAtOnce(priority))
    const refusal = this.#refusal(priority, timeout)
    if (refusal !== undefined) return this.account.reject(refusal, new REFUSALS[refusal]())
    const waiter = this.#enqueue(priority, timeout, signal)
    if (timeout !== undefined) waiter.deadline = Number.POSITIVE_INFINITY
    return waiter.promise
  }

  /**
   * Runs the work with a token, and ends that by how the work ends: a value is a sample, a
   * `TimeoutError` a drop. Rejects as `acquire` does, without calling `work`, or as the work does.
   */
  async run<T>(work: Work<T>, options: LimiterAcquireOptions = {}): Promise<T> {
    return runWith(await this.acquire(options), work, options.signal)
  }

  /**
   * For the plugin: what `acquire` does after `tryAcquire` failed, without a signal. The waiter, or why
   * there is none (counted). Who could not be done by its `deadline` is not started. @internal
   */
  wait(priority: number, deadline?: number): Waiter<Token> | CancelReason {
    const refusal = this.#refusal(priority, undefined)
    if (refusal !== undefined) {
      this.account.count(refusal)
      return refusal
    }
    const waiter = this.#enqueue(priority)
    if (deadline !== undefined) {
      waiter.deadline = deadline
      this.#learning.expectDeadlines()
    }
    return waiter
  }

  /**
   * Changes a fixed limit. A higher one admits waiters before this returns; a lower one lets those in
   * flight finish. @throws RangeError or TypeError for no integer >= 1, or where an algorithm finds it.
   */
  setLimit(limit: number): void {
    this.#learning.set(limit)
    this.#serve()
  }

  /** Ends admission for good: see the class. Closing again does nothing. */
  close(): void {
    this.#closed = true
    this.#learning.close()
    this.#queue.cancelAll('closed', new REFUSALS.closed())
  }

  get #hasSlot(): boolean {
    return this.#inFlight < this.#learning.limit && !this.#closed
  }

  #isFree(priority: number): boolean {
    return this.#hasSlot && this.#queue.isClearFor(priority)
  }

  #admitAtOnce(priority: number): Token {
    const now = this.#learning.startTime()
    this.account.waits.record(0)
    this.#learning.letIn(now)
    return this.#admit(priority, now)
  }

  #admit(priority: number, now: number): Token {
    this.#admitted++
    this.account.admitted++
    const owner = this.#shared === undefined ? this.#owner : this.#shared.granted(priority)
    return Token.of(owner, now, ++this.#inFlight)
  }

  /** Why a caller that finds no slot free can't wait; makes room where its priority allows. */
  #refusal(priority: number, timeout: number | undefined): keyof typeof REFUSALS | undefined {
    if (this.#closed) return 'closed'
    if ((timeout ?? this.#settings.timeout) === 0) return 'queue_timeout'
    const { size } = this.#queue
    const isHopeless = timeout === undefined && this.#learning.isHopeless(size)
    if (size < this.#settings.size && !isHopeless) return undefined
    const victim = this.#queue.victim(priority)
    if (victim === undefined) return 'queue_full'
    victim.cancel('queue_full', new REFUSALS.queue_full())
    return undefined
  }

  #enqueue(priority: number, timeout?: number, signal?: AbortSignal): Waiter<Token> {
    const now = this.#clock()
    const waiter = new Waiter(this.#owner, 1, priority, now)
    this.#queue.push(waiter, now)
    waiter.watch(signal, timeout ?? this.#settings.timeout ?? Number.POSITIVE_INFINITY)
    return waiter
  }

  /** The slot returns first; then the limit learns, and whoever now fits is admitted, error or not. */
  #end(token: Token, outcome: Outcome, run: number | undefined, inFlight: number): void {
    this.#inFlight--
    if (outcome === 'abandoned') this.account.abandoned++
    try {
      this.#learning.end(token, outcome, run, inFlight)
    } finally {
      if (this.#queue.size > 0) this.#serve()
    }
  }

  #serve(): void {
    if (this.#queue.size > 0 && this.#hasSlot) this.#queue.serve(this.#owner, this.#clock())
  }

  #attend(waiter: Waiter<Token>, now: number): boolean {
    if (!this.#hasSlot) return false
    const reason = this.#learning.refusal(waiter, now, this.#queue.size === 1)
    if (reason === undefined) {
      this.account.waits.record(now - waiter.since)
      waiter.grant(this.#admit(waiter.priority, now))
    } else waiter.cancel(reason, new REFUSALS[reason]())
    return true
  }
}
