/** Keys, groups, routes and the app; priorities, deadlines, queue timeouts, streams and hijacks. */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import sluice from '../../src/sluice/index.js'
import { pause, random } from './storm.js'

export const scopePaths = [
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
] as const

/** How many of a route may run at once, where its own limit says that. */
export const scopeLimits: Readonly<Record<string, number>> = {
  '/nap': 4,
  '/group': 2,
  '/close': 3,
  '/stream': 5,
  '/hijack': 5,
}

export async function addScopes(app: FastifyInstance): Promise<void> {
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
  app.get(
    '/nap',
    { config: { concurrency: { limit: 4, queue: { size: 5, order: 'lifo' } } } },
    atMost(4, nap),
  )
  app.get('/group', { config: { concurrency: { limit: 2, group: 'few' } } }, atMost(2, nap))
  app.get('/late', { config: { concurrency: { group: 'few', timeout: 5 } } }, atMost(2, nap))
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

/** The work itself is counted, and not only by those who let it in. */
function atMost(limit: number, work: () => Promise<string>): () => Promise<string> {
  let running = 0
  return async () => {
    if (++running > limit) throw new Error(`${running} run at once, limit ${limit}`)
    try {
      return await work()
    } finally {
      running--
    }
  }
}
