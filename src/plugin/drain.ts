/**
 * Shutting down without losing a request: first every answer says `Connection: close`, then (after
 * `delay`) new work is refused, then the active requests finish, then the sockets end. What is left
 * at `timeout` is cut, so that closing never hangs: not on an idle keep-alive connection, not on one
 * that never sent a byte or only half a header.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkTimeout } from '../core/check.js'
import type { ActiveRequests } from './active-request.js'
import type { DrainOptions } from './types.js'

/** How often idle sockets are ended and the end of the active requests is looked for, in ms. */
const POLL = 50

export class Drain {
  /** Answers say `Connection: close`. */
  started = false
  /** New work is refused. */
  refusing = false
  readonly #active: ActiveRequests
  readonly #server: Server
  readonly #onRefusing: () => void
  readonly #sockets = new Set<Socket>()
  #ended = false
  #deadline = 0
  #finished: Promise<boolean> | undefined
  #cutTimer: NodeJS.Timeout | undefined

  /** @param onRefusing is called once, when new work begins to be refused. */
  constructor(server: Server, active: ActiveRequests, onRefusing: () => void) {
    this.#server = server
    this.#active = active
    this.#onRefusing = onRefusing
    server.on('connection', this.#onConnection)
  }

  /** Resolves with whether all active requests were through before the timeout. */
  run({ delay = 0, timeout = 10_000 }: DrainOptions = {}): Promise<boolean> {
    if (this.#finished === undefined) {
      checkTimeout('delay', delay)
      checkTimeout('timeout', timeout)
      this.#deadline = performance.now() + timeout
      this.#finished = this.#run(Math.min(delay, timeout))
    }
    return this.#finished
  }

  /** After `run`: ends every socket once what it has still to send is out; at the deadline, cuts. */
  endSockets(): void {
    this.#ended = true
    for (const socket of this.#sockets) socket.destroySoon()
    const left = Math.max(this.#deadline - performance.now(), 0)
    this.#cutTimer = setTimeout(() => this.#cut(), Math.min(left, 2 ** 31 - 1))
  }

  /** After the server has closed. */
  stop(): void {
    clearTimeout(this.#cutTimer)
    this.#server.off('connection', this.#onConnection)
  }

  async #run(delay: number): Promise<boolean> {
    this.started = true
    for (const { response } of this.#active) {
      if (!response.headersSent) response.setHeader('connection', 'close')
    }
    if (delay > 0) await sleep(delay)
    this.refusing = true
    this.#onRefusing()
    while (this.#active.traffic.active > 0) {
      if (performance.now() >= this.#deadline) {
        this.#cut()
        return false
      }
      // A server that never listened has no connections to close.
      if (this.#server.listening) this.#server.closeIdleConnections()
      await sleep(Math.min(POLL, Math.max(this.#deadline - performance.now(), 1)))
    }
    return true
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  readonly #onConnection = (socket: Socket): void => {
    if (this.#ended) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }
}
