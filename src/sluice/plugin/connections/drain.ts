/**
 * Shutting down without losing a request: first every answer says `Connection: close`, sessions of
 * HTTP/2 say that they go away, and whoever took a connection over is told by its signal; then (after
 * `delay`) new work is refused and event streams end, then the active requests finish, then the
 * connections end. What is left at `timeout` is cut, so that closing never hangs: not on an idle
 * keep-alive connection, not on one that never sent a byte or only half a header.
 *
 * Upgraded connections are nobody's to wait for: their owners end them when the app closes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { checkNames, checkObject, checkTimeout } from '../../core/check.js'
import { ClosedError } from '../../core/errors.js'
import type { ActiveRequest } from '../request/active-request.js'
import type { ActiveRequests } from '../request/active-requests.js'
import { endEventStream } from '../request/event-stream.js'
import { isHttp2, streamOf } from '../request/response-end.js'
import type { DrainOptions } from '../types.js'
import type { Connections } from './connections.js'
import { closeBehind } from './pipelining.js'

/** Milliseconds, for a drain that is given none. */
export const DRAIN_TIMEOUT = 10_000
/** How often it is looked for what can be ended, in milliseconds. */
const POLL = 50

export class Drain {
  /** Answers say `Connection: close`. */
  started = false
  /** New work is refused. */
  refusing = false
  readonly #active: ActiveRequests<ActiveRequest>
  readonly #connections: Connections
  readonly #onRefusing: () => void
  #deadline = 0
  #finished: Promise<boolean> | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param onRefusing is called once, when new work begins to be refused. */
  constructor(
    active: ActiveRequests<ActiveRequest>,
    connections: Connections,
    onRefusing: () => void,
  ) {
    this.#active = active
    this.#connections = connections
    this.#onRefusing = onRefusing
  }

  /** Resolves with whether all active requests were through before the timeout. */
  async run(options: DrainOptions = {}): Promise<boolean> {
    checkObject('options', options)
    checkNames(options, ['delay', 'timeout'])
    const { delay = 0, timeout = DRAIN_TIMEOUT } = options
    checkTimeout('delay', delay)
    checkTimeout('timeout', timeout)
    this.#finished ??= this.#start(delay, timeout)
    return this.#finished
  }

  /** Drains by then at the latest, also where a drain that has more time goes on. */
  async runWithin(timeout: number): Promise<void> {
    if (this.#finished === undefined) await this.run({ timeout })
    this.#deadline = Math.min(this.#deadline, performance.now() + timeout)
    await this.#finished
  }

  /** Its answer is the last of its connection, as far as is known now. */
  closeBehind({ request: { raw }, response }: ActiveRequest): void {
    if (isHttp2(raw)) streamOf(raw).session?.close()
    else closeBehind(raw.socket, response)
  }

  /** After `run`: ends connections as they get idle, and at the deadline all that is this drain's. */
  endConnections(): void {
    this.#connections.endIdle()
    this.#timer = setInterval(() => {
      this.#connections.endIdle()
      if (performance.now() >= this.#deadline) this.#cut()
    }, POLL)
  }

  /**
   * After the server has closed, which waited for its own sockets only: resolves once the last of all
   * has ended, or at the deadline.
   */
  async stop(): Promise<void> {
    while (this.#connections.size > 0 && performance.now() < this.#deadline) await sleep(POLL)
    clearInterval(this.#timer)
    this.#cut()
  }

  async #start(delay: number, timeout: number): Promise<boolean> {
    const startedAt = performance.now()
    this.#deadline = startedAt + timeout
    this.started = true
    // Oldest first, as pipelined ones are answered.
    for (const request of [...this.#active].reverse()) this.closeBehind(request)
    this.#connections.closeSessions()
    do this.#tellUpgraded()
    while (await this.#pauseUntil(startedAt + delay))
    this.refusing = true
    this.#onRefusing()
    const { traffic } = this.#active
    while (traffic.active > traffic.upgraded) {
      this.#connections.closeSessions()
      for (const request of this.#active) endEventStream(request)
      if (!(await this.#pauseUntil(this.#deadline))) {
        this.#cut()
        return false
      }
      this.#tellUpgraded()
    }
    this.#tellUpgraded()
    return true
  }

  /** Resolves with false if that time, or the deadline, has come. */
  async #pauseUntil(time: number): Promise<boolean> {
    const left = Math.min(time, this.#deadline) - performance.now()
    if (left > 0) await sleep(Math.min(POLL, left))
    return left > 0
  }

  #tellUpgraded(): void {
    if (this.#active.traffic.upgraded === 0) return
    for (const request of this.#active) {
      if (request.isUpgraded) request.abort(new ClosedError())
    }
  }

  #cut(): void {
    for (const request of [...this.#active]) request.cut()
    this.#connections.cut()
  }
}
