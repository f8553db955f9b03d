/** What the server logs: a line a request, and rejections at a bounded rate with none forgotten. */
import { Writable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { buildApp, createApp } from '../../src/app.js'
import { logRequests } from '../../src/server/request-log.js'
import sluice from '../../src/sluice/index.js'
import { deferred } from '../support/deferred.js'
import { get, listen, send, until } from '../support/wire.js'

let app: FastifyInstance
let log: Record<string, unknown>[]

afterEach(async () => {
  vi.useRealTimers()
  await app.close()
})

function logger(level: string) {
  log = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)))
      done()
    },
  })
  return pino({ level }, stream)
}

const ms = expect.any(Number)

test('a request is one line with its id, route, wait, run and outcome, beside what its handler logs', async () => {
  app = await buildApp({ TIME_SCALE: 0.01 }, logger('info'))
  const headers = { 'x-request-id': 'mine' }
  await app.inject({ url: '/counter?a=b', headers })
  expect(log.map(({ msg }) => msg)).toEqual([
    'Request started: 1 active',
    'Request finished: 0 active',
    'GET /counter 200',
  ])
  expect(log.every(({ reqId }) => reqId === 'mine')).toBe(true)
  expect(log[2]).toMatchObject({
    level: 30,
    method: 'GET',
    route: '/counter',
    status: 200,
    outcome: 'answered',
    waitMs: 0,
    runMs: ms,
  })
  expect(log[2]?.runMs).toBeGreaterThan(15)
})

test('who waited has its wait in the line, and who left has no status', async () => {
  app = await buildApp({ TIME_SCALE: 0.02 }, logger('info'))
  const port = await listen(app)
  log.length = 0
  const limited = await Promise.all([1, 2, 3].map(() => send(port, get('/limited'))))
  for (const wire of limited) await wire.received('Response from limited handler')
  const leaver = await send(port, get('/slow'))
  await until(() => app.concurrency.snapshot().requests.active === 1)
  leaver.socket.destroy()
  await until(() => log.some(({ outcome }) => outcome === 'aborted'))
  const lines = log.filter(({ outcome }) => outcome !== undefined)
  expect(lines.map(({ msg }) => msg)).toEqual([
    'GET /limited 200',
    'GET /limited 200',
    'GET /limited 200',
    'GET /slow aborted',
  ])
  expect(lines.filter(({ waitMs }) => Number(waitMs) > 30).length).toBe(1)
  expect(lines[3]).not.toHaveProperty('status')
  expect(log.length).toBe(7)
  for (const { socket } of limited) socket.destroy()
})

test('an error of a handler is logged with its stack, beside the line of its request', async () => {
  app = createApp(logger('info'))
  await app.register(sluice)
  logRequests(app)
  app.get('/fails', async () => {
    throw new Error('disk failed')
  })
  await app.inject('/fails')
  expect(log).toEqual([
    expect.objectContaining({
      level: 50,
      err: expect.objectContaining({ message: 'disk failed' }),
    }),
    expect.objectContaining({ level: 30, msg: 'GET /fails 500', status: 500 }),
  ])
})

test('a route whose own level is above info has no line: probes and scrapes', async () => {
  app = await buildApp({ TIME_SCALE: 0 }, logger('info'))
  for (const url of ['/health/live', '/health/ready', '/metrics', '/concurrency', '/hello']) {
    expect((await app.inject(url)).statusCode).toBe(200)
  }
  expect(log.map(({ msg }) => msg)).toEqual(['GET /hello 200'])
})

test('below info nothing is logged, and nothing observes', async () => {
  app = await buildApp({ TIME_SCALE: 0 }, logger('warn'))
  const { active } = app.concurrency as unknown as { active: { isObserved: boolean } }
  expect(active.isObserved).toBe(false)
  await app.inject('/counter')
  expect(log).toEqual([])
  await app.close()
  app = await buildApp({ TIME_SCALE: 0 }, logger('info'))
  const now = app.concurrency as unknown as { active: { isObserved: boolean } }
  expect(now.active.isObserved).toBe(true)
})

test('a flood of clients that leave is a line a second, and the lines count them all', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  app = createApp(logger('info'))
  await app.register(sluice)
  logRequests(app)
  const gate = deferred()
  app.get('/held', { config: { concurrency: 1 } }, () => gate.promise)
  const port = await listen(app)
  const active = () => app.concurrency.snapshot().requests.active
  const wires = await Promise.all(Array.from({ length: 40 }, () => send(port, get('/held'))))
  await until(() => active() === 40)
  log.length = 0
  for (const { socket } of wires) socket.destroy()
  await until(() => active() === 0)
  const lines = () => log.filter(({ outcome }) => outcome === 'aborted')
  expect(lines()).toHaveLength(1)
  gate.resolve()
  await app.close()
  expect(lines().map(({ leftOut, msg }) => [leftOut, msg])).toEqual([
    [0, 'GET /held aborted'],
    [38, 'GET /held aborted, and 38 others'],
  ])
})

test('a flood of rejections is a line a second for each reason, and the lines count them all', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  app = createApp(logger('info'))
  await app.register(sluice)
  logRequests(app)
  const others = vi.getTimerCount()
  const gate = deferred()
  const full = { limit: 1, queue: { size: 0 } }
  const late = { limit: 1, queue: { timeout: 0 } }
  app.get('/full', { config: { concurrency: full } }, () => gate.promise)
  app.get('/late', { config: { concurrency: late } }, () => gate.promise)
  const held = ['/full', '/late'].map((url) => app.inject(url).then())
  const rejected = () => log.filter(({ outcome }) => outcome === 'rejected')
  const flood = async (url: string, count: number): Promise<void> => {
    for (let n = 0; n < count; n++) expect((await app.inject(url)).statusCode).toBe(503)
  }

  await flood('/full', 100)
  await flood('/late', 10)
  expect(rejected().map(({ reason, leftOut }) => [reason, leftOut])).toEqual([
    ['queue_full', 0],
    ['queue_timeout', 0],
  ])
  vi.advanceTimersByTime(1000)
  expect(rejected().slice(2)).toEqual([
    expect.objectContaining({
      reqId: expect.any(String),
      route: '/full',
      reason: 'queue_full',
      status: 503,
      leftOut: 98,
      msg: 'GET /full rejected: queue_full, and 98 others',
    }),
    expect.objectContaining({ reason: 'queue_timeout', leftOut: 8 }),
  ])

  // The next second goes on as it began; after a quiet one the first is logged at once again.
  await flood('/full', 1)
  expect(rejected().length).toBe(4)
  vi.advanceTimersByTime(1000)
  expect(rejected().at(-1)).toMatchObject({ leftOut: 0, msg: 'GET /full rejected: queue_full' })
  vi.advanceTimersByTime(1000)
  expect(vi.getTimerCount()).toBeLessThanOrEqual(others)
  await flood('/full', 3)
  expect(rejected().length).toBe(6)

  gate.resolve()
  await Promise.all(held)
  await app.close()
  const counted = rejected().reduce((all, { leftOut }) => all + 1 + Number(leftOut), 0)
  expect(counted).toBe(114)
  expect(vi.getTimerCount()).toBe(0)
})
