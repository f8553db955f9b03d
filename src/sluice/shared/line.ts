/**
 * The queue before slots whose number is decided elsewhere, and its accounts: who is admitted, who waits
 * and who is refused. Order, hand-off and cancelling are those of a `Limiter`.
 */
import type { Clock } from '../core/clock.js'
import { Learning } from '../core/limiter/learning.js'
import type { LimiterAccount } from '../core/limiter/limiter-account.js'
import type {
  LimiterAcquireOptions,
  LimiterSettings,
  QueueSettings,
} from '../core/limiter/limiter-options.js'
import { type Outcome, Token, type TokenOwner } from '../core/limiter/token.js'
import { FixedLimit } from '../core/limits/fixed.js'
import type { LimitAlgorithm } from '../core/limits/limit.js'
import { REFUSALS } from '../core/queue/refusals.js'
import { SharedQueue } from '../core/queue/shared-queue.js'
import { type Desk, WaitQueue } from '../core/queue/wait-queue.js'
import { Waiter, type WaiterOwner } from '../core/queue/waiter.js'

type Refusal = keyof typeof REFUSALS

export interface Slots {
  /** Who has lent them. */
  readonly lender: object
  /** How many may be in flight now; 0..Infinity. */
  limit(): number
  /** How many are. */
  taken(): number
  /** Why nobody may wait for one. */
  refusal(): 'closed' | 'store' | undefined
  /** Takes one; says how many are taken. */
  begin(): number
  end(): void
  /** Somebody waits, or nobody does any more, or one came free that nobody took. */
  changed(): void
}

type Local = LimitAlgorithm | undefined

export class Line {
  readonly #slots: Slots
  readonly #settings: QueueSettings
  readonly #clock: Clock
  readonly #account: LimiterAccount
  readonly #learning: Learning
  readonly #isLocal: boolean
  readonly #queue: WaitQueue<Token>
  /** The same queue, where priorities have shares. */
  readonly #classes: SharedQueue | undefined
  readonly #owner: WaiterOwner<Token> & Desk<Token> & TokenOwner
  /** @param local of this process alone */
  constructor(
    slots: Slots,
    { queue, clock, local }: Pick<LimiterSettings, 'queue' | 'clock'> & { local: Local },
    account: LimiterAccount,
  ) {
    this.#slots = slots
    this.#settings = queue
    this.#clock = clock
    this.#account = account
    this.#learning = new Learning(local ?? new FixedLimit(1), clock, queue.timeout !== undefined)
    this.#isLocal = local !== undefined
    this.#owner = {
      lender: slots.lender,
      leave: (waiter) => this.#queue.remove(waiter),
      cancelled: (reason) => {
        this.#account.count(reason)
        this.serve()
      },
      attend: (waiter, now) => this.#attend(waiter, now),
      end: (token, outcome, run, inFlight) => this.#end(token, outcome, run, inFlight),
    }
    const { order, size, shares } = queue
    this.#classes = shares && new SharedQueue(order, size, shares, this, this.#owner)
    this.#queue = this.#classes ?? new WaitQueue(order)
  }

  /** How many may be in flight now; 0..Infinity. */
  get limit(): number {
    const limit = this.#slots.limit()
    return this.#isLocal ? Math.min(limit, this.#learning.limit) : limit
  }

  /** The limit of this process alone finds itself. */
  get adapts(): boolean {
    return this.#learning.adapts
  }

  get feelsLoop(): boolean {
    return this.#learning.feelsLoop
  }

  /** Of those that wait, how many could run if there were permits. */
  get wanting(): number {
    const { size } = this.#queue
    if (!this.#isLocal) return size
    return Math.max(0, Math.min(size, this.#learning.limit - this.#slots.taken()))
  }

  get size(): number {
    return this.#queue.size
  }

  /** Of whoever is most important; -Infinity where nobody waits. */
  get priority(): number {
    return this.#queue.priority
  }

  take(priority: number): Token | undefined {
    if (!(this.#queue.isClearFor(priority) && this.#isFree)) return undefined
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
    if (refusal !== undefined) return this.#account.reject(refusal, new REFUSALS[refusal]())
    const waiter = this.#enqueue(priority, timeout, signal)
    if (timeout !== undefined) waiter.deadline = Number.POSITIVE_INFINITY
    return waiter.promise
  }

  /** The waiter, or the reason why there is none, which has been counted. */
  wait(priority: number, deadline: number | undefined): Waiter<Token> | Refusal {
    const refusal = this.#refusal(priority, undefined)
    if (refusal !== undefined) {
      this.#account.count(refusal)
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
    if (this.#queue.size > 0 && this.#isFree) {
      if (!this.#isLocal) this.#learning.limit = Math.max(1, this.#slots.limit())
      this.#queue.serve(this.#owner, this.#clock())
    }
    this.#slots.changed()
  }

  close(): void {
    this.#learning.close()
    this.refuseAll('closed')
  }

  refuseAll(reason: 'closed' | 'store'): void {
    this.#queue.cancelAll(reason, new REFUSALS[reason]())
  }

  get #isFree(): boolean {
    return this.#slots.taken() < this.limit
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
    victim.cancel('queue_full', new REFUSALS.queue_full())
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
    if (!this.#isFree) return false
    const reason = this.#learning.refusal(waiter, now, this.#queue.size === 1)
    if (reason === undefined) {
      this.#account.waits.record(now - waiter.since)
      waiter.grant(this.#admit(waiter.priority, now))
    } else {
      waiter.cancel(reason, new REFUSALS[reason]())
    }
    return true
  }
}
