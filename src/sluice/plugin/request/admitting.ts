/** A limiter as a request meets it, and why it may be sent away. */
import type { RejectReason } from '../../core/limiter/limiter-account.js'
import type { Token } from '../../core/limiter/token.js'
import type { CancelReason, Waiter } from '../../core/queue/waiter.js'

/** Nobody is there to be told of an abort. */
export type Refusal = Exclude<RejectReason, 'aborted'>

/** A limiter, as a request passes it. */
export interface Admitting {
  /** It stands for the event loop: waiting for it is part of what work takes. */
  readonly isLoop?: true
  /** How many will ask it, but wait for something else first. */
  outside: number
  /** A token if one is free now. */
  take(priority: number): Token | undefined
  /**
   * Where `take` gave nothing: a place in the queue, or why there is none. By the `deadline`, in
   * milliseconds of `performance.now`, it must be done.
   */
  wait(priority: number, deadline: number | undefined): Waiter<Token> | CancelReason
  /** Takes note of a rejection that was decided elsewhere. */
  countRejected(reason: RejectReason): void
}
