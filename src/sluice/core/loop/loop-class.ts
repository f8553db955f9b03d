/**
 * The requests of one kind before the event loop: their queue, what they cost it, and how much of its
 * time those in flight still need. Made by `LoopLimiter.create`, which says whose turn it is.
 */

import type { LimiterAccount, RejectReason } from '../limiter/limiter-account.js'
import { Token, type TokenOwner } from '../limiter/token.js'
import { type Desk, WaitQueue } from '../queue/wait-queue.js'
import { type CancelReason, Waiter, type WaiterOwner } from '../queue/waiter.js'
import { Codel } from '../shedding/codel.js'
import { ShortestRun } from '../shedding/shortest-run.js'
import type { Costed } from './loop-costs.js'

/** The weight of the last gap in the pace. */
const SMOOTHING = 0.1

/** What a class needs of the loop. */
export interface Loop {
  readonly account: LimiterAccount
  readonly codel: { readonly target: number; readonly interval: number }
  readonly longestWait: number
  outside: number
  now(): number
  /** When the turn that goes on began. */
  turnBegan(now: number): number
  /** Whether one of the class may run now, in a turn that is as old as that, before all that wait. */
  mayRun(asking: LoopClass, priority: number, age: number): boolean
  isClosed(): boolean
  isSaturated(): boolean
  /** Whether there is a place in the queues; may make one for that priority. */
  hasPlace(priority: number): boolean
  queued(asking: LoopClass): void
  left(leaving: LoopClass): void
  begins(one: LoopClass): void
  ends(one: LoopClass): void
}

export class LoopClass implements Costed {
  /** Whose requests they are. */
  readonly name: string
  readonly isLoop = true
  readonly isWork = true
  /** Milliseconds of loop time; 0 before its first request. */
  cost = 0
  /** How many are in flight. */
  inFlight = 0
  /** Up to where it has used its part of the loop, in milliseconds of virtual time. */
  tag = 0
  readonly queue = new WaitQueue<Token>()
  readonly #loop: Loop
  readonly #codel: Codel
  readonly #runs = new ShortestRun()
  readonly #owner: WaiterOwner<Token> & Desk<Token> & TokenOwner = {
    leave: (waiter) => {
      this.queue.remove(waiter)
      this.#loop.left(this)
    },
    cancelled: (reason) => {
      this.#loop.account.count(reason)
    },
    attend: (waiter, now) => this.#attend(waiter, now),
    end: () => {
      this.inFlight--
      this.#finished++
      this.#loop.ends(this)
    },
  }
  #finished = 0
  #grantedAt = 0
  #granted = false
  /** Milliseconds from one that is let in to the next, while some wait; 0 before it is known. */
  #pace = 0

  constructor(name: string, loop: Loop) {
    this.name = name
    this.#loop = loop
    this.#codel = new Codel(loop.codel.target, loop.codel.interval)
  }

  get outside(): number {
    return this.#loop.outside
  }

  set outside(count: number) {
    this.#loop.outside = count
  }

  /** Milliseconds of loop time that those in flight are expected to need. */
  get held(): number {
    return this.inFlight * this.cost
  }

  takeFinished(): number {
    const finished = this.#finished
    this.#finished = 0
    return finished
  }

  countRejected(reason: RejectReason): void {
    this.#loop.account.count(reason)
  }

  /** A token while this turn has time left, and nobody of the class waits; undefined otherwise. */
  take(priority: number): Token | undefined {
    const loop = this.#loop
    const now = loop.now()
    const waited = now - loop.turnBegan(now)
    if (this.queue.size > 0 || !loop.mayRun(this, priority, waited)) return undefined
    this.#codel.record(waited, now)
    return this.#admit(waited)
  }

  /**
   * The place in the queue of one that `take` gave nothing, or why there is none. Who could not be
   * done by its `deadline` when its turn comes, is not started.
   */
  wait(priority: number, deadline?: number): Waiter<Token> | CancelReason {
    const loop = this.#loop
    const now = loop.now()
    const since = loop.turnBegan(now)
    const refusal = this.#refusal(priority, now - since)
    if (refusal !== undefined) {
      loop.account.count(refusal)
      return refusal
    }
    if (this.queue.size === 0) this.#grantedAt = now
    const waiter = new Waiter(this.#owner, 1, priority, since)
    this.queue.push(waiter, now)
    loop.queued(this)
    waiter.deadline = deadline
    waiter.watch(undefined, loop.longestWait)
    return waiter
  }

  /** Lets its next one in, unless all are too late; says whether it did. */
  serve(now: number): boolean {
    this.#granted = false
    this.queue.serve(this.#owner, now)
    return this.#granted
  }

  /** The one that was let in last has run, as far as it runs at once. */
  hasRun(now: number): void {
    this.#runs.record(now - this.#grantedAt, now)
  }

  #refusal(priority: number, waited: number): CancelReason | undefined {
    const loop = this.#loop
    if (loop.isClosed()) return 'closed'
    if (loop.isSaturated()) return 'pressure'
    const expected = waited + (this.queue.size + 1) * this.#pace
    if (!this.#codel.wouldBeTooLate(expected)) {
      return loop.hasPlace(priority) ? undefined : 'pressure'
    }
    const victim = this.queue.victim(priority)
    if (victim === undefined) return 'pressure'
    victim.cancel('pressure', undefined)
    return undefined
  }

  #attend(next: Waiter<Token>, now: number): boolean {
    const waited = now - next.since
    // After a pause all are too late: the last of them is as good as whoever comes next.
    if (this.#codel.isTooLate(waited, now) && this.queue.size > 1) {
      next.cancel('pressure', undefined)
      return true
    }
    if (next.deadline !== undefined && next.deadline - now < this.#runs.at(now)) {
      next.cancel('deadline', undefined)
      return true
    }
    const gap = now - this.#grantedAt
    this.#pace += this.#pace === 0 ? gap : (gap - this.#pace) * SMOOTHING
    this.#grantedAt = now
    this.#granted = true
    next.grant(this.#admit(waited))
    return false
  }

  #admit(waited: number): Token {
    const { account } = this.#loop
    account.admitted++
    account.waits.record(waited)
    this.inFlight++
    this.#loop.begins(this)
    return Token.of(this.#owner, 0, 1)
  }
}
