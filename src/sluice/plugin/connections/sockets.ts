/**
 * Tells of each socket that an app accepts, by whichever of its servers. On `localhost` Fastify
 * has a server for each address and shows only the first; the others are known by the handler that
 * they share with it. Node tells of what any server in the process accepts, so that nobody listens
 * to it before the app listens, or after it has closed. An encrypted connection is told of twice: as
 * it is accepted, and as the socket that its requests come by.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'

/** Node's channel of accepted connections. */
const ACCEPTED = 'net.server.socket'

type AcceptedSocket = Socket & { server?: Server }

/** Node keeps the socket here that the encrypted one was made of. */
type SecureSocket = Socket & { _parent?: Socket | null }

/** @param before the same connection's, until its handshake was over */
type OnConnection = (socket: Socket, before: Socket | undefined) => void

/** Who is told. */
interface Listeners {
  onConnection: OnConnection
  /** Of the first connection of another server than the first, only the streams are told of. */
  onSession(session: ServerHttp2Session): void
  onStream(stream: ServerHttp2Stream): void
}

export class Sockets {
  readonly #first: Server
  readonly #handler: unknown
  readonly #listeners: Listeners

  constructor(first: Server, listeners: Listeners) {
    this.#first = first
    this.#handler = handlerOf(first)
    this.#listeners = listeners
    first.on('connection', this.#onPlain)
    this.#listen(first)
    first.once('listening', this.#onListening)
  }

  stop(): void {
    this.#first.off('connection', this.#onPlain)
    this.#first.off('secureConnection', this.#onSecure)
    this.#first.off('session', this.#listeners.onSession)
    this.#first.off('stream', this.#listeners.onStream)
    this.#first.off('listening', this.#onListening)
    unsubscribe(ACCEPTED, this.#onAccepted)
  }

  #listen(server: Server): void {
    server.on('secureConnection', this.#onSecure)
    server.on('session', this.#listeners.onSession)
    server.on('stream', this.#listeners.onStream)
  }

  readonly #onPlain = (socket: Socket): void => this.#listeners.onConnection(socket, undefined)

  readonly #onSecure = (socket: SecureSocket): void =>
    this.#listeners.onConnection(socket, socket._parent ?? undefined)

  readonly #onListening = (): void => subscribe(ACCEPTED, this.#onAccepted)

  readonly #onAccepted = (message: unknown): void => {
    const { socket } = message as { socket: AcceptedSocket }
    const { server } = socket
    if (server === undefined || server === this.#first || this.#handler === undefined) return
    if (handlerOf(server) !== this.#handler) return
    if (!server.listeners('secureConnection').includes(this.#onSecure)) {
      this.#listen(server)
    }
    this.#onPlain(socket)
  }
}

/** Fastify's own is there from the server's beginning, before any that others add. */
function handlerOf(server: Server): unknown {
  return server.listeners('request')[0]
}
