/**
 * One caller waiting in a queue for a grant. It leaves exactly once: granted, or cancelled by its
 * signal, its timeout or its owner. However it leaves, it is out of the queue at once, in O(1),
 * and its timer and its place on the signal go with it, so nothing can grant or cancel it again.
 */

import { QueueTimeoutError } from '../errors.js'
import { type AbortTarget, joinAbort, leaveAbort } from './abort-hub.js'

/** Why a waiter left without a grant. */
export type CancelReason =
  | 'queue_full'
  | 'queue_timeout'
  | 'deadline'
  | 'pressure'
  | 'closed'
  | 'store'
  | 'aborted'

/** The waiters of one priority, oldest first. */
export interface Level<T> {
  readonly priority: number
  oldest: Waiter<T> | undefined
  newest: Waiter<T> | undefined
}

export interface WaiterOwner<T> {
  /** Takes the waiter out of the queue. */
  leave(waiter: Waiter<T>): void
  /** Called after a cancelled waiter has left: whoever fits now can be granted. */
  cancelled(reason: CancelReason): void
}

export class Waiter<T> implements AbortTarget {
  readonly promise: Promise<T>
  /** Links and place; they belong to the queue. */
  level: Level<T> | undefined
  previous: Waiter<T> | undefined
  next: Waiter<T> | undefined

  /** Why it left without a grant. */
  cancelled: CancelReason | undefined
  /** By its owner's clock, when its work must be done; Infinity: it waits as long as it said. */
  deadline: number | undefined
  readonly weight: number
  readonly priority: number
  /** When it began to wait, by its owner's clock; 0 where the owner does not ask. */
  readonly since: number
  readonly #owner: WaiterOwner<T>
  readonly #resolve: (value: T) => void
  readonly #reject: (error: unknown) => void
  #signal: AbortSignal | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(owner: WaiterOwner<T>, weight: number, priority: number, since: number) {
    this.promise = new Promise(capture)
    this.#resolve = captured.resolve as (value: T) => void
    this.#reject = captured.reject
    captured.resolve = captured.reject = nobody
    this.#owner = owner
    this.weight = weight
    this.priority = priority
    this.since = since
  }

  /** Call once, after the waiter is in its queue: before, a signal or timer could not take it out. */
  watch(signal: AbortSignal | undefined, timeout: number): void {
    if (signal !== undefined) {
      this.#signal = signal
      joinAbort(signal, this)
    }
    if (timeout <= MAX_TIMER) this.#timer = setTimeout(expire<T>, timeout, this)
  }

  /** Its signal has aborted and is about to say so: it must not be granted. */
  get doomed(): boolean {
    return this.#signal?.aborted === true
  }

  grant(value: T): void {
    this.leave()
    this.#resolve(value)
  }

  /** Without effect on a waiter that already left; says whether it was still waiting. */
  cancel(reason: CancelReason, error: unknown): boolean {
    if (this.level === undefined) return false
    this.leave()
    this.cancelled = reason
    this.#reject(error)
    this.#owner.cancelled(reason)
    return true
  }

  aborted(reason: unknown): void {
    this.cancel('aborted', reason)
  }

  /** Not `#leave`: V8 brands every object of a class with private methods, a tenth of its cost. */
  private leave(): void {
    this.#owner.leave(this)
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer)
      this.#timer = undefined
    }
    if (this.#signal !== undefined) {
      leaveAbort(this.#signal, this)
      this.#signal = undefined
    }
  }
}

/** Node fires a longer timer at once; 24.8 days count as no timeout. */
const MAX_TIMER = 2 ** 31 - 1

function expire<T>(waiter: Waiter<T>): void {
  waiter.cancel('queue_timeout', new QueueTimeoutError())
}

/** One shared executor in place of a closure a waiter; it keeps no promise longer than it takes. */
const nobody = (_: unknown): void => {}
const captured = { resolve: nobody, reject: nobody }
function capture<T>(resolve: (value: T) => void, reject: (error: unknown) => void): void {
  captured.resolve = resolve as (value: unknown) => void
  captured.reject = reject
}
