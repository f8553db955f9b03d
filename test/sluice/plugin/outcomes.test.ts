/** How a request ended is what its limit learns; and what is held is given back at the right moment. */
import { Readable } from 'node:stream'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import sluice, {
  type LimitAlgorithm,
  type Limiter,
  type Sample,
} from '../../../src/sluice/index.js'
import { type FakeClock, stopPerformanceClock } from '../../support/clock.js'
import { turns } from '../../support/deferred.js'
import { untilIdle } from '../../support/probe-app.js'
import { get, listen, send, until } from '../../support/wire.js'

let app: FastifyInstance
let clock: FakeClock

beforeEach(() => {
  clock = stopPerformanceClock()
})

afterEach(async () => {
  vi.restoreAllMocks()
  await app.close()
})

/** Work that takes 5 ms. */
async function nap(): Promise<void> {
  clock.advance(5)
  await turns(1)
}

/** Keeps what it is told. */
class Pupil implements LimitAlgorithm {
  readonly limit = 5
  readonly samples: Sample[] = []
  onSample(sample: Sample): number {
    this.samples.push(sample)
    return this.limit
  }
}

describe('what a limit learns', () => {
  test.each([
    ['an answer', '/200', { dropped: false }],
    ['nothing of an error of the handler', '/500', undefined],
    ['a refusal downstream', '/503', { dropped: true }],
    ['a time-out downstream', '/504', { dropped: true }],
    ['nothing of bad input, which no handler saw', '/invalid', undefined],
    ['nothing of an unknown path', '/unknown', undefined],
    ['nothing of a client that left', '/left', undefined],
    ['nothing of a body that streams for long', '/stream/50', undefined],
    ['a stream that is sent at once', '/stream/0', { dropped: false }],
    ['nothing of a hijacked response', '/hijack', undefined],
  ])('%s', async (_name, path, expected) => {
    const limit = new Pupil()
    app = fastify()
    await app.register(sluice, { limit })
    for (const status of [200, 500, 503, 504]) {
      app.get(`/${status}`, async (_request, reply) => {
        await nap()
        return reply.code(status).send('')
      })
    }
    const schema = { querystring: { type: 'object', required: ['n'] } }
    app.get('/invalid', { schema }, async () => '')
    app.get('/left', async ({ concurrency: { signal } }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    })
    app.get<{ Params: { ms: number } }>('/stream/:ms', async ({ params: { ms } }, reply) => {
      await nap()
      return reply.send(Readable.from(parts(Number(ms))))
    })
    app.get('/hijack', async (_request, { raw }) => {
      await nap()
      raw.end('mine')
    })
    const wire = await send(await listen(app), get(path))
    if (path === '/left') await until(() => app.concurrency.snapshot().requests.active === 1)
    else await wire.received(path.startsWith('/stream') ? '0\r\n\r\n' : 'HTTP/1.1 ')
    wire.socket.destroy()
    await untilIdle({ app })
    expect(limit.samples).toEqual(
      expected === undefined ? [] : [expect.objectContaining({ ...expected, inFlight: 1 })],
    )
  })

  test.each([
    ['an error of the handler', '/500', 'failed'],
    ['a client that left', '/left', 'censored'],
  ])('%s, where it asks for losses', async (_name, path, how) => {
    const limit = Object.assign(new Pupil(), { learnsFromLosses: true })
    app = fastify()
    await app.register(sluice, { limit })
    app.get('/500', async (_request, reply) => {
      await nap()
      return reply.code(500).send('')
    })
    app.get('/left', async ({ concurrency: { signal } }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await nap()
    })
    const wire = await send(await listen(app), get(path))
    if (path === '/left') await until(() => app.concurrency.snapshot().requests.active === 1)
    else await wire.received('HTTP/1.1 ')
    wire.socket.destroy()
    await untilIdle({ app })
    await until(() => limit.samples.length > 0)
    expect(limit.samples).toEqual([expect.objectContaining({ dropped: false, [how]: true })])
  })

  test('nothing of how long a client takes to send its body', async () => {
    const limit = new Pupil()
    app = fastify()
    await app.register(sluice, { limit })
    app.post('/', async () => {
      await nap()
      return 'ok'
    })
    const head =
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n'
    const wire = await send(await listen(app), `${head}a`)
    await until(() => app.concurrency.snapshot().limiters[0]?.inFlight === 1)
    clock.advance(100)
    wire.socket.write('b')
    await wire.received('200 OK')
    wire.socket.destroy()
    await untilIdle({ app })
    expect(limit.samples.map(({ rtt }) => rtt)).toEqual([5])
  })

  test('nothing of a wait for a wider limit, and to grow no more by it', async () => {
    const limit = new Pupil()
    app = fastify()
    await app.register(sluice, { limit: 1 })
    app.get('/', { config: { concurrency: { limit } } }, async () => {
      await nap()
      return ''
    })
    await app.ready()
    const held = (app.concurrency.limiters[0] as Limiter).tryAcquire()
    const answers = [app.inject('/').then(), app.inject('/').then()]
    await until(() => app.concurrency.limiters[0]?.queued === 2)
    clock.advance(100)
    held?.ignore()
    await Promise.all(answers)
    await untilIdle({ app })
    expect(limit.samples.map(({ inFlight }) => inFlight)).toEqual([1, 1])
    expect(limit.samples.map(({ rtt }) => rtt)).toEqual([5, 5])
  })

  test('how many were in flight, also of what waited for something narrower or the loop before', async () => {
    const limit = new Pupil()
    app = fastify()
    await app.register(sluice, { limit: 100, pressure: true })
    app.get('/busy', async () => {
      clock.advance(15)
      return ''
    })
    app.get('/', { config: { concurrency: { limit } } }, async () => {
      await nap()
      return ''
    })
    await app.ready()
    const calls = ['/busy', '/', '/', '/', '/'].map((url) => app.inject(url).then())
    const loop = app.concurrency.limiters.find(({ name }) => name === 'event-loop')
    await until(() => loop?.queued === 4)
    await Promise.all(calls)
    await untilIdle({ app })
    expect(limit.samples.map(({ inFlight }) => inFlight)).toEqual([1, 2, 3, 4])
  })
})

