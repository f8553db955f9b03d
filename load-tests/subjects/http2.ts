/** An app of the library's that speaks HTTP/2, with bounds that a hostile client reaches soon. */
import type { Server } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fastify } from 'fastify'
import sluice from 'fastify-sluice'

export const LIMIT = 10
/** More than any window. */
const BIG = Buffer.alloc(2_000_000, 'x')
const CHUNKS = 100

export async function http2(): Promise<Server> {
  const app = fastify({ http2: true, http2SessionTimeout: 5000 })
  await app.register(sluice, {
    limit: LIMIT,
    queue: { size: 100 },
    perConnection: 50,
    stall: 2000,
    pressure: true,
  })
  app.get('/fast', async () => 'fast')
  app.get('/slow', async ({ concurrency: { signal } }) => {
    await sleep(20, undefined, { signal }).catch(() => {})
    return 'slow'
  })
  app.get('/big', async () => BIG)
  app.get('/stream', (_request, reply) => {
    let left = CHUNKS
    const read = function (this: Readable): void {
      this.push(left-- > 0 ? BIG.subarray(0, 20_000) : null)
    }
    reply.send(new Readable({ read }))
  })
  app.post('/upload', async ({ body }) => ({ got: typeof body }))
  app.get('/health/live', async () => 'live')
  app.get('/concurrency', async () => app.concurrency.snapshot())
  await app.ready()
  return app.server as unknown as Server
}
