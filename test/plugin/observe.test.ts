import { setTimeout as sleep } from 'node:timers/promises'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import sluice, { type RequestSpan } from '../../src/index.js'
import { deferred } from '../support/deferred.js'

let app: FastifyInstance

beforeEach(async () => {
  app = fastify()
  await app.register(sluice, { limit: 1, queue: { size: 1 } })
})

afterEach(() => app.close())

test('each request is described once, at its end: what it waited, ran and came to', async () => {
  const gate = deferred<void>()
  app.get('/held/:id', async () => {
    await gate.promise
    return 'done'
  })
  const spans: RequestSpan[] = []
  app.concurrency.observe((span) => spans.push(span))

  // It is sent when somebody first asks for its answer.
  const first = app.inject('/held/1').then()
  const second = app.inject('/held/2').then()
  const third = await app.inject('/held/3')
  expect(third.statusCode).toBe(503)
  await sleep(30)
  gate.resolve()
  await Promise.all([first, second])

  expect(spans.map(({ outcome, status, reason }) => ({ outcome, status, reason }))).toEqual([
    { outcome: 'rejected', status: 503, reason: 'queue_full' },
    { outcome: 'answered', status: 200, reason: undefined },
    { outcome: 'answered', status: 200, reason: undefined },
  ])
  const [, ran, waited] = spans as [RequestSpan, RequestSpan, RequestSpan]
  expect(ran).toMatchObject({ method: 'GET', route: '/held/:id', waitMs: 0 })
  expect(ran.runMs).toBeGreaterThan(25)
  expect(waited.waitMs).toBeGreaterThan(25)
  expect(waited.runMs).toBeLessThan(waited.waitMs)
  expect(waited.startTime).toBeGreaterThanOrEqual(ran.startTime)
  expect(new Set(spans.map(({ id }) => id)).size).toBe(3)
})

test('an observer that throws is logged and disturbs nobody, and one that ended is told nothing', async () => {
  app.get('/', async () => 'home')
  const told: string[] = []
  const end = app.concurrency.observe(() => told.push('first'))
  app.concurrency.observe(() => {
    throw new Error('mine')
  })
  app.concurrency.observe(() => told.push('last'))
  expect((await app.inject('/')).statusCode).toBe(200)
  end()
  expect((await app.inject('/')).statusCode).toBe(200)
  expect(told).toEqual(['first', 'last', 'last'])
  expect(() => app.concurrency.observe(1 as never)).toThrow('observer: got 1, takes a function')
})