async function* parts(ms: number): AsyncGenerator<string> {
  yield 'head'
  await turns(1)
  clock.advance(ms)
  yield 'tail'
}

test('a request that could not be answered before its deadline any more is not started', async () => {
  app = fastify()
  await app.register(sluice, { limit: 1, timeout: 1000 })
  let started = 0
  app.get('/', async () => {
    started++
    clock.advance(20)
    return ''
  })
  await app.ready()
  const [limiter] = app.concurrency.limiters as [Limiter]
  // Eleven in a line: that of the first is no run that was timed.
  const line = await Promise.all(Array.from({ length: 11 }, () => app.inject('/')))
  expect(line.map(({ statusCode }) => statusCode)).toEqual(Array(11).fill(200))
  await untilIdle({ app })
  const held = limiter.tryAcquire()
  const answer = app.inject('/').then((response) => response)
  await until(() => limiter.queued === 1)
  clock.advance(985)
  held?.ignore()
  expect((await answer).json()).toMatchObject({ status: 503, code: 'SLUICE_DEADLINE' })
  expect([started, limiter.snapshot().rejected.deadline]).toEqual([11, 1])
})

test("a grant and the client's leaving in one tick: the permit is not lost", async () => {
  app = fastify()
  let close = (): void => {}
  app.addHook('onRequest', (_request, reply, done) => {
    close = () => reply.raw.emit('close')
    done()
  })
  await app.register(sluice, { limit: 1 })
  let handled = 0
  app.get('/', async () => {
    handled++
    return ''
  })
  const [limiter] = app.concurrency.limiters as unknown as [Limiter]
  const held = limiter.tryAcquire()
  app.inject('/').catch(() => {})
  await until(() => limiter.queued === 1)
  held?.ignore()
  close()
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect([limiter.inFlight, limiter.queued, handled]).toEqual([0, 0, 0])
})

test('who is refused by a wide scope has given back the narrow one before the reply', async () => {
  let inFlight = -1
  app = fastify()
  await app.register(sluice, {
    limit: 1,
    queue: { size: 0 },
    reject: () => {
      inFlight = app.concurrency.limiters.find(({ name }) => name === 'GET /')?.inFlight ?? -1
      return 'no'
    },
  })
  app.get('/', { config: { concurrency: 5 } }, async () => '')
  const limiter = app.concurrency.limiters[0] as Limiter
  const held = limiter.tryAcquire()
  expect((await app.inject('/')).statusCode).toBe(503)
  expect(inFlight).toBe(0)
  held?.ignore()
})

describe('one route, one limiter', () => {
  test('HEAD shares it with its GET: among other methods, in a prefix, and with any config object', async () => {
    app = fastify()
    app.addHook('onRoute', (route) => {
      route.config = { ...route.config }
    })
    await app.register(sluice)
    const options = { config: { concurrency: 1 } }
    app.route({ method: ['GET', 'POST'], url: '/both', ...options, handler: async () => '' })
    app.register(async (scope) => void scope.get('/', options, async () => ''), { prefix: '/p' })
    await app.ready()
    expect(app.concurrency.limiters.map(({ name }) => name)).toEqual(['GET,POST /both', 'GET /p'])
  })

  test('routes that differ by constraints have limiters and series of their own', async () => {
    app = fastify()
    await app.register(sluice)
    for (const version of ['1.0.0', '2.0.0']) {
      const options = { config: { concurrency: 1 }, constraints: { version } }
      app.get('/x', options, async () => version)
    }
    await app.ready()
    expect(app.concurrency.limiters.map(({ name }) => name)).toEqual([
      'GET /x version=1.0.0',
      'GET /x version=2.0.0',
    ])
  })

  test('a route before the plugin is counted by its pattern', async () => {
    app = fastify()
    app.get('/early', async () => '')
    await app.register(sluice)
    expect((await app.inject('/early')).statusCode).toBe(200)
    expect(app.concurrency.snapshot().routes.map(({ route }) => route)).toEqual(['/early'])
  })
})
