/** What can be seen of one request. */
import type { RejectReason } from '../core/limiter/limiter-account.js'

/** One request from its first hook to its end; times are milliseconds. */
export interface RequestSpan {
  /** Fastify's `request.id`. */
  readonly id: string
  /** `_OTHER` beyond the usual ten. */
  readonly method: string
  /** The pattern of its route. */
  readonly route: string
  /** By `performance.now()`. */
  readonly startTime: number
  /** Spent in queues. */
  readonly waitMs: number
  /** All the rest until the response closed. */
  readonly runMs: number
  /** Shed ones are `rejected`; one whose deadline passed in its handler was `answered`, by a 504. */
  readonly outcome: 'answered' | 'rejected' | 'aborted'
  /** Undefined where the client left before it. */
  readonly status: number | undefined
  /** Why it was shed, or that its deadline passed. */
  readonly reason: Exclude<RejectReason, 'aborted'> | undefined
}

/**
 * A view of a request: what its span will be, as far as is known now. It holds on to the request, so
 * let go of it.
 */
export interface RequestInProgress extends Omit<RequestSpan, 'outcome'> {
  /** It is in a queue now, and `waitMs` grows; otherwise `runMs` does. */
  readonly waiting: boolean
  /** Undefined until it is over. */
  readonly outcome: RequestSpan['outcome'] | undefined
}

/** Called at the end of each request. */
export type SpanObserver = (span: RequestSpan) => void
