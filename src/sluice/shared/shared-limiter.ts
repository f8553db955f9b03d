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
import { checkInteger, checkNames, checkNumber, checkObject } from '../core/check.js'
import type { Clock } from '../core/clock.js'
import { AccountedLimiter, type LimiterSnapshot } from '../core/limiter/limiter-account.js'
import { checkAcquireOptions, type LimiterAcquireOptions } from '../core/limiter/limiter-options.js'
import type { Token } from '../core/limiter/token.js'
import type { CancelReason, Waiter } from '../core/queue/waiter.js'
import { SharedAccount } from './account.js'
import { Line, type Slots } from './line.js'
import { Link } from './link.js'
import { Membership, type SharedState } from './membership.js'
import { readSharedOptions, type SharedLimiterOptions } from './options.js'
import type { Share } from './share.js'

export interface SharedLimiterSnapshot extends LimiterSnapshot {
  readonly share: number
  readonly sharedLimit: number
  readonly members: number
  readonly state: SharedState
}

export class SharedLimiter extends AccountedLimiter {
  readonly #clocks: { readonly clock: Clock; readonly wallClock: Clock }
  readonly #membership: Membership
  readonly #share: Share
  readonly #link: Link
  readonly #line: Line
  #closed = false

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  constructor(options: SharedLimiterOptions) {
    const settings = readSharedOptions(options)
    const account = new SharedAccount()
    super(settings.name, account)
    this.#clocks = settings
    this.#membership = new Membership(settings, settings.random)
    const share = this.#membership.open('')
    this.#share = share
    const slots: Slots = {
      limit: () => this.limit,
      isFree: () => share.inFlight < this.limit,
      refusal: () => this.#refusal(),
      begin: () => share.begin(),
      end: () => share.end(),
      changed: () => this.#changed(),
    }
    this.#line = new Line(slots, settings.queue, settings.clock, account)
    this.#link = new Link(this.#membership, settings, () => this.#refresh())
  }

  /** How many may be in flight here now: the share, or what the fallback says; 0..Infinity. */
  get limit(): number {
    const { clock, wallClock } = this.#clocks
    return this.#membership.allowance(this.#share, clock(), wallClock())
  }

  /** Permits that this process holds. */
  get share(): number {
    return this.#share.held
  }

  /** Over all processes, as last heard. */
  get sharedLimit(): number {
    return this.#membership.limit
  }

  /** Live processes, as last heard; 0 before the first answer. */
  get members(): number {
    return this.#membership.members
  }

  get state(): SharedState {
    const { clock, wallClock } = this.#clocks
    return this.#membership.state(clock(), wallClock())
  }

  get inFlight(): number {
    return this.#share.inFlight
  }

  /** How many wait. */
  get queued(): number {
    return this.#line.size + this.outside
  }

  /**
   * A token now, or undefined: when no permit is at hand, or after `close`. It never waits, never passes
   * a waiter of the same or a higher priority, and its failure counts as no rejection.
   */
  tryAcquire(options: Pick<LimiterAcquireOptions, 'priority'> = {}): Token | undefined {
    checkObject('options', options)
    checkNames(options, ['priority'])
    const { priority = 0 } = options
    checkNumber('priority', priority)
    return this.take(priority)
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

  /** For the plugin: as `Limiter.wait`, but for one more reason. @internal */
  wait(priority: number, deadline?: number): Waiter<Token> | CancelReason | 'store' {
    return this.#line.wait(priority, deadline)
  }

  /**
   * Sets the limit of all processes that are members now. One that joins later brings its own, and the
   * smallest counts. Throws a RangeError or TypeError for anything but an integer >= 1.
   */
  setLimit(limit: number): void {
    checkInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER)
    this.#membership.setLimit(limit)
    this.#link.touch()
  }

  override snapshot(): SharedLimiterSnapshot {
    const { share, sharedLimit, members, state } = this
    return { ...super.snapshot(), share, sharedLimit, members, state }
  }

  /** Ends admission for good; see the head of this file. Closing again does nothing. */
  close(): void {
    this.#closed = true
    this.#line.refuseAll('closed')
    this.#membership.leave()
    this.#link.touch()
  }

  /**
   * Closes it, and resolves when all that it held is back: when what is in flight has ended and the store
   * has heard of it, or, where that cannot be reached, a lease after it last could.
   */
  leave(): Promise<void> {
    this.close()
    return this.#link.left
  }

  #refusal(): 'closed' | 'store' | undefined {
    if (this.#closed) return 'closed'
    return this.state === 'lost' ? 'store' : undefined
  }

  /** What may be in flight is perhaps another. */
  #refresh(): void {
    this.#line.serve()
    if (this.#line.size > 0 && this.state === 'lost') this.#line.refuseAll('store')
  }

  #changed(): void {
    const { size, priority } = this.#line
    this.#share.queued = size
    this.#share.priority = priority
    if (size > 0 || this.#membership.isEager(this.#share)) this.#link.touch()
  }
}
