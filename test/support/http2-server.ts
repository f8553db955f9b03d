/** A server of HTTP/2 to be drained and closed, with clients of every kind. */
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import sluice from '../../src/sluice/index.js'
import { type Deferred, deferred } from './deferred.js'
import { type Client, dial, type Transport } from './http2.js'

/** Bytes of a download. */
export const SIZE = 9_000_000

export interface Http2Server {
  app: FastifyInstance
  port: number
  /** Handlers of /held, /one and /outside wait for these, in the order that they began. */
  held: Deferred<void>[]
  /** Event streams: how often their handlers wrote, and what they were told of the end. */
  events: { wrote: number; told: string[] }
  /** A new session. */
  meet(host?: string): Promise<Client>
  /** A new connection that says nothing by itself. */
  connect(): Socket
  /** Ends everything. */
  stop(): Promise<void>
}

/** Everything but `/outside` is within the plugin's scope. */
export async function serveHttp2(
  transport: Transport,
  { host = '127.0.0.1', pluginTimeout }: { host?: string; pluginTimeout?: number } = {},
): Promise<Http2Server> {
  const held: Deferred<void>[] = []
  const events: Http2Server['events'] = { wrote: 0, told: [] }
  const ends: (() => void)[] = []
  const app = transport.build({ pluginTimeout })
  const hold = async (): Promise<string> => {
    const gate = deferred()
    held.push(gate)
    await gate.promise
    return 'held'
  }
  app.get('/outside', hold)
  await app.register(async (scope) => {
    await scope.register(sluice, { limit: 20 })
    scope.get('/ok', async () => 'ok')
    scope.get('/held', hold)
    scope.get('/one', { config: { concurrency: 1 } }, hold)
    scope.get('/big', async () => Buffer.alloc(SIZE, 'x'))
    scope.post('/upload', async ({ body }) => body)
    scope.get('/events', (request, reply) => {
      const { signal } = request.concurrency
      signal.addEventListener('abort', () => events.told.push(signal.reason.code))
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
      // It takes no notice of anything.
      const timer = setInterval(() => {
        events.wrote++
        reply.raw.write(`data: ${'x'.repeat(2000)}\n\n`)
      }, 2)
      reply.raw.on('close', () => clearInterval(timer))
    })
    // The tests ask the app; the plugin's own decorator is its scope's.
    app.decorate('concurrency', { getter: () => scope.concurrency })
  })
  await app.listen({ host, port: 0 })
  const port = Number(/:(\d+)$/.exec(app.listeningOrigin)?.[1])
  return {
    app,
    port,
    held,
    events,
    meet: async (at) => {
      const client = await dial(transport, port, at)
      ends.push(() => client.session.destroy())
      return client
    },
    connect: () => {
      const socket = transport.dial(port, '127.0.0.1')
      ends.push(() => socket.destroy())
      return socket
    },
    stop: async () => {
      for (const gate of held) gate.resolve()
      for (const end of ends) end()
      await app.concurrency.drain({ timeout: 0 })
      await app.close()
    },
  }
}
