/**
 * The queue that Node hides, made explicit. Work that is parsed in one turn of the event loop is run
 * in that turn, one after the other, so that an overload makes turns long; a long turn keeps all
 * others waiting where nobody sees them, newcomers above all, since a turn accepts about one new
 * connection. Here a turn runs work for `budget` milliseconds; the rest waits in a bounded queue and
 * is run turn by turn. What waits too long is shed, as CoDel says, and who would is not let in.
 *
 * Order: by priority, first come first served within one. A request's wait is counted from the
 * beginning of the turn that parsed it: it has waited that long at least. Cancelling and closing are
 * a limiter's. Cost: a clock read and a token for each admission, and one immediate a turn.
 */
import { type Clock, systemClock } from './clock.js'
import { Codel } from './codel.js'
import { AccountedLimiter, LimiterAccount } from './limiter-account.js'
import { ShortestRun } from './shortest-run.js'
import { Token, type TokenOwner } from './token.js'
import { Turns } from './turns.js'
import { type Desk, WaitQueue } from './wait-queue.js'
import { type CancelReason, Waiter, type WaiterOwner } from './waiter.js'

export interface LoopLimiterOptions {
  readonly name: string
  /** The longest that a turn runs work, in milliseconds, > 0. */
  readonly budget: number
  /** The longest wait that is no overload, in milliseconds, > 0. */
  readonly target: number
  /** How long waits must exceed the target, in milliseconds, >= target. */
  readonly interval: number
  /** How many may wait: an integer >= 0. */
  readonly size: number
  /** Says that nothing is to be let in now, whatever the queue. */
  readonly isSaturated?: () => boolean
  /** Monotonic milliseconds; default `performance.now`. */
  readonly clock?: Clock
}

/** Intervals that one may wait: whoever is never next, because others are more important. */
const LONGEST_WAIT = 10
/** The weight of the last turn in the pace. */
const SMOOTHING = 0.2

export class LoopLimiter extends AccountedLimiter {
  readonly isLoop = true
  readonly #budget: number
  readonly #size: number
  readonly #longest: number
  readonly #isSaturated: () => boolean
  readonly #clock: Clock
  readonly #codel: Codel
  readonly #queue = new WaitQueue<Token>()
  readonly #owner: WaiterOwner<Token> & Desk<Token> & TokenOwner = {
    leave: (waiter) => this.#queue.remove(waiter),
    cancelled: (reason) => {
      this.account.rejected[reason]++
    },
    attend: (waiter, now) => this.#attend(waiter, now),
    end: () => {},
  }
  readonly #turns: Turns
  /** When what waits was last given a turn; undefined before it is. */
  #drained: number | undefined
  /** How many were let in since. */
  #run = 0
  /** Milliseconds from one that is let in to the next, while some wait; 0 before it is known. */
  #pace = 0
  readonly #runs = new ShortestRun()
  #grantedAt = 0
  #closed = false

  constructor(options: LoopLimiterOptions) {
    const { name, budget, size, interval, target } = options
    super(name, new LimiterAccount())
    this.#budget = budget
    this.#size = size
    this.#longest = LONGEST_WAIT * interval
    this.#isSaturated = options.isSaturated ?? (() => false)
    this.#clock = options.clock ?? systemClock
    this.#codel = new Codel(target, interval)
    this.#turns = new Turns(this.#clock, {
      isWaiting: () => this.#queue.size > 0,
      run: (now) => this.#drain(now),
    })
  }

  /** A loop runs one at a time. */
  get limit(): number {
    return 1
  }

  /** Whether it is running what waited. */
  get inFlight(): number {
    return this.#queue.size > 0 ? 1 : 0
  }

  get queued(): number {
    return this.#queue.size + this.outside
  }

  /** A connection came in: there may be more, and each needs a turn, which work would make long. */
  connected(): void {
    this.#turns.connected()
  }

  /**
   * How long this turn has run, in milliseconds: what is parsed now has waited that long at least.
   * @param now by the limiter's clock
   */
  age(now: number): number {
    return now - this.#turns.begin(now)
  }

  /** A token while this turn has time left, and nobody waits or comes in; undefined otherwise. */
  take(_priority: number): Token | undefined {
    const now = this.#clock()
    const waited = this.age(now)
    if (this.#queue.size > 0 || waited >= this.#budget || this.#closed) return undefined
    if ((this.#turns.mayHaveMore && this.#size > 0) || this.#isSaturated()) return undefined
    this.#codel.record(waited, now)
    return this.#admit(waited)
  }

  /**
   * The place in the queue of one that `take` gave nothing, or why there is none. Who could not be
   * done by its `deadline` when its turn comes, is not started.
   */
  wait(priority: number, deadline?: number): Waiter<Token> | CancelReason {
    const now = this.#clock()
    const since = this.#turns.begin(now)
    const refusal = this.#refusal(priority, now - since)
    if (refusal !== undefined) {
      this.account.rejected[refusal]++
      return refusal
    }
    if (this.#queue.size === 0) this.#drained = undefined
    const waiter = new Waiter(this.#owner, 1, priority, since)
    this.#queue.push(waiter, now)
    waiter.deadline = deadline
    waiter.watch(undefined, this.#longest)
    return waiter
  }

  /** Whoever waits, and whoever comes, is rejected with `SLUICE_CLOSED`. */
  close(): void {
    this.#closed = true
    this.#queue.cancelAll('closed', undefined)
  }

  #refusal(priority: number, waited: number): CancelReason | undefined {
    if (this.#closed) return 'closed'
    if (this.#isSaturated()) return 'pressure'
    const { size } = this.#queue
    const expected = waited + (size + 1) * this.#pace
    if (size < this.#size && !this.#codel.wouldBeTooLate(expected)) return undefined
    const victim = this.#queue.victim(priority)
    if (victim === undefined) return 'pressure'
    victim.cancel('pressure', undefined)
    return undefined
  }

  /** A turn's worth of what waits. */
  #drain(now: number): void {
    if (this.#drained !== undefined && this.#run > 0) {
      const pace = (now - this.#drained) / this.#run
      this.#pace += this.#pace === 0 ? pace : (pace - this.#pace) * SMOOTHING
    }
    this.#drained = now
    this.#run = 0
    // At least one a turn, whatever its cost.
    this.#queue.serve(this.#owner, now)
  }

  /**
   * Lets one in, and comes back when it has run: behind its microtasks, and, since a body is read in
   * ticks, behind a tick of its own.
   */
  #attend(next: Waiter<Token>, now: number): boolean {
    const waited = now - next.since
    // After a pause all are too late: the last of them is as good as whoever comes next.
    if (this.#codel.isTooLate(waited, now) && this.#queue.size > 1) {
      next.cancel('pressure', undefined)
      return true
    }
    if (next.deadline !== undefined && next.deadline - now < this.#runs.at(now)) {
      next.cancel('deadline', undefined)
      return true
    }
    this.#run++
    this.#grantedAt = now
    next.grant(this.#admit(waited))
    queueMicrotask(this.#goOnLater)
    return false
  }

  readonly #goOnLater = (): void => process.nextTick(this.#goOn)

  readonly #goOn = (): void => {
    const now = this.#clock()
    this.#runs.record(now - this.#grantedAt, now)
    if (now - (this.#drained ?? now) < this.#budget) this.#queue.serve(this.#owner, now)
  }

  #admit(waited: number): Token {
    this.account.admitted++
    this.account.waits.record(waited)
    return Token.of(this.#owner, 0, 1)
  }
}
