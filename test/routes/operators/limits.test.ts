/** PUT /concurrency/limiters/:name: a limit changes while requests run and wait. */
import { Writable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import limits from '../../../routes/operators/limits.js'
import { buildApp } from '../../../src/app.js'
import { Gradient2Limit } from '../../../src/sluice/index.js'
import { buildProbe, type Probe } from '../../support/probe-app.js'
import { until } from '../../support/wire.js'

const TOKEN = 'correct-horse-battery'
let probe: Probe
let app: FastifyInstance

beforeEach(async () => {
  probe = await buildProbe(
    { limit: 100, key: { by: ({ ip }) => ip, limit: 50 }, pressure: true },
    1,
  )
  app = probe.app
  app.get('/found', { config: { concurrency: { limit: new Gradient2Limit() } } }, async () => 'ok')
  await app.register(limits, { token: TOKEN })
})
afterEach(() => app.close())

const put = (
  name: string,
  payload: unknown,
  authorization: string | undefined = `Bearer ${TOKEN}`,
) =>
  app.inject({
    method: 'PUT',
    url: `/concurrency/limiters/${encodeURIComponent(name)}`,
    headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  })
const limiter = (name: string) =>
  app.concurrency.snapshot().limiters.find((each) => each.name === name)

test('a higher limit lets in who waits, at once, and is seen in snapshot and metrics', async () => {
  const all = [1, 2, 3].map(() => app.inject('/held'))
  for (const request of all) request.then(() => {})
  await until(() => limiter('GET /held')?.queued === 2)
  const response = await put('GET /held', { limit: 3 })
  expect([response.statusCode, response.json()]).toEqual([
    200,
    expect.objectContaining({ name: 'GET /held', limit: 3, inFlight: 3, queued: 0 }),
  ])
  await until(() => probe.held.length === 3)
  expect(limiter('GET /held')?.limit).toBe(3)
  expect(await app.concurrency.registry.metrics()).toContain(
    '\nconcurrency_limit{limiter="GET /held"} 3\n',
  )
  expect((await put('GET /held', { limit: 1 })).json()).toMatchObject({ limit: 1, inFlight: 3 })
  for (const gate of probe.held) gate.resolve()
  expect((await Promise.all(all)).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200])
  expect(limiter('GET /held')).toMatchObject({ limit: 1, inFlight: 0 })
})

test("the app's and each key's limit can be set as well", async () => {
  expect((await put('app', { limit: 7 })).statusCode).toBe(200)
  expect((await put('key', { limit: 8 })).statusCode).toBe(200)
  expect([limiter('app')?.limit, limiter('key')?.limit]).toEqual([7, 8])
})

test.each([
  ['no token', undefined],
  ['another', 'Bearer correct-horse-batterz'],
  ['its beginning', 'Bearer correct-horse'],
  ['more than it', `Bearer ${TOKEN}y`],
  ['another scheme', `Basic ${TOKEN}`],
  ['nothing but it', TOKEN],
  ['an empty one', 'Bearer '],
])('%s is refused, whatever it asks for', async (_name, authorization) => {
  const response = await put('app', { limit: 1 }, authorization ?? '')
  expect([response.statusCode, response.headers['www-authenticate']]).toEqual([401, 'Bearer'])
  expect(response.body).not.toContain(TOKEN)
  expect(limiter('app')?.limit).toBe(100)
})

test('the scheme may be spelled in any case', async () => {
  expect((await put('app', { limit: 5 }, `bearer ${TOKEN}`)).statusCode).toBe(200)
})

test.each([
  [{ limit: 0 }, '{"limit":0}'],
  [{ limit: -1 }, '{"limit":-1}'],
  [{ limit: 1.5 }, '{"limit":1.5}'],
  [{ limit: '5' }, '{"limit":"5"}'],
  [{ limit: null }, '{"limit":null}'],
  [{}, '{}'],
  [{ limit: 5, queue: 1 }, '{"limit":5,"queue":1}'],
  [[5], '[5]'],
  [5, '5'],
])('guarantee 8: %j is no limit, and the answer says what is', async (payload, got) => {
  const response = await put('app', payload)
  expect([response.statusCode, response.json().message]).toEqual([
    400,
    `body: got ${got}, takes {"limit": an integer >= 1}`,
  ])
  expect(limiter('app')?.limit).toBe(100)
})

test.each([
  ['that is no JSON', '{"limit":', 400],
  ['of two kilobytes', `{"limit":${'1'.repeat(2000)}}`, 413],
])('a body %s is refused', async (_name, payload, status) => {
  expect((await put('app', payload)).statusCode).toBe(status)
})

test('a limiter that is unknown is 404, and those there are are named', async () => {
  const response = await put('ap', { limit: 1 })
  expect([response.statusCode, response.json().message]).toEqual([
    404,
    expect.stringMatching(/^limiter: got "ap", takes .*"app".*"GET \/held"/),
  ])
})

test('no name is too long to be asked for, or comes back whole', async () => {
  await app.close()
  app = await buildApp({ TIME_SCALE: 0, ADMIN_TOKEN: TOKEN })
  const name = '/long'.repeat(300)
  const response = await put(name, { limit: 1 })
  expect(response.json().message).toContain(`limiter: got "${name.slice(0, 99)}..., takes `)
})

test.each(['GET /found', 'event-loop'])('%s: a limit that is found is 409', async (name) => {
  const before = limiter(name)?.limit
  const response = await put(name, { limit: 1 })
  expect([response.statusCode, response.json().message]).toEqual([
    409,
    `${name}: its limit is found, not set`,
  ])
  expect(limiter(name)?.limit).toBe(before)
})

test('it is logged as a warning, by whom it was asked and from what to what', async () => {
  const log: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)))
      done()
    },
  })
  await app.close()
  app = await buildApp({ TIME_SCALE: 0, ADMIN_TOKEN: TOKEN }, pino({ level: 'warn' }, stream))
  await put('GET /limited', { limit: 4 })
  expect(log).toEqual([
    expect.objectContaining({
      level: 40,
      reqId: expect.any(String),
      limiter: 'GET /limited',
      before: 2,
      limit: 4,
      msg: 'limit changed',
    }),
  ])
})

test('without a token there is no such route', async () => {
  await app.close()
  app = await buildApp({ TIME_SCALE: 0 })
  const response = await put('GET /limited', { limit: 4 })
  expect([response.statusCode, response.body]).toEqual([404, 'Not Found'])
})
