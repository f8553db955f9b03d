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
    const { [kListeners]: others = [] } = app as Listening
    ;(app as Listening)[kListeners] = [...others, this.#server]
    app.addHook('preClose', (done) => {
      this.#server.close()
      done()
    })
  }

  /** Resolves with where it listens, once the app is ready. @param port 0 for any free one. */
  open(host: string, port: number): Promise<AddressInfo> {
    return openServer(this.#app, this.#server, host, port)
  }
}

/** As `Listener.open`, also for the app's own server. */
export async function openServer(
  app: FastifyInstance,
  server: Server,
  host: string,
  port: number,
): Promise<AddressInfo> {
  await app.ready()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      surviveAccept(app, server)
      resolve(server.address() as AddressInfo)
    })
  })
}

/** Milliseconds between two lines about connections that could not be taken in. */
const ACCEPT_EVERY = 1000

/**
 * To be called once it listens: it has an error then for each connection that it cannot take in, as
 * without file descriptors, and without a listener each would end the process.
 */
function surviveAccept({ log }: FastifyInstance, server: Server): void {
  let loggedAt = Number.NEGATIVE_INFINITY
  server.on('error', (err) => {
    if (performance.now() - loggedAt < ACCEPT_EVERY) return
    loggedAt = performance.now()
    log.error({ err }, 'cannot take in a connection')
  })
}

/** The same for the app's own servers, of which Fastify has one for each address of `localhost`. */
export function surviveAccepts(app: FastifyInstance): void {
  app.addHook('onListen', (done) => {
    // Fastify's own would have the other addresses closed for good by an error of the first.
    app.server.removeAllListeners('error')
    for (const server of ownServersOf(app)) surviveAccept(app, server)
    done()
  })
}

const kListeners = Symbol('listeners')
type Listening = FastifyInstance & { [kListeners]?: Server[] }

/** All that listen for an app, other ports included. */
export function serversOf(app: FastifyInstance): Server[] {
  return [...ownServersOf(app), ...((app as Listening)[kListeners] ?? [])]
}

function ownServersOf(app: FastifyInstance): Server[] {
  const key = Object.getOwnPropertySymbols(app).find(isServers)
  const others = key === undefined ? [] : (app as unknown as Record<symbol, Server[]>)[key]
  return [app.server, ...(others ?? [])]
}

function isServers({ description }: symbol): boolean {
  return description === 'fastify.serverBindings'
}
