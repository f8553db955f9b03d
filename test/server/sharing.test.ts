/** STORE_URL: one LIMIT over several servers. */
import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import { buildApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { hasServer, startRedis } from '../support/redis-server.js'
import { until } from '../support/wire.js'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** Milliseconds; a store that is new grants nothing for as long. */
const LONG = '4000'
const URL_WITH_SECRET = 'redis://me:hush-hush@127.0.0.1:1'

describe.skipIf(!hasServer)('servers with one store', () => {
  async function serve(url: string, env: Record<string, string> = {}): Promise<FastifyInstance> {
    const config = readConfig({ LIMIT: '3', STORE_URL: url, SHARED_LEASE_MS: '1000', ...env })
    const app = await buildApp({ ...config, TIME_SCALE: 0.1 })
    ends.push(() => app.close())
    const state = () => app.concurrency.snapshot().limiters[0]?.state
    await until(
      () => state() === 'joined',
      () => `${state()}`,
    )
    return app
  }

  test('never more in flight over all of them than LIMIT, and all are answered', async () => {
    const store = await startRedis()
    ends.push(() => store.kill())
    const apps = await Promise.all([serve(store.url), serve(store.url)])
    const inFlight = () =>
      apps.reduce((sum, app) => sum + (app.concurrency.snapshot().limiters[0]?.inFlight ?? 0), 0)
    const seen: number[] = []
    const looking = setInterval(() => seen.push(inFlight()), 5)
    ends.push(() => clearInterval(looking))
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) => (apps[at % 2] as FastifyInstance).inject('/slow')),
    )
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(12).fill(200))
    expect(Math.max(...seen)).toBe(3)
    expect(apps[0]?.concurrency.snapshot().limiters[0]).toMatchObject({
      ...{ sharedLimit: 3, members: 2, state: 'joined' },
    })
  })

  test('one that closes gives back what it holds, at once', async () => {
    const store = await startRedis()
    ends.push(() => store.kill())
    const first = await serve(store.url, { SHARED_LEASE_MS: LONG })
    expect((await first.inject('/fast')).statusCode).toBe(200)
    const second = await serve(store.url, { SHARED_LEASE_MS: LONG })
    const from = performance.now()
    await first.close()
    const answers = await Promise.all([1, 2, 3].map(() => second.inject('/slow')))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200])
    expect(performance.now() - from).toBeLessThan(Number(LONG))
    expect(second.concurrency.snapshot().limiters[0]).toMatchObject({ share: 3, members: 1 })
  })
})

test('without the store nothing is let in, what looks on is, and the end comes soon', async () => {
  const app = await buildApp({ ...readConfig({ LIMIT: '3', STORE_URL: URL_WITH_SECRET }) })
  ends.push(() => app.close())
  await until(
    () => app.concurrency.snapshot().limiters[0]?.state === 'lost',
    () => 'the store is not lost',
  )
  const [refused, ready] = await Promise.all(
    ['/fast', '/health/ready'].map((path) => app.inject(path)),
  )
  expect(refused?.statusCode).toBe(503)
  expect(refused?.json()).toMatchObject({ code: 'SLUICE_STORE' })
  expect(ready?.statusCode).toBe(200)
})

test.each([
  [{ STORE_URL: URL_WITH_SECRET }, 'STORE_URL'],
  [{ STORE_URL: URL_WITH_SECRET, LIMIT: 'auto' }, 'STORE_URL'],
  [{ STORE_URL: 'http://me:hush-hush@example.org', LIMIT: '3' }, 'STORE_URL'],
  [{ SHARED_MODE: 'loans' }, 'SHARED_MODE'],
  [{ SHARED_FALLBACK: '0', WORKERS: '2' }, 'SHARED_FALLBACK'],
  [{ SHARED_LEASE_MS: '99', WORKERS: '2' }, 'SHARED_LEASE_MS'],
  [{ SHARED_NAME: 'a b', WORKERS: '2' }, 'SHARED_NAME'],
])('%j is refused by name, and no message has the password', (env, name) => {
  let message = ''
  try {
    readConfig(env as Record<string, string>)
  } catch (error) {
    message = (error as Error).message
  }
  expect(message).toMatch(new RegExp(`^${name}: got `, 'm'))
  expect(message).not.toMatch(/hush/)
})
