/**
 * The connections of an app, and how each kind is ended: one of HTTP/1.1 once nothing is to be
 * answered on it, a session of HTTP/2 once its last stream is over, and one that speaks another
 * protocol by whoever took it, or when time is up.
 *
 * Node ends its side behind a session's last stream and waits for the other. Whoever reads slowly what
 * was sent still says so on the way, and would lose it if nobody listened; so those that had a stream
 * are waited for until time is up.
 */
import type { ServerResponse } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { finished } from 'node:stream'

const kStreams = Symbol('sluice.streams')

/** Node keeps here the response that a socket is busy with, and what parses requests off it. */
type HttpSocket = Socket & {
  _httpMessage?: ServerResponse | null
  parser?: object | null
  alpnProtocol?: string | false | null
  /** Those of its session, if it ever had any. */
  [kStreams]?: { open: number }
}

/** What the app's servers speak. */
export interface Protocol {
  readonly http2: boolean
  readonly encrypted: boolean
  /** How many streams a session may have. */
  readonly streams: number
}

export class Connections {
  readonly #protocol: Protocol
  readonly #sockets = new Set<HttpSocket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  /** One for all: a closure each, and what `once` adds, took 170 bytes a connection. */
  readonly #onClose: (this: HttpSocket) => void

  constructor(protocol: Protocol) {
    const sockets = this.#sockets
    this.#protocol = protocol
    this.#onClose = function () {
      sockets.delete(this)
    }
  }

  get size(): number {
    return this.#sockets.size
  }

  /** To be told of each connection, and of a socket that takes the place of one `before` it. */
  add(socket: Socket, before: Socket | undefined): void {
    if (before !== undefined) this.#sockets.delete(before)
    this.#sockets.add(socket)
    socket.on('close', this.#onClose)
  }

  /** To be told of each session of HTTP/2. */
  addSession(session: ServerHttp2Session): void {
    this.#sessions.add(session)
    const { streams } = this.#protocol
    session.settings({ maxConcurrentStreams: streams })
    // The server's own come into force first, and only then can be read: they may allow fewer.
    session.once('localSettings', ({ maxConcurrentStreams = Number.POSITIVE_INFINITY }) => {
      if (maxConcurrentStreams < streams) session.settings({ maxConcurrentStreams })
    })
    session.once('close', () => this.#sessions.delete(session))
  }

  /** To be told of each stream, by whom a session is known that nobody told of. */
  addStream(stream: ServerHttp2Stream): void {
    const session = stream.session as ServerHttp2Session | undefined
    if (session === undefined || session.destroyed) return
    if (!this.#sessions.has(session)) this.addSession(session)
    const socket = session.socket as HttpSocket
    socket[kStreams] ??= { open: 0 }
    const streams = socket[kStreams]
    streams.open++
    // Not all that are over close (response-end.ts).
    finished(stream, { readable: false }, () => streams.open--)
  }

  /**
   * Each session says GOAWAY, and ends with the last of its streams. It names the last stream that was
   * taken, so that a client may send again, elsewhere, what was on its way; a GOAWAY that would let
   * those in (RFC 9113, 6.8) is not to be had from Node, which takes no stream behind any.
   */
  closeSessions(): void {
    for (const session of this.#sessions) session.close()
  }

  /** Once what they have still to send is out; one with a response to come is not idle. */
  endIdle(): void {
    this.closeSessions()
    for (const socket of this.#sockets) if (this.#isIdle(socket)) socket.destroySoon()
  }

  /** All but those with requests that this app's plugin does not see. */
  cut(): void {
    this.closeSessions()
    for (const socket of this.#sockets) {
      if (this.#isIdle(socket) || isHandedOver(socket) || socket[kStreams]?.open === 0) {
        socket.destroy()
      }
    }
  }

  #isIdle(socket: HttpSocket): boolean {
    if (this.#hasSession(socket)) return socket[kStreams] === undefined
    return !(socket._httpMessage || isHandedOver(socket))
  }

  #hasSession({ parser, alpnProtocol }: HttpSocket): boolean {
    const { http2, encrypted } = this.#protocol
    return http2 && (encrypted ? alpnProtocol === 'h2' : parser === undefined)
  }
}

/** Node takes its parser off a connection that is upgraded; one that has sent nothing yet has one. */
function isHandedOver({ parser }: HttpSocket): boolean {
  return parser === null
}
