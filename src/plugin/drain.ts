/**
 * Shutting down without losing a request: first every answer says `Connection: close`, then (after
 * `delay`) new work is refused and event streams end, then the active requests finish, then the
 * sockets end. What is left at `timeout` is cut, so that closing never hangs: not on an idle
 * keep-alive connection, not on one that never sent a byte or only half a header.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkNames, checkObject, checkTimeout } from '../core/check.js'
import { ClosedError } from '../core/errors.js'
import type { ActiveRequest } from './active-request.js'
import type { ActiveRequests } from './active-requests.js'
import type { DrainOptions } from './types.js'

/** Milliseconds, for a drain that is given none. */
export const DRAIN_TIMEOUT = 10_000
/** How often it is looked for what can be ended, in milliseconds. */
const POLL = 50

/** Node keeps here the response that a socket is busy with. */
type BusySocket = Socket & { _httpMessage?: ServerResponse | null }

export class Drain {
  /** Answers say `Connection: close`. */
  started = false
  /** New work is refused. */
  refusing = false
  readonly #active: ActiveRequests
  readonly #onRefusing: () => void
  readonly #sockets = new Set<BusySocket>()
  /** One for all: a closure each, and what `once` adds, took 170 bytes a connection. */
  readonly #onClose: (this: BusySocket) => void
  #deadline = 0
  #finished: Promise<boolean> | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param onRefusing is called once, when new work begins to be refused. */
  constructor(active: ActiveRequests, onRefusing: () => void) {
    this.#active = active
    this.#onRefusing = onRefusing
    const sockets = this.#sockets
    this.#onClose = function () {
      sockets.delete(this)
    }
  }

  /** To be told of each connection, and of a socket that takes the place of one `before` it. */
  connected(socket: BusySocket, before: Socket | undefined): void {
    if (before !== undefined) this.#sockets.delete(before)
    this.#sockets.add(socket)
    socket.on('close', this.#onClose)
  }

  /** Resolves with whether all active requests were through before the timeout. */
  async run(options: DrainOptions = {}): Promise<boolean> {
    checkObject('options', options)
    checkNames(options, ['delay', 'timeout'])
    const { delay = 0, timeout = DRAIN_TIMEOUT } = options
    checkTimeout('delay', delay)
    checkTimeout('timeout', timeout)
    this.#finished ??= this.#start(Math.min(delay, timeout), timeout)
    return this.#finished
  }

  /** After `run`: ends sockets as they get idle, and at the deadline all that is this drain's. */
  endSockets(): void {
    this.#endIdle()
    this.#timer = setInterval(() => {
      this.#endIdle()
      if (performance.now() >= this.#deadline) this.#cut()
    }, POLL)
  }

  /**
   * After the server has closed, which waited for its own sockets only: resolves once the last of all
   * has ended, or at the deadline.
   */
  async stop(): Promise<void> {
    while (this.#sockets.size > 0 && performance.now() < this.#deadline) await sleep(POLL)
    clearInterval(this.#timer)
    this.#cut()
  }

  async #start(delay: number, timeout: number): Promise<boolean> {
    this.#deadline = performance.now() + timeout
    this.started = true
    // Oldest first, as pipelined ones are answered.
    for (const request of [...this.#active].reverse()) request.closeBehind()
    if (delay > 0) await sleep(delay)
    this.refusing = true
    this.#onRefusing()
    while (this.#active.traffic.active > 0) {
      for (const request of this.#active) endEventStream(request)
      const left = this.#deadline - performance.now()
      if (left <= 0) {
        this.#cut()
        return false
      }
      await sleep(Math.min(POLL, left))
    }
    return true
  }

  /** Once what they have still to send is out; a socket with a response to come is not idle. */
  #endIdle(): void {
    for (const socket of this.#sockets) {
      if (!socket._httpMessage) socket.destroySoon()
    }
  }

  #cut(): void {
    for (const { response } of this.#active) response.destroy()
    for (const socket of this.#sockets) {
      if (!socket._httpMessage) socket.destroy()
    }
  }
}

/** Server-sent events go on for ever; their clients connect again, to whoever is ready. */
function endEventStream(request: ActiveRequest): void {
  const { response } = request
  if (!response.headersSent || response.writableEnded) return
  // `writeHead` with headers, as event-stream libraries call it, leaves none for `getHeader`.
  const { _header: sent } = response as ServerResponse & { _header?: string }
  const type = response.getHeader('content-type') ?? sent
  if (!/text\/event-stream/i.test(String(type))) return
  request.abort(new ClosedError())
  response.end()
}
