/** An app with every way a request can end, all of it under a route limit and the app's limit. */
import { Readable } from 'node:stream'
import { type FastifyInstance, fastify } from 'fastify'
import sluice, { type SluiceOptions } from '../../src/sluice/index.js'
import { type Deferred, deferred } from './deferred.js'
import { until } from './wire.js'

export interface Probe {
  app: FastifyInstance
  /** Handlers of /held wait for the next of these; each request takes one. */
  held: Deferred<void>[]
  /** How often the handler of /held began. */
  started(): number
}

export async function buildProbe(
  options: SluiceOptions = { limit: 100 },
  limit = 100,
): Promise<Probe> {
  const app = fastify({ exposeHeadRoutes: true })
  const held: Deferred<void>[] = []
  let started = 0
  await app.register(sluice, options)
  const config = { concurrency: limit }

  app.get('/ok', { config }, async () => 'ok')
  app.get('/callback', { config }, (_request, reply) => {
    setImmediate(() => reply.send('ok'))
  })
  app.get('/held', { config }, async () => {
    started++
    const gate = deferred()
    held.push(gate)
    await gate.promise
    return 'held'
  })
  app.get('/sleep', { config }, async ({ concurrency: { signal } }) => {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, 5000)
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve(undefined)
      })
    })
    return 'slept'
  })
  app.get('/throws', { config }, async () => {
    throw new Error('handler failed')
  })
  app.get('/throws-sync', { config }, () => {
    throw new Error('handler failed at once')
  })
  app.get(
    '/validated',
    { config, schema: { querystring: { type: 'object', required: ['n'] } } },
    async () => 'valid',
  )
  app.get('/hijack', { config }, (_request, reply) => {
    reply.hijack()
    reply.raw.end('hijacked')
  })
  app.get('/hijack-silent', { config }, (_request, reply) => {
    reply.hijack()
  })
  app.get('/reply', { config }, (_request, reply) => reply.send('reply'))
  app.get('/stream', { config }, (_request, reply) => {
    reply.send(endless())
  })
  app.get('/stream-error', { config }, (_request, reply) => {
    const stream = endless()
    setTimeout(() => stream.destroy(new Error('disk failed')), 20)
    reply.send(stream)
  })
  app.get('/stream-error-early', { config }, (_request, reply) => {
    reply.send(
      new Readable({
        read() {
          this.destroy(new Error('no such disk'))
        },
      }),
    )
  })
  app.post('/upload', { config }, async ({ body }) => body)
  return { app, held, started: () => started }
}

/** Nothing is active, queued or in flight, and the identity holds. */
export async function untilIdle({ app }: Pick<Probe, 'app'>): Promise<void> {
  const look = () => app.concurrency.snapshot()
  await until(
    () =>
      look().requests.active === 0 &&
      look().limiters.every(({ inFlight, queued }) => inFlight === 0 && queued === 0),
    () => `not idle: ${JSON.stringify({ ...look(), routes: undefined, eventLoop: undefined })}`,
  )
  identity(app)
}

export function identity(app: FastifyInstance): void {
  const { total, answered, aborted, active } = app.concurrency.snapshot().requests
  if (total !== answered + aborted + active) {
    throw new Error(
      `${total} seen, but ${answered} answered + ${aborted} aborted + ${active} active`,
    )
  }
}

function endless(): Readable {
  return new Readable({
    read() {
      setTimeout(() => this.push('x'.repeat(1000)), 1)
    },
  })
}
