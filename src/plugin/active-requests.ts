/** Requests in progress, newest first, linked so that coming and going cost next to nothing. */
import type { Traffic } from '../metrics/traffic.js'
import type { ActiveRequest } from './active-request.js'

export class ActiveRequests {
  readonly traffic: Traffic
  /** Told of what a limit algorithm throws: there is no caller that could be. */
  readonly onError: (error: unknown) => void
  #first: ActiveRequest | undefined

  constructor(traffic: Traffic, onError: (error: unknown) => void) {
    this.traffic = traffic
    this.onError = onError
  }

  add(request: ActiveRequest): void {
    request.next = this.#first
    if (this.#first !== undefined) this.#first.previous = request
    this.#first = request
  }

  remove(request: ActiveRequest): void {
    if (request.previous === undefined) this.#first = request.next
    else request.previous.next = request.next
    if (request.next !== undefined) request.next.previous = request.previous
  }

  *[Symbol.iterator](): Iterator<ActiveRequest> {
    let request = this.#first
    while (request !== undefined) {
      const { next } = request
      yield request
      request = next
    }
  }
}
