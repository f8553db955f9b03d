/** `limit: 'auto'`: each route finds its own limit, and the loop is watched with it. */
import { PassThrough } from 'node:stream'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import sluice, { type SluiceOptions } from '../../../src/sluice/index.js'
import { deferred } from '../../support/deferred.js'
import { get, listen, send, until } from '../../support/wire.js'

let app: FastifyInstance

beforeEach(() => {
  app = fastify()
})

afterEach(async () => {
  await app.close()
})

const names = (): string[] => app.concurrency.limiters.map(({ name }) => name)
const whole = () => app.concurrency.snapshot().limiters.find(({ name }) => name === 'app')

test('one word: seen from outside it is the app’s limiter, and the event loop’s behind it', async () => {
  await app.register(sluice, { limit: 'auto' })
  const gate = deferred()
  app.get('/slow', async () => gate.promise.then(() => 'slow'))
  app.get('/fast', async () => 'fast')
  await app.ready()
  expect(names()).toEqual(['app', 'event-loop'])
  expect(whole()).toMatchObject({ limit: 50, inFlight: 0, queued: 0, admitted: 0 })
  const slow = app.inject('/slow').then()
  await until(() => whole()?.inFlight === 1)
  expect((await app.inject('/fast')).body).toBe('fast')
  // Of the two routes that were asked for.
  expect(whole()).toMatchObject({ limit: 100, inFlight: 1, admitted: 2 })
  gate.resolve()
  expect((await slow).body).toBe('slow')
  await until(() => whole()?.inFlight === 0)
  expect(whole()).toMatchObject({ admitted: 2, rejected: { queue_full: 0 } })
})

test('a route that is full keeps nobody from another', async () => {
  await app.register(sluice, {
    limit: { algorithm: 'auto', initial: 1, max: 1 },
    queue: { size: 0 },
  })
  const gate = deferred()
  app.get('/slow', async () => gate.promise.then(() => 'slow'))
  app.get('/fast', async () => 'fast')
  await app.ready()
  const slow = app.inject('/slow').then()
  await until(() => whole()?.inFlight === 1)
  expect((await app.inject('/slow')).statusCode).toBe(503)
  expect((await app.inject('/fast')).statusCode).toBe(200)
  expect((await app.inject('/nowhere')).statusCode).toBe(404)
  expect(whole()).toMatchObject({ admitted: 3, rejected: { queue_full: 1 } })
  gate.resolve()
  await slow
})

test('a route with a limit of its own has that one alone; what is exempt has none', async () => {
  await app.register(sluice, {
    limit: { algorithm: 'auto', initial: 1, max: 1 },
    queue: { size: 0 },
  })
  const gate = deferred()
  const wait = async () => gate.promise.then(() => 'done')
  app.get('/own', { config: { concurrency: { limit: 2, queue: { size: 0 } } } }, wait)
  app.get('/health/live', wait)
  await app.ready()
  const asked = ['/own', '/own', '/health/live', '/health/live'].map((url) =>
    app.inject(url).then(),
  )
  await until(() => app.concurrency.snapshot().requests.active === 4)
  expect((await app.inject('/own')).statusCode).toBe(503)
  gate.resolve()
  for (const answer of await Promise.all(asked)) expect(answer.statusCode).toBe(200)
  expect(whole()).toMatchObject({ admitted: 0 })
})

test('a route may find its limit alone', async () => {
  await app.register(sluice)
  app.get('/', { config: { concurrency: 'auto' } }, async () => 'done')
  await app.ready()
  expect((await app.inject('/')).body).toBe('done')
  expect(app.concurrency.snapshot().limiters).toMatchObject([
    { name: 'GET /', limit: 50, admitted: 1 },
  ])
})

test('a stream that lasts gives its permit back; a limit that somebody set holds for it', async () => {
  await app.register(sluice, {
    limit: { algorithm: 'auto', initial: 1, max: 1 },
    key: { by: () => 'all', limit: 2, queue: { size: 0 } },
  })
  const streams: PassThrough[] = []
  app.get('/', (_request, reply) => {
    const stream = new PassThrough()
    streams.push(stream)
    stream.write('head')
    return reply.send(stream)
  })
  const port = await listen(app)
  const wires = [await send(port, get('/')), await send(port, get('/'))]
  await until(() => whole()?.queued === 1)
  await until(() => streams.length === 2)
  expect(whole()).toMatchObject({ queued: 0 })
  const third = await send(port, get('/'))
  await third.received('503')
  for (const stream of streams) stream.end()
  await until(() => app.concurrency.snapshot().requests.active === 0)
  expect(whole()).toMatchObject({ inFlight: 0, admitted: 2 })
  for (const { socket } of [...wires, third]) socket.destroy()
})

test('closed, nobody is let in by any route', async () => {
  await app.register(sluice, { limit: 'auto' })
  app.get('/', async () => 'done')
  await app.ready()
  await app.concurrency.drain({ timeout: 10 })
  expect((await app.inject('/')).statusCode).toBe(503)
})

describe('guarantee 9: bad options get a clear error', () => {
  test.each([
    [{ limit: { algorithm: 'auto', initial: 0 } }, 'Option limit.initial: got 0, takes an integer'],
    [{ limit: 'auto', queue: { size: -1 } }, 'Option queue.size: got -1, takes an integer'],
    [
      { limit: 'auto', pressure: false },
      "Option pressure: got false, takes nothing beside limit 'auto'",
    ],
    [{ limit: 'auto', queue: { shares: { 1: 0.5 } } }, 'Option queue.shares: got'],
  ])('%j', async (options, message) => {
    app.register(sluice, options as SluiceOptions)
    await expect(app.ready()).rejects.toMatchObject({
      code: 'SLUICE_OPTIONS',
      message: expect.stringContaining(message),
    })
  })
})

test('each route that was asked for says what its limit sees, in the snapshot and the metrics', async () => {
  await app.register(sluice, { limit: 'auto' })
  app.get('/a', async () => 'a')
  app.get('/b', async () => 'b')
  app.get('/own', { config: { concurrency: { limit: 'auto' } } }, async () => 'own')
  await app.ready()
  for (const url of ['/a', '/own']) await app.inject(url)
  const { limiters } = app.concurrency.snapshot()
  const found = limiters.flatMap((limiter) =>
    (limiter.found ?? []).map(({ name, limit, bound }) => [limiter.name, name, limit, bound]),
  )
  expect(found).toEqual([
    ['app', 'GET /a', 50, false],
    ['GET /own', 'GET /own', 50, false],
  ])
  const loop = limiters.find(({ name }) => name === 'event-loop')?.loop
  expect(loop).toMatchObject({ lateMs: 0, heldMs: 0, roomMs: null })
  expect(loop?.routes.map(({ name }) => name)).toEqual(['GET /a', 'GET /own'])
  const text = await app.concurrency.registry.metrics()
  expect(text).toContain('concurrency_found_limit{limiter="app",scope="GET /a"} 50\n')
  expect(text).toContain('concurrency_found_limit_bound{limiter="GET /own",scope="GET /own"} 0\n')
  expect(text).toMatch(/moves_total\{limiter="app",scope="GET \/a",cause="queueing"\} 0\n/)
  expect(text).toContain('concurrency_loop_wait_seconds{limiter="event-loop"} 0\n')
  expect(text).not.toContain('concurrency_loop_room_seconds{')
  expect(text).not.toContain('scope="GET /b"')
})
