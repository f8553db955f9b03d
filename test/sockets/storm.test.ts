/**
 * Guarantees 2 and 6 under everything at once: clients that abort, half-close, pipeline and destroy,
 * and send half a request, against the server's own routes. It ends with nothing active, every
 * permit back, and each request accounted for at every look. STORM sets how many clients there are.
 */

import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildApp } from '../../src/app.js'
import { identity, untilIdle } from '../support/probe-app.js'
import { get, listen, open, type Wire } from '../support/wire.js'

const CLIENTS = Number(process.env.STORM ?? 1500)
const AT_ONCE = 50

const paths = [
  '/fast',
  '/slow',
  '/limited',
  '/counter',
  '/delay',
  '/file',
  '/public/data.txt',
  '/no',
]

let app: FastifyInstance
let port: number

beforeAll(async () => {
  app = await buildApp({ TIME_SCALE: 0.005, LIMIT: 60, QUEUE_SIZE: 100 })
  port = await listen(app)
})

afterAll(() => app.close())

/** A reproducible stream of numbers in [0, 1). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const random = randomFrom(20_26)
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
const pause = (most: number) => new Promise<void>((resolve) => setTimeout(resolve, random() * most))

/** Each takes an open connection and ends it in its own bad way. */
const clients: Record<string, (wire: Wire) => Promise<void>> = {
  patient: async ({ socket, received }) => {
    socket.write(get(pick(paths)))
    await received('HTTP/1.1 ')
  },
  aborts: async ({ socket }) => {
    socket.write(get(pick(paths)))
    await pause(12)
  },
  'aborts at once': async ({ socket }) => {
    socket.write(get(pick(paths)))
  },
  'half-closes': async ({ socket, closed }) => {
    socket.end(get(pick(paths)))
    await Promise.race([closed, pause(30)])
  },
  'pipelines and destroys': async ({ socket }) => {
    socket.write(Array.from({ length: 8 }, () => get(pick(paths))).join(''))
    await pause(15)
  },
  'pipelines and leaves after the first answer': async ({ socket, received }) => {
    socket.write(Array.from({ length: 5 }, () => get(pick(paths))).join(''))
    await received('HTTP/1.1 ')
  },
  'sends half a header': async ({ socket }) => {
    socket.write(get('/limited').slice(0, 20))
    await pause(5)
  },
  'sends half a body': async ({ socket }) => {
    socket.write(`POST /fast HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf`)
    await pause(10)
  },
  'says nothing': () => pause(5),
}
const kinds = Object.values(clients)

test('a storm leaks no permit, and every request is answered or aborted', async () => {
  let started = 0
  const worker = async (): Promise<void> => {
    while (started < CLIENTS) {
      const kind = kinds[started++ % kinds.length] as (wire: Wire) => Promise<void>
      const wire = await open(port)
      await kind(wire)
      wire.socket.destroy()
      identity(app)
      for (const limiter of app.concurrency.limiters) {
        expect(limiter.inFlight).toBeLessThanOrEqual(limiter.limit)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  await untilIdle({ app })
  const { requests, limiters } = app.concurrency.snapshot()
  expect(requests.answered).toBeGreaterThan(CLIENTS / 5)
  expect(requests.aborted).toBeGreaterThan(CLIENTS / 5)
  expect(limiters.map(({ name, admitted }) => [name, admitted > 0])).toEqual([
    ['app', true],
    ['GET /limited', true],
  ])
  // The permits are not only counted as back: they can be taken again.
  const again = await Promise.all([1, 2, 3, 4].map(() => app.inject('/limited')))
  expect(again.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200])
}, 120_000)
