/**
 * Requests that wait for nothing but their client. One that takes no byte of its answer for `stall`
 * milliseconds is cut. One that keeps others waiting has less time: a permit stands for work, and is
 * none of a client's that does next to nothing. So as soon as anybody queues, an answer that hardly
 * moves, and whose handler has settled, gives its permits back for good, and goes on without; a request
 * whose body hardly moves gives them back until it is complete, and then queues for them again, behind
 * its body. Who sends and takes what there is never notices, and nobody is cut for being slow.
 *
 * One timer for all, and only while there are requests: each look costs some 50 ns for each of them.
 */
import type { LimiterView } from '../../core/limiter/limiter-account.js'
import type { ActiveRequest } from './active-request.js'
import type { ActiveRequests } from './active-requests.js'
import { connectionOf, receivedOf, sentOf } from './progress.js'

/** Milliseconds between two looks, while somebody queues and while nobody does. */
const HURRIED = 25
const CALM = 1000
/** Bytes from one look to the next that are worth a permit: 160 KB a second. */
const LEAST = 4096

/** Milliseconds: an answer that takes longer is a stream that lasts. */
const LASTING = 5000

interface Standstill {
  readonly position: number
  readonly connection: number | undefined
  /** By `performance.now()`. */
  readonly since: number
}

export class Stalls {
  readonly #active: ActiveRequests<ActiveRequest>
  readonly #limiters: readonly LimiterView[]
  readonly #longest: number
  #known = new Map<ActiveRequest, Standstill>()
  #timer: NodeJS.Timeout | undefined
  #hurried = false

  /** @param longest milliseconds that an answer may stand still; Infinity: for ever */
  constructor(
    active: ActiveRequests<ActiveRequest>,
    limiters: readonly LimiterView[],
    longest: number,
  ) {
    this.#active = active
    this.#limiters = limiters
    this.#longest = longest
  }

  /** There is a request. */
  begin(): void {
    if (this.#timer === undefined) this.#lookAfter(Math.min(CALM, this.#longest / 4))
  }

  /** Somebody queues. */
  hurry(): void {
    if (this.#hurried) return
    this.#hurried = true
    clearTimeout(this.#timer)
    this.#lookAfter(HURRIED)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #lookAfter(milliseconds: number): void {
    this.#timer = setTimeout(this.#look, milliseconds).unref()
  }

  readonly #look = (): void => {
    const now = performance.now()
    this.#hurried = this.#limiters.some(({ queued }) => queued > 0)
    const before = this.#known
    this.#known = new Map()
    for (const request of this.#active) {
      if (now - request.startedAt > LASTING && request.response.headersSent) request.giveBackFound()
      const sent = sentOf(request)
      const position = sent ?? receivedOf(request)
      if (position !== undefined) this.#see(request, position, before.get(request), now, sent)
    }
    this.#timer = undefined
    if (this.#active.traffic.active === 0) this.#hurried = false
    else this.#lookAfter(this.#hurried ? HURRIED : Math.min(CALM, this.#longest / 4))
  }

  #see(
    request: ActiveRequest,
    position: number,
    before: Standstill | undefined,
    now: number,
    sent: number | undefined,
  ): void {
    const connection = connectionOf(request)
    const moved = before === undefined ? Infinity : Math.abs(position - before.position)
    if (this.#hurried && moved < LEAST) request.lend()
    if (before === undefined || moved > 0) {
      this.#known.set(request, { position, connection, since: now })
      return
    }
    const since = connection === before.connection ? before.since : now
    this.#known.set(request, { position, connection, since })
    if (sent !== undefined && now - since >= this.#longest) request.cut()
  }
}
