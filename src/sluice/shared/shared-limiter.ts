/**
 * A limiter whose limit is shared by all processes that give the same name to the same store. It borrows
 * permits there and admits from them locally, so that an admission costs no call while it holds enough.
 *
 * Guarantee: never more in flight than permits held, and those are held by nobody else (but see
 * `fallback` for what happens without the store). Order, hand-off and cancelling: within the process a
 * limiter's; over all processes the starving are served in turns, the more important first. Closing: as a
 * limiter's, and what is idle or comes free goes back at once. While the store cannot be reached nobody
 * waits: what the fallback does not admit is rejected with `SLUICE_STORE`.
 * Cost: two clocks are read for an admission, since the process may have been stopped.
 */
import { checkInteger } from '../core/check.js'
import {
  AccountedLimiter,
  LimiterAccount,
  type LimiterSnapshot,
  type SharedFindings,
  type SharedStanding,
  type SharedState,
} from '../core/limiter/limiter-account.js'
import {
  checkAcquireOptions,
  type LimiterAcquireOptions,
  priorityOf,
} from '../core/limiter/limiter-options.js'
import type { Token } from '../core/limiter/token.js'
import type { CancelReason, Waiter } from '../core/queue/waiter.js'
import { runWith, type Work } from '../core/run.js'
import { Borrower } from './borrower.js'
import { Line, type Slots } from './line.js'
import { readSharedOptions, type SharedLimiterOptions } from './options.js'
import type { Share } from './share.js'

/** As of now, as plain data. */
export type SharedLimiterSnapshot = LimiterSnapshot & SharedStanding

/** One of several limits that a process borrows of together. */
export interface Part {
  readonly borrower: Borrower
  readonly key: string
  /** Of all of them. */
  readonly account: LimiterAccount
}

/**
 * A `Limiter` whose limit is one over all processes that give the same name to the same store. It borrows
 * permits there and admits from them locally: an admission costs no call while it holds enough.
 */
export class SharedLimiter extends AccountedLimiter {
  readonly isFixed = true
  /** What lends it its permits: so do their tokens say. @internal */
  readonly borrower: Borrower
  readonly #share: Share
  readonly #line: Line
  readonly #isPart: boolean
  #closed = false

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  constructor(options: SharedLimiterOptions)
  /** @internal */
  constructor(options: SharedLimiterOptions, part: Part | undefined)
  constructor(options: SharedLimiterOptions, part?: Part) {
    const settings = readSharedOptions(options)
    const account = part?.account ?? sharedAccount()
    super(settings.label, account)
    this.#isPart = part !== undefined
    const borrower = part?.borrower ?? new Borrower(settings)
    const share = borrower.open(part?.key ?? '', () => this.#refresh())
    this.borrower = borrower
    this.#share = share
    const slots: Slots = {
      lender: borrower,
      limit: () => (this.#closed ? 0 : borrower.allowance(share)),
      taken: () => share.inFlight,
      refusal: () => this.#refusal(),
      begin: () => share.begin(),
      end: () => share.end(),
      changed: () => this.#changed(),
    }
    this.#line = new Line(slots, settings, account)
  }

  /**
   * How many may be in flight here now, 0..Infinity: the share, or what the fallback says, and no more
   * than what `local` has found.
   */
  get limit(): number {
    return this.#line.limit
  }

  /** Permits that this process holds. */
  get share(): number {
    return this.#share.held
  }

  /** Over all processes, as last heard. */
  get sharedLimit(): number {
    return this.borrower.limit
  }

  /** Live processes, as last heard; 0 before the first answer. */
  get members(): number {
    return this.borrower.members
  }

  /** How it stands with the store. */
  get state(): SharedState {
    return this.borrower.state
  }

  get inFlight(): number {
    return this.#share.inFlight
  }

  /** How many wait. */
  get queued(): number {
    return this.#line.size + this.outside
  }

  /** It has a limit of its own inside, which finds itself. @internal */
  get adapts(): boolean {
    return this.#line.adapts
  }

  /** It learns of the wait for the event loop, too. @internal */
  get feelsLoop(): boolean {
    return this.#line.feelsLoop
  }

  /** @internal */
  override get shared(): SharedFindings {
    return this.borrower.findings(this.share, this.account.admitted)
  }

  /**
   * A token now, or undefined: when no permit is at hand, or after `close`. It never waits, never passes
   * a waiter of the same or a higher priority, and its failure counts as no rejection.
   */
  tryAcquire(options: Pick<LimiterAcquireOptions, 'priority'> = {}): Token | undefined {
    return this.take(priorityOf(options))
  }

  /** For the plugin: `tryAcquire` of a priority that was checked. @internal */
  take(priority: number): Token | undefined {
    return this.#line.take(priority)
  }

  /**
   * Resolves with a token, at once if a permit is at hand. Rejects as `Limiter.acquire` does, and with
   * `SLUICE_STORE`.
   */
  acquire(options: LimiterAcquireOptions = {}): Promise<Token> {
    try {
      checkAcquireOptions(options)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#line.acquire(options)
  }

  /** As `Limiter.run`. */
  async run<T>(work: Work<T>, options: LimiterAcquireOptions = {}): Promise<T> {
    return runWith(await this.acquire(options), work, options.signal)
  }

  /** For the plugin: as `Limiter.wait`. @internal */
  wait(priority: number, deadline?: number): Waiter<Token> | CancelReason {
    return this.#line.wait(priority, deadline)
  }

  /**
   * Sets the limit of all processes that are members now. One that joins later brings its own, and the
   * smallest counts. Throws a RangeError or TypeError for anything but an integer >= 1.
   */
  setLimit(limit: number): void {
    checkInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER)
    this.borrower.setLimit(limit)
  }

  override snapshot(): SharedLimiterSnapshot {
    const { share, sharedLimit, members, state } = this
    return { ...super.snapshot(), share, sharedLimit, members, state }
  }

  /** Ends admission for good; see the head of this file. Closing again does nothing. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#line.close()
    if (this.#isPart) this.borrower.close(this.#share)
    else this.borrower.leave()
  }

  /**
   * Closes it, and resolves when all that it held is back: when what is in flight has ended and the store
   * has heard of it, or, where that cannot be reached, a lease after it last could.
   */
  leave(): Promise<void> {
    this.close()
    return this.borrower.leave()
  }

  #refusal(): 'closed' | 'store' | undefined {
    if (this.#closed) return 'closed'
    return this.state === 'lost' ? 'store' : undefined
  }

  /** What may be in flight is perhaps another. */
  #refresh(): void {
    const { admitted } = this.account
    this.#line.serve()
    this.borrower.granted += this.account.admitted - admitted
    if (this.#line.size > 0 && this.state === 'lost') this.#line.refuseAll('store')
  }

  #changed(): void {
    this.#share.queued = this.#line.wanting
    this.#share.priority = this.#line.priority
    this.borrower.changed(this.#share)
  }
}

/** It has one more reason to shed. */
export function sharedAccount(): LimiterAccount {
  const account = new LimiterAccount()
  account.rejected.store = 0
  return account
}
