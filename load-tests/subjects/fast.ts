/**
 * `GET /fast` and `GET /slow` of the article by different means, and the cheapest refusals: what
 * they differ in is what stands before the handler.
 */
import { createServer, type Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import underPressure from '@fastify/under-pressure'
import fastify, { type FastifyInstance, type RouteShorthandOptions } from 'fastify'
import fastifyMetrics from 'fastify-metrics'
import sluice from 'fastify-sluice'

const TEXT = 'text/plain; charset=utf-8'
/** More than any load has connections: all are admitted. */
const limits = { limit: 20_000, queue: { size: 1000 } }
const SLOW = 600_000

export function nodeHttp(): Server {
  return createServer((_request, response) => {
    response.setHeader('content-type', TEXT)
    response.end('Fast response')
  })
}

export function bare(): Promise<Server> {
  return serve(fastify())
}

export async function plugin(): Promise<Server> {
  const app = fastify()
  await app.register(sluice)
  return serve(app)
}

/** All there is on the way: the route's limit and queue, the app's, and the metrics of both. */
export async function limited(): Promise<Server> {
  const app = fastify()
  await app.register(sluice, limits)
  return serve(app, { config: { concurrency: limits } })
}

/** What people put in front of a service today; its thresholds are never reached. */
export async function peers(): Promise<Server> {
  const app = fastify()
  await app.register(underPressure, { maxEventLoopDelay: 10_000 })
  await app.register(fastifyMetrics.default, { endpoint: '/metrics' })
  return serve(app)
}

/** A status and one byte. */
export async function bareRefusal(): Promise<Server> {
  const app = fastify()
  app.get('/fast', (_request, reply) => {
    reply.code(503).send('x')
  })
  return listening(app)
}

/** Its one slot is taken by itself before it listens. */
export async function full(): Promise<Server> {
  const app = fastify()
  await app.register(sluice, { limit: 1, queue: { size: 0 } })
  app.get('/fast', () => new Promise(() => {}))
  await app.ready()
  app.inject('/fast').catch(() => {})
  return app.server
}

function serve(app: FastifyInstance, options: RouteShorthandOptions = {}): Promise<Server> {
  app.get('/fast', options, (_request, reply) => {
    reply.type(TEXT).send('Fast response')
  })
  app.get('/slow', options, async (_request, reply) => {
    await sleep(SLOW)
    return reply.type(TEXT).send('Slow response')
  })
  return listening(app)
}

async function listening(app: FastifyInstance): Promise<Server> {
  await app.ready()
  return app.server
}
