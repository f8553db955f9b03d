/**
 * Tells of each socket that an app accepts, by whichever of its servers. On `localhost` Fastify
 * has a server for each address and shows only the first; the others are known by the handler that
 * they share with it. Node tells of what any server in the process accepts, so that nobody listens
 * to it before the app listens, or after it has closed.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Node's channel of accepted connections. */
const ACCEPTED = 'net.server.socket'

type AcceptedSocket = Socket & { server?: Server }

export class Sockets {
  readonly #first: Server
  readonly #handler: unknown
  readonly #onConnection: (socket: Socket) => void

  constructor(first: Server, onConnection: (socket: Socket) => void) {
    this.#first = first
    this.#handler = handlerOf(first)
    this.#onConnection = onConnection
    first.on('connection', onConnection)
    first.once('listening', this.#onListening)
  }

  stop(): void {
    this.#first.off('connection', this.#onConnection)
    this.#first.off('listening', this.#onListening)
    unsubscribe(ACCEPTED, this.#onAccepted)
  }

  readonly #onListening = (): void => subscribe(ACCEPTED, this.#onAccepted)

  readonly #onAccepted = (message: unknown): void => {
    const { socket } = message as { socket: AcceptedSocket }
    const { server } = socket
    if (server === undefined || server === this.#first || this.#handler === undefined) return
    if (handlerOf(server) === this.#handler) this.#onConnection(socket)
  }
}

/** Fastify's own is there from the server's beginning, before any that others add. */
function handlerOf(server: Server): unknown {
  return server.listeners('request')[0]
}
