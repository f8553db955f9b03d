/** How a request ended is what its limit learns; and what is held is given back at the right moment. */
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import sluice, { type LimitAlgorithm, type Sample } from '../../src/index.js'
import { untilIdle } from '../support/probe-app.js'
import { get, listen, send, until } from '../support/wire.js'

let app: FastifyInstance

afterEach(() => app.close())

const nap = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

describe('what a limit learns', () => {
  test.each([
    ['an answer', '/200', { dropped: false }],
    ['an error of the handler', '/500', { dropped: false }],
    ['a refusal downstream', '/503', { dropped: true }],
    ['a time-out downstream', '/504', { dropped: true }],
    ['nothing of bad input, which no handler saw', '/invalid', undefined],
    ['nothing of an unknown path', '/unknown', undefined],
    ['nothing of a client that left', '/left', undefined],
  ])('%s', async (_name, path, expected) => {
    const samples: Sample[] = []
    const limit: LimitAlgorithm = {
      limit: 5,
      onSample(sample) {
        samples.push(sample)
        return 5
      },
    }
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
    const wire = await send(await listen(app), get(path))
    if (path === '/left') await until(() => app.concurrency.snapshot().requests.active === 1)
    else await wire.received('HTTP/1.1 ')
    wire.socket.destroy()
    await untilIdle({ app })
    expect(samples).toEqual(
      expected === undefined ? [] : [expect.objectContaining({ ...expected, inFlight: 1 })],
    )
  })
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
  const [limiter] = app.concurrency.limiters as unknown as [import('../../src/index.js').Limiter]
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
  const limiter = app.concurrency.limiters[0] as import('../../src/index.js').Limiter
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

  test('a route before the plugin is counted by its pattern, and one that asks for a limit fails', async () => {
    app = fastify()
    app.get('/early', async () => '')
    app.get('/limited', { config: { concurrency: 1 } }, async () => '')
    await app.register(sluice)
    expect((await app.inject('/early')).statusCode).toBe(200)
    expect((await app.inject('/limited')).json()).toMatchObject({ code: 'SLUICE_OPTIONS' })
    expect(app.concurrency.snapshot().routes.map(({ route }) => route)).toEqual(['/early'])
  })
})
