/**
 * HTTP without a network: connections that live in memory, which Node's own server takes as any
 * other, so that parser, request, response and their events are the real ones and only the kernel
 * is missing, whose share would be ten times the plugin's and as noisy.
 */
import type { Server } from 'node:http'
import { Duplex } from 'node:stream'

const LINE_FEED = 10

export class Connections {
  readonly #idle: Connection[]
  readonly #request: Buffer

  constructor(server: Server, path: string, count: number) {
    this.#idle = Array.from({ length: count }, () => new Connection(server))
    this.#request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`)
  }

  /** One request on each connection, in the same turn; resolves when all have been answered. */
  round(): Promise<unknown> {
    return Promise.all(this.#idle.map((connection) => connection.send(this.#request)))
  }
}

class Connection extends Duplex {
  #answered: (() => void) | undefined

  constructor(server: Server) {
    super({ decodeStrings: false })
    server.emit('connection', this)
  }

  send(request: Buffer): Promise<void> {
    return new Promise((resolve) => {
      // The next request must not come before the response has told everybody that it is over.
      this.#answered = () => setImmediate(resolve)
      this.push(request)
    })
  }

  override _read(): void {}

  /** Node writes the head by itself or with the whole body; no body here ends with a line. */
  override _write(chunk: Buffer | string, _: BufferEncoding, done: () => void): void {
    done()
    const last = typeof chunk === 'string' ? chunk.charCodeAt(chunk.length - 1) : chunk.at(-1)
    if (last !== LINE_FEED) this.#answered?.()
  }

  /** What the server asks of a socket besides. */
  setTimeout(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }
}
