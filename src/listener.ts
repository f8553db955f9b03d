/**
 * Another port of an app: a plain listener that hands its connections to the app's own server, so
 * that they are counted, limited and drained like all the others. It closes when the app begins to.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

export class Listener {
  readonly #app: FastifyInstance
  readonly #server: Server

  /** @param onConnection is told of each connection before the app is. */
  constructor(app: FastifyInstance, onConnection?: (socket: Socket) => void) {
    this.#app = app
    // As Node's HTTP server listens: a half-closed connection is the parser's business.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      onConnection?.(socket)
      app.server.emit('connection', socket)
    })
    app.addHook('preClose', (done) => {
      this.#server.close()
      done()
    })
  }

  /** Resolves with where it listens, once the app is ready. @param port 0 for any free one. */
  async open(host: string, port: number): Promise<AddressInfo> {
    await this.#app.ready()
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        logAcceptErrors(this.#app, this.#server)
        resolve(this.#server.address() as AddressInfo)
      })
    })
  }
}

/** A connection that cannot be taken, for want of descriptors, is no reason to end. */
export function logAcceptErrors({ log }: FastifyInstance, server: Server): void {
  server.on('error', (err) => log.error({ err }, 'a connection could not be taken'))
}
