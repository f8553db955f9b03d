import { setTimeout as sleep } from 'node:timers/promises'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import sluice, { type RequestSpan } from '../../../src/sluice/index.js'
import { deferred } from '../../support/deferred.js'
import { get, listen, send, until } from '../../support/wire.js'

let app: FastifyInstance
let logged: string[]

beforeEach(async () => {
  logged = []
  app = fastify({ logger: { level: 'error', stream: { write: (line) => logged.push(line) } } })
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
  const endThrowing = app.concurrency.observe(() => {
    throw new Error('mine')
  })
  const endLast = app.concurrency.observe(() => told.push('last'))
  expect((await app.inject('/')).statusCode).toBe(200)
  end()
  expect((await app.inject('/')).statusCode).toBe(200)
  expect(told).toEqual(['first', 'last', 'last'])
  const { active } = app.concurrency as unknown as { active: { isObserved: boolean } }
  expect(active.isObserved).toBe(true)
  endThrowing()
  endLast()
  // Nobody is left to be told: requests are not described any more.
  expect(active.isObserved).toBe(false)
  expect(logged.map((line) => JSON.parse(line).err.message)).toEqual(['mine', 'mine'])
  expect(() => app.concurrency.observe(1 as never)).toThrow('observer: got 1, takes a function')
})

test('one whose client left in the queue has waited, and has not run', async () => {
  const gate = deferred<void>()
  app.get('/held', async () => gate.promise.then(() => 'done'))
  const spans: RequestSpan[] = []
  app.concurrency.observe((span) => spans.push(span))
  const port = await listen(app)
  const runner = await send(port, get('/held'))
  await until(() => app.concurrency.limiters[0]?.inFlight === 1)
  const leaver = await send(port, get('/held'))
  await until(() => app.concurrency.limiters[0]?.queued === 1)
  await sleep(40)
  leaver.socket.destroy()
  await until(() => spans.length === 1)
  expect(spans[0]).toMatchObject({ outcome: 'aborted', status: undefined })
  expect(spans[0]?.waitMs).toBeGreaterThan(30)
  expect(spans[0]?.runMs).toBeLessThan(30)
  gate.resolve()
  await runner.received('done')
})

test('requests in progress can be read, newest first, and tell how it stands with them', async () => {
  const gate = deferred<void>()
  app.get('/held/:id', async () => {
    await gate.promise
    return 'done'
  })
  const first = app.inject('/held/1').then()
  const second = app.inject('/held/2').then()
  await sleep(30)
  const all = [...app.concurrency.inProgress()]
  expect(all).toMatchObject([
    { method: 'GET', route: '/held/:id', waiting: true, outcome: undefined, status: undefined },
    { method: 'GET', route: '/held/:id', waiting: false, waitMs: 0 },
  ])
  const [waits, runs] = all as [(typeof all)[number], (typeof all)[number]]
  expect(waits.startTime).toBeGreaterThan(runs.startTime)
  expect(waits.id).not.toBe(runs.id)
  const sofar = waits.waitMs
  expect(sofar).toBeGreaterThan(20)
  await sleep(10)
  expect(waits.waitMs).toBeGreaterThan(sofar + 5)
  gate.resolve()
  await Promise.all([first, second])
  expect(waits).toMatchObject({ waiting: false, outcome: 'answered', status: 200 })
  const waited = waits.waitMs
  await sleep(10)
  expect(waits.waitMs).toBe(waited)
  expect([...app.concurrency.inProgress()]).toEqual([])
})

test('a mark tells of the time since, whoever else has set one', async () => {
  const gate = deferred<void>()
  app.get('/', async () => gate.promise.then(() => 'home'))
  app.get('/other', async () => 'other')
  const before = app.concurrency.mark()
  const slow = app.inject('/').then()
  await sleep(60)
  gate.resolve()
  await slow
  await app.inject('/other')
  const after = app.concurrency.mark()
  expect(after()).toMatchObject({ routes: [], limiters: [] })
  await app.inject('/')

  const [early, late] = [before(), after()]
  expect(early.routes.map(({ route, answered }) => [route, answered])).toEqual([
    ['/', 2],
    ['/other', 1],
  ])
  expect(early.routes[0]?.durationMs.p99).toBeGreaterThan(50)
  expect(late.routes.map(({ method, route, answered }) => [method, route, answered])).toEqual([
    ['GET', '/', 1],
  ])
  expect(late.routes[0]?.durationMs.p99).toBeLessThan(50)
  expect(early.limiters).toMatchObject([{ name: 'app', admitted: 3 }])
  expect(late.limiters).toMatchObject([{ name: 'app', admitted: 1 }])
  expect(early.seconds - late.seconds).toBeGreaterThan(0.05)
  // As often as it is asked.
  expect(after().routes).toEqual(late.routes)
})
