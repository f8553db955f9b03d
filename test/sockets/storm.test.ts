/**
 * Guarantees 1, 2 and 6 under everything at once: clients that abort, half-close, pipeline and
 * destroy, and send half a request, against the server's own routes, and against every scope and
 * option of the plugin together. It ends with nothing active and every permit back, and each request
 * is accounted for at every look. STORM sets how many clients there are.
 */
import { Readable } from 'node:stream'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { buildApp } from '../../src/app.js'
import sluice from '../../src/index.js'
import { identity, untilIdle } from '../support/probe-app.js'
import { get, listen, open, type Wire } from '../support/wire.js'

const CLIENTS = Number(process.env.STORM ?? 1500)
const AT_ONCE = 50

let app: FastifyInstance
let port: number
let paths: readonly string[]

afterEach(() => app.close())

async function buildServer(): Promise<void> {
  paths = [
    '/fast',
    '/slow',
    '/limited',
    '/counter',
    '/delay',
    '/file',
    '/public/data.txt',
    '/no',
    '/patterns/race',
    '/patterns/tasks?n=100',
    '/patterns/threads/hello?n=1',
    '/patterns/broadcast',
  ]
  app = await buildApp({ TIME_SCALE: 0.005, LIMIT: 60, QUEUE_SIZE: 100 })
}

/** Keys, groups, routes and the app; priorities, deadlines, queue timeouts, streams and hijacks. */
async function buildScopes(): Promise<void> {
  paths = [
    '/ok',
    '/nap',
    '/group',
    '/stream',
    '/hijack',
    '/throws',
    '/close',
    '/late',
    '/no',
    '/free',
  ]
  app = fastify()
  // Its client may be gone before the plugin sees it.
  app.addHook('onRequest', async () => {
    if (random() < 0.1) await pause(4)
  })
  await app.register(sluice, {
    limit: 12,
    queue: { size: 30, timeout: 40, order: 'adaptive' },
    key: { by: ({ headers }) => String(headers.user), limit: 3, queue: { size: 4 }, maxKeys: 8 },
    priority: ({ headers }) => Number(headers.priority ?? 0),
    timeout: 60,
  })
  const nap = async () => {
    await pause(8)
    return 'nap'
  }
  app.get('/ok', async () => 'ok')
  app.get('/nap', { config: { concurrency: { limit: 4, queue: { size: 5, order: 'lifo' } } } }, nap)
  app.get('/group', { config: { concurrency: { limit: 2, group: 'few' } } }, nap)
  app.get('/late', { config: { concurrency: { group: 'few', timeout: 5 } } }, nap)
  app.get('/close', { config: { concurrency: { limit: 3, releaseOn: 'close' } } }, nap)
  app.get('/throws', { config: { concurrency: 2 } }, async () => {
    await pause(2)
    throw new Error('thrown')
  })
  app.get('/stream', { config: { concurrency: 5 } }, (_request, reply) => {
    let chunks = 0
    const read = function (this: Readable): void {
      setTimeout(() => this.push(chunks++ < 5 ? 'x'.repeat(500) : null), 1)
    }
    reply.send(new Readable({ read }))
  })
  app.get('/hijack', { config: { concurrency: 5 } }, (_request, reply) => {
    reply.hijack()
    setTimeout(() => reply.raw.end('hijacked'), 3)
  })
  app.get('/free', { config: { concurrency: false } }, nap)
  app.post('/fast', { config: { concurrency: 5 } }, async () => 'posted')
}

/** A reproducible stream of numbers in [0, 1). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const random = randomFrom(20_26)
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
const pause = (most: number) => new Promise<void>((resolve) => setTimeout(resolve, random() * most))

const ask = (): string =>
  get(pick(paths), `User: ${pick(['a', 'b', 'c', 'd'])}\r\nPriority: ${pick([0, 0, 1])}\r\n`)

/** Each takes an open connection and ends it in its own bad way. */
const clients: Record<string, (wire: Wire) => Promise<void>> = {
  patient: async ({ socket, received }) => {
    socket.write(ask())
    await received('HTTP/1.1 ')
  },
  aborts: async ({ socket }) => {
    socket.write(ask())
    await pause(12)
  },
  'aborts at once': async ({ socket }) => {
    socket.write(ask())
  },
  'half-closes': async ({ socket, closed }) => {
    socket.end(ask())
    await Promise.race([closed, pause(30)])
  },
  'pipelines and destroys': async ({ socket }) => {
    socket.write(Array.from({ length: 8 }, ask).join(''))
    await pause(15)
  },
  'pipelines and leaves after the first answer': async ({ socket, received }) => {
    socket.write(Array.from({ length: 5 }, ask).join(''))
    await received('HTTP/1.1 ')
  },
  'sends half a header': async ({ socket }) => {
    socket.write(ask().slice(0, 20))
    await pause(5)
  },
  'sends half a body': async ({ socket }) => {
    socket.write(
      `POST /fast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    )
    await pause(10)
  },
  'says nothing': () => pause(5),
}
const kinds = Object.values(clients)

test.each([
  ["the server's own routes", buildServer],
  ['every scope at once', buildScopes],
] as const)(
  'a storm over %s leaks no permit and loses no request',
  async (_name, build) => {
    await build()
    port = await listen(app)
    let started = 0
    const worker = async (): Promise<void> => {
      while (started < CLIENTS) {
        const kind = kinds[started++ % kinds.length] as (wire: Wire) => Promise<void>
        const wire = await open(port)
        await kind(wire)
        wire.socket.destroy()
        identity(app)
        for (const { name, inFlight, limit } of app.concurrency.limiters) {
          if (inFlight > limit) throw new Error(`${name}: ${inFlight} in flight, limit ${limit}`)
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    await untilIdle({ app })
    const { requests, limiters } = app.concurrency.snapshot()
    expect(requests.answered).toBeGreaterThan(CLIENTS / 5)
    expect(requests.aborted).toBeGreaterThan(CLIENTS / 5)
    expect(limiters.filter(({ admitted }) => admitted === 0).map(({ name }) => name)).toEqual([])
    // The permits are not only counted as back: they can be taken again, as many as there were.
    for (const { limit } of app.concurrency.limiters) {
      const again = Array.from({ length: Math.min(limit, 3) }, () => app.inject(paths[2] as string))
      expect((await Promise.all(again)).every(({ statusCode }) => statusCode === 200)).toBe(true)
    }
  },
  300_000,
)
