/**
 * The queue before slots whose number is decided elsewhere, and its accounts: who is admitted, who waits
 * and who is refused. Order, hand-off and cancelling are those of a `Limiter`.
 */
import type { Clock } from '../core/clock.js'
import { Learning } from '../core/limiter/learning.js'
import type { LimiterAcquireOptions, LimiterSettings } from '../core/limiter/limiter-options.js'
import { type Outcome, Token, type TokenOwner } from '../core/limiter/token.js'
import { FixedLimit } from '../core/limits/fixed.js'
import { REFUSALS } from '../core/queue/refusals.js'
import { SharedQueue } from '../core/queue/shared-queue.js'
import { type Desk, WaitQueue } from '../core/queue/wait-queue.js'
import { type CancelReason, Waiter, type WaiterOwner } from '../core/queue/waiter.js'
import type { SharedAccount } from './account.js'
import { StoreError } from './errors.js'

const ERRORS = { ...REFUSALS, store: StoreError } as const
type Refusal = keyof typeof ERRORS

export interface Slots {
  /** How many may be in flight now. */
  limit(): number
  /** One more may be in flight. */
  isFree(): boolean
  /** Why nobody may wait for one. */
  refusal(): 'closed' | 'store' | undefined
  /** Takes one; says how many are taken. */
  begin(): number
  end(): void
  /** Somebody waits, or nobody does any more, or one came free that nobody took. */
  changed(): void
}

export class Line {
  readonly #slots: Slots
  readonly #settings: LimiterSettings['queue']
  readonly #clock: Clock
  readonly #account: SharedAccount
  readonly #learning: Learning
  readonly #queue: WaitQueue<Token>
  /** The same queue, where priorities have shares. */
  readonly #classes: SharedQueue | undefined
  readonly #owner: WaiterOwner<Token> & Desk<Token> & TokenOwner = {
    leave: (waiter) => this.#queue.remove(waiter),
    cancelled: (reason) => {
      this.#account.rejected[reason]++
      this.serve()
    },
    attend: (waiter, now) => this.#attend(waiter, now),
    end: (token, outcome, run, inFlight) => this.#end(token, outcome, run, inFlight),
  }

  constructor(slots: Slots, queue: LimiterSettings['queue'], clock: Clock, account: SharedAccount) {
    this.#slots = slots
    this.#settings = queue
    this.#clock = clock
    this.#account = account
    this.#learning = new Learning(new FixedLimit(1), clock, queue.timeout !== undefined)
    const { order, size, shares } = queue
    const now = {
      get limit() {
        return slots.limit()
      },
    }
    this.#classes = shares && new SharedQueue(order, size, shares, now, this.#owner)
    this.#queue = this.#classes ?? new WaitQueue(order)
  }

  get size(): number {
    return this.#queue.size
  }

  /** Of whoever is most important; -Infinity where nobody waits. */
  get priority(): number {
    return this.#queue.priority
  }

  take(priority: number): Token | undefined {
    if (!(this.#queue.isClearFor(priority) && this.#slots.isFree())) return undefined
    const now = this.#learning.startTime()
    this.#account.waits.record(0)
    this.#learning.letIn(now)
    return this.#admit(priority, now)
  }

  /** @param options checked ones */
  acquire({ signal, timeout, priority = 0 }: LimiterAcquireOptions): Promise<Token> {
    if (signal?.aborted) return this.#account.reject('aborted', signal.reason)
    const token = this.take(priority)
    if (token !== undefined) return Promise.resolve(token)
    const refusal = this.#refusal(priority, timeout)
    if (refusal !== undefined) return this.#account.reject(refusal, new ERRORS[refusal]())
    const waiter = this.#enqueue(priority, timeout, signal)
    if (timeout !== undefined) waiter.deadline = Number.POSITIVE_INFINITY
    return waiter.promise
  }

  /** The waiter, or the reason why there is none, which has been counted. */
  wait(priority: number, deadline: number | undefined): Waiter<Token> | Refusal {
    const refusal = this.#refusal(priority, undefined)
    if (refusal !== undefined) {
      this.#account.rejected[refusal]++
      return refusal
    }
    const waiter = this.#enqueue(priority)
    if (deadline !== undefined) {
      waiter.deadline = deadline
      this.#learning.expectDeadlines()
    }
    return waiter
  }

  /** Admits whoever now fits. */
  serve(): void {
    if (this.#queue.size > 0 && this.#slots.isFree()) {
      this.#learning.limit = Math.max(1, this.#slots.limit())
      this.#queue.serve(this.#owner, this.#clock())
    }
    this.#slots.changed()
  }

  refuseAll(reason: 'closed' | 'store'): void {
    // What plain limiters shed for does not include the store.
    this.#queue.cancelAll(reason as CancelReason, new ERRORS[reason]())
  }

  #admit(priority: number, now: number): Token {
    this.#account.admitted++
    const inFlight = this.#slots.begin()
    const owner = this.#classes === undefined ? this.#owner : this.#classes.granted(priority)
    return Token.of(owner, now, inFlight)
  }

  /** Why a caller that finds no slot free can't wait; makes room where its priority allows. */
  #refusal(priority: number, timeout: number | undefined): Refusal | undefined {
    const refusal = this.#slots.refusal()
    if (refusal !== undefined) return refusal
    if ((timeout ?? this.#settings.timeout) === 0) return 'queue_timeout'
    const { size } = this.#queue
    const isHopeless = timeout === undefined && this.#learning.isHopeless(size)
    if (size < this.#settings.size && !isHopeless) return undefined
    const victim = this.#queue.victim(priority)
    if (victim === undefined) return 'queue_full'
    victim.cancel('queue_full', new ERRORS.queue_full())
    return undefined
  }

  #enqueue(priority: number, timeout?: number, signal?: AbortSignal): Waiter<Token> {
    const now = this.#clock()
    const waiter = new Waiter(this.#owner, 1, priority, now)
    this.#queue.push(waiter, now)
    waiter.watch(signal, timeout ?? this.#settings.timeout ?? Number.POSITIVE_INFINITY)
    this.#slots.changed()
    return waiter
  }

  /** The slot returns first; then whoever now fits is admitted. */
  #end(token: Token, outcome: Outcome, run: number | undefined, inFlight: number): void {
    this.#slots.end()
    if (outcome === 'abandoned') this.#account.abandoned++
    try {
      this.#learning.end(token, outcome, run, inFlight)
    } finally {
      this.serve()
    }
  }

  #attend(waiter: Waiter<Token>, now: number): boolean {
    if (!this.#slots.isFree()) return false
    const reason = this.#learning.refusal(waiter, now, this.#queue.size === 1)
    if (reason === undefined) {
      this.#account.waits.record(now - waiter.since)
      waiter.grant(this.#admit(waiter.priority, now))
    } else {
      waiter.cancel(reason, new ERRORS[reason]())
    }
    return true
  }
}
