/** Requests in progress, newest first, linked so that coming and going cost next to nothing. */
import type { Traffic } from '../../metrics/traffic.js'
import type { RequestSpan, SpanObserver } from '../types.js'
import type { RequestState } from './request-state.js'

export class ActiveRequests<R extends RequestState> {
  readonly traffic: Traffic
  /** Told of what limit algorithms and observers throw: there is no caller that could be. */
  readonly onError: (error: unknown) => void
  /** Told of work that goes on for too long after its response. */
  readonly onAbandoned: (request: R) => void
  /** Somebody wants to be told of each end; as long as nobody does, none is described. */
  isObserved = false
  readonly #observers = new Set<SpanObserver>()
  #first: R | undefined

  constructor(
    traffic: Traffic,
    onError: (error: unknown) => void,
    onAbandoned: (request: R) => void,
  ) {
    this.traffic = traffic
    this.onError = onError
    this.onAbandoned = onAbandoned
  }

  add(request: R): void {
    request.next = this.#first
    if (this.#first !== undefined) this.#first.previous = request
    this.#first = request
  }

  remove(request: R): void {
    if (request.previous === undefined) this.#first = request.next
    else request.previous.next = request.next
    if (request.next !== undefined) request.next.previous = request.previous
    // Its work may go on for long, and must not keep those that came after it.
    request.next = request.previous = undefined
  }

  /** @returns what ends it */
  observe(observer: SpanObserver): () => void {
    // Given twice, it is told twice.
    const told: SpanObserver = (span) => observer(span)
    this.#observers.add(told)
    this.isObserved = true
    return () => {
      this.#observers.delete(told)
      this.isObserved = this.#observers.size > 0
    }
  }

  tell(span: RequestSpan): void {
    for (const observer of this.#observers) {
      try {
        observer(span)
      } catch (error) {
        this.onError(error)
      }
    }
  }

  /** Those that end meanwhile may be left out, with those behind them. */
  *[Symbol.iterator](): Iterator<R> {
    let request = this.#first
    while (request !== undefined) {
      const { next } = request
      yield request
      if (!request.closed) request = request.next
      else request = next?.closed ? undefined : next
    }
  }
}
