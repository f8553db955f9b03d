/** The shared port: every path of the article with its answer, and what a leaving client ends. */
import { Writable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildApp } from '../../src/app.js'
import { untilIdle } from '../support/probe-app.js'
import { get, listen, send, until } from '../support/wire.js'

let app: FastifyInstance
let port: number
let log: string[]

beforeEach(async () => {
  log = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push((JSON.parse(String(chunk)) as { msg: string }).msg)
      done()
    },
  })
  app = await buildApp({ TIME_SCALE: 0.02 }, pino({ level: 'info' }, stream))
  port = await listen(app)
})

afterEach(() => app.close())

const url = (path: string): string => `http://127.0.0.1:${port}${path}`
const handlerLines = (): string[] => log.filter((line) => /^(Request|Handling)/.test(line))

describe("each path gives the article's answer", () => {
  test.each([
    ['/hello', 200, 'Hello from async Rust!'],
    ['/', 200, 'Home Page'],
    ['/about', 200, 'About Us'],
    ['/anything/else', 404, 'Not Found'],
    ['/delay', 200, 'Delayed Response'],
    ['/fast', 200, 'Fast response'],
    ['/slow', 200, 'Slow response'],
    ['/counter', 200, 'Done'],
    ['/limited', 200, 'Response from limited handler'],
    ['/async', 200, 'Hello, async web!'],
  ])('GET %s: %d %s', async (path, status, body) => {
    const response = await fetch(url(path))
    expect([response.status, await response.text()]).toEqual([status, body])
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(response.headers.get('content-length')).toBe(String(body.length))
  })

  test.each(['/fast', '/hello', '/limited', '/metrics', '/concurrency', '/health/live'])(
    'a known path with another method is Not Found: POST %s',
    async (path) => {
      const response = await fetch(url(path), { method: 'POST' })
      expect([response.status, await response.text()]).toEqual([404, 'Not Found'])
    },
  )
})

test.each([
  ['a body that is no JSON', '/hello', '{"a":'],
  ['a body that is too large', '/nowhere', `"${'x'.repeat(2_000_000)}"`],
])('what is not found is not read: %s', async (_name, path, body) => {
  const headers = { 'content-type': 'application/json' }
  const response = await app.inject({ method: 'POST', url: path, headers, payload: body })
  expect([response.statusCode, response.body]).toEqual([404, 'Not Found'])
})

describe('the sleeping ones', () => {
  test('/fast answers while /slow is pending', async () => {
    const order: string[] = []
    const slow = fetch(url('/slow')).then(() => order.push('slow'))
    await until(() => app.concurrency.snapshot().requests.active === 1)
    await fetch(url('/fast')).then(() => order.push('fast'))
    await slow
    expect(order).toEqual(['fast', 'slow'])
  })

  test('/limited runs two at a time, in the order they came', async () => {
    const ends: number[] = []
    const all = []
    for (let n = 1; n <= 5; n++) {
      all.push(fetch(url(`/limited?${n}`)).then(() => ends.push(n)))
      const [limiter] = app.concurrency.limiters
      await until(() => (limiter?.snapshot().admitted ?? 0) + (limiter?.queued ?? 0) === n)
    }
    await Promise.all(all)
    expect(handlerLines()).toEqual([1, 2, 3, 4, 5].map((n) => `Handling request: /limited?${n}`))
    expect([ends.slice(0, 2).sort(), ends.slice(2, 4).sort(), ends[4]]).toEqual([[1, 2], [3, 4], 5])
  })

  test('/counter logs how many are active, and goes down when a client leaves', async () => {
    const patient = fetch(url('/counter'))
    await until(() => handlerLines().length === 1)
    const leaver = await send(port, get('/counter'))
    await until(() => handlerLines().length === 2)
    leaver.socket.destroy()
    await until(() => handlerLines().length === 3)
    expect(await (await patient).text()).toBe('Done')
    expect(handlerLines()).toEqual([
      'Request started: 1 active',
      'Request started: 2 active',
      'Request finished: 1 active',
      'Request finished: 0 active',
    ])
  })

  test.each(['/delay', '/slow', '/limited', '/counter'])(
    '%s ends when its client leaves, and nothing is logged as an error',
    async (path) => {
      const slow = await buildApp({ TIME_SCALE: 10 })
      const at = await listen(slow)
      const wire = await send(at, get(path))
      await until(() => slow.concurrency.snapshot().requests.active === 1)
      wire.socket.destroy()
      await untilIdle({ app: slow })
      expect(slow.concurrency.snapshot().requests).toMatchObject({ aborted: 1, answered: 0 })
      await slow.close()
    },
  )
})

describe('health', () => {
  test('ready turns 503 when draining begins, live stays 200', async () => {
    expect((await app.inject('/health/ready')).statusCode).toBe(200)
    const drained = app.concurrency.drain()
    expect((await app.inject('/health/ready')).statusCode).toBe(503)
    expect((await app.inject('/health/live')).statusCode).toBe(200)
    expect(await drained).toBe(true)
    expect((await app.inject('/fast')).json()).toMatchObject({ code: 'SLUICE_CLOSED' })
    expect((await app.inject('/health/live')).statusCode).toBe(200)
  })
})
