/** What the outside is told of a request: a view of it while it goes on, a plain object at its end. */

import type { RequestInProgress, RequestSpan } from '../types.js'
import type { RequestState } from './request-state.js'

/** What was written to the connection itself. */
const SWITCHING_PROTOCOLS = 101

export class RequestView implements RequestInProgress {
  readonly #request: RequestState

  constructor(request: RequestState) {
    this.#request = request
  }

  get id(): string {
    return this.#request.request.id
  }

  get method(): string {
    return this.#request.counts.method
  }

  get route(): string {
    return this.#request.counts.route
  }

  get startTime(): number {
    return this.#request.startedAt
  }

  get waiting(): boolean {
    return this.#request.waiter !== undefined
  }

  get waitMs(): number {
    return waitOf(this.#request)
  }

  get runMs(): number {
    return runOf(this.#request)
  }

  get outcome(): RequestSpan['outcome'] | undefined {
    return this.#request.outcome
  }

  get status(): number | undefined {
    return statusOf(this.#request)
  }

  get reason(): RequestSpan['reason'] {
    return this.#request.refusal
  }
}

export function spanOf(active: RequestState, outcome: RequestSpan['outcome']): RequestSpan {
  const { request, counts, startedAt, refusal } = active
  return {
    id: request.id,
    method: counts.method,
    route: counts.route,
    startTime: startedAt,
    waitMs: waitOf(active),
    runMs: runOf(active),
    outcome,
    status: statusOf(active),
    reason: refusal,
  }
}

function waitOf({ waiter, waited, waitingSince }: RequestState): number {
  return waiter === undefined ? waited : waited + performance.now() - waitingSince
}

function runOf(active: RequestState): number {
  const { duration = performance.now() - active.startedAt } = active
  return Math.max(duration - waitOf(active), 0)
}

function statusOf({ outcome, response, isUpgraded }: RequestState): number | undefined {
  if (outcome === undefined || outcome === 'aborted') return undefined
  return isUpgraded ? SWITCHING_PROTOCOLS : response.statusCode
}
