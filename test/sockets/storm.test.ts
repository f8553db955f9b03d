/**
 * Guarantees 1, 2 and 7 under everything at once: clients that abort, half-close, pipeline and
 * destroy, and send half a request, against the server's own routes, and against every scope and
 * option of the plugin together. It ends with nothing active and every permit back, and each request
 * is accounted for at every look. STORM sets how many clients there are.
 */
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { buildApp } from '../../src/app.js'
import { untilIdle } from '../support/probe-app.js'
import { addScopes, scopePaths } from '../support/scopes-app.js'
import { askFrom, CLIENTS, storm, wireKinds } from '../support/storm.js'
import { listen, open } from '../support/wire.js'

let app: FastifyInstance

afterEach(() => app.close())

async function buildServer(): Promise<readonly string[]> {
  app = await buildApp({ TIME_SCALE: 0.005, LIMIT: 60, QUEUE_SIZE: 100 })
  return [
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
    '/patterns/polling?for=200',
    '/patterns/fan-out?delay=1',
  ]
}

async function buildScopes(): Promise<readonly string[]> {
  app = fastify()
  await addScopes(app)
  return scopePaths
}

test.each([
  ["the server's own routes", buildServer],
  ['every scope at once', buildScopes],
] as const)(
  'a storm over %s leaks no permit and loses no request',
  async (_name, build) => {
    const paths = await build()
    const port = await listen(app)
    const kinds = wireKinds(() => askFrom(paths)).map((kind) => async () => {
      const wire = await open(port)
      await kind(wire)
      wire.socket.destroy()
    })
    await storm(app, kinds, CLIENTS)
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
