import { setImmediate as turn } from 'node:timers/promises'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import sluice, {
  type LimitAlgorithm,
  type Sample,
  type SluiceOptions,
} from '../../../src/sluice/index.js'

let app: FastifyInstance

afterEach(() => app.close())

async function create(options: SluiceOptions): Promise<FastifyInstance> {
  app = fastify()
  await app.register(sluice, options)
  return app
}

/** Keeps the loop busy, as computing does. */
function compute(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

describe('what the process itself says', () => {
  test('a heap beyond its bound refuses all but the exempt, and says so', async () => {
    await create({ pressure: { maxHeap: 1 } })
    app.get('/work', async () => 'done')
    app.get('/health/live', async () => 'live')
    const refused = await app.inject('/work')
    expect(refused.statusCode).toBe(503)
    expect(refused.json()).toMatchObject({ code: 'SLUICE_PRESSURE', status: 503 })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect((await app.inject('/health/live')).body).toBe('live')
    const [loop] = app.concurrency.snapshot().limiters
    expect(loop).toMatchObject({ name: 'event-loop', admitted: 0, rejected: { pressure: 1 } })
    expect(await app.concurrency.registry.metrics()).toContain(
      'concurrency_rejected_total{limiter="event-loop",reason="pressure"} 1',
    )
  })

  test('a loop that was busier than allowed refuses, until it is not', async () => {
    await create({ pressure: { maxUtilization: 0.5 } })
    app.get('/work', async () => 'done')
    await app.ready()
    const loop = (app.concurrency as unknown as { eventLoop: { utilization: number } }).eventLoop
    loop.utilization = 0.6
    expect((await app.inject('/work')).statusCode).toBe(503)
    loop.utilization = 0.4
    expect((await app.inject('/work')).statusCode).toBe(200)
  })
})

test('the wait for the loop is part of a sample, so that limits see what is CPU-bound', async () => {
  const samples: Sample[] = []
  const watching: LimitAlgorithm = {
    limit: 10,
    onSample: (sample) => {
      samples.push(sample)
      return 10
    },
  }
  await create({ limit: watching, pressure: true })
  app.get('/work', async () => {
    compute(20)
    return 'done'
  })
  await app.ready()
  const answers = await Promise.all([app.inject('/work'), app.inject('/work'), app.inject('/work')])
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200])
  // They ran one after the other, each in a turn of its own.
  const [first = 0, second = 0, third = 0] = samples.map(({ rtt }) => rtt)
  expect(first).toBeGreaterThanOrEqual(20)
  expect(second).toBeGreaterThanOrEqual(40)
  expect(third).toBeGreaterThanOrEqual(60)
})

test('behind a limit for each key the loop comes last, and holds nothing back', async () => {
  await create({
    pressure: true,
    key: { by: ({ headers }) => String(headers.caller), limit: 1, queue: { size: 0 } },
  })
  app.get('/work', async () => {
    await turn()
    return 'done'
  })
  await app.ready()
  const ask = (caller: string) => app.inject({ url: '/work', headers: { caller } })
  const answers = await Promise.all([ask('a'), ask('a'), ask('b')])
  expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 200, 503])
  const { limiters } = app.concurrency.snapshot()
  expect(limiters.map(({ name, inFlight }) => [name, inFlight])).toEqual([
    ['key', 0],
    ['event-loop', 0],
  ])
})
