/** The README's table of where to register, beside the real plugins. */
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import session, { type FastifySessionOptions } from '@fastify/session'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import sluice, { type SluiceOptions } from '../../../src/sluice/index.js'
import { type Deferred, deferred, turns } from '../../support/deferred.js'
import { untilIdle } from '../../support/probe-app.js'
import { until } from '../../support/wire.js'

let app: FastifyInstance
let gate: Deferred<void>

beforeEach(() => {
  app = fastify()
  gate = deferred()
})

afterEach(async () => {
  gate.resolve()
  await app.close()
})

/** Registers the plugin before or after what `neighbour` registers, and a route that waits. */
async function build(
  order: 'first' | 'last',
  neighbour: () => Promise<unknown>,
  options: SluiceOptions = {},
): Promise<void> {
  const own = () => app.register(sluice, { limit: 1, queue: { size: 0 }, ...options })
  if (order === 'first') await own()
  await neighbour()
  if (order === 'last') await own()
  app.get('/', async () => {
    await gate.promise
    return 'ok'
  })
  await app.ready()
}

/** The answer while the one place is taken. */
async function askWhileFull(headers: Record<string, string> = {}) {
  const held = app.inject({ url: '/', headers }).then()
  await turns(16)
  const response = await app.inject({ url: '/', headers })
  gate.resolve()
  expect((await held).statusCode).toBe(200)
  return response
}

describe('@fastify/cors', () => {
  const neighbour = async () =>
    app.register(cors, { origin: true, exposedHeaders: ['Retry-After'] })
  const headers = { origin: 'http://page.example' }

  test('before it: a page reads the status and Retry-After of a refusal', async () => {
    await build('last', neighbour)
    const refused = await askWhileFull(headers)
    expect([refused.statusCode, refused.headers]).toMatchObject([
      503,
      {
        'access-control-allow-origin': 'http://page.example',
        'access-control-expose-headers': 'Retry-After',
        'retry-after': expect.stringMatching(/^\d+$/),
      },
    ])
  })

  test('before it: preflights are answered however full it is, and not counted', async () => {
    await build('last', neighbour)
    const held = app.inject('/').then()
    await turns(16)
    const preflight = { ...headers, 'access-control-request-method': 'PUT' }
    const { statusCode } = await app.inject({ method: 'OPTIONS', url: '/', headers: preflight })
    expect([statusCode, app.concurrency.snapshot().requests.total]).toEqual([204, 1])
    gate.resolve()
    await held
  })

  test('after it: a refusal has no header by which a page might read it', async () => {
    await build('first', neighbour)
    const refused = await askWhileFull(headers)
    expect(refused.statusCode).toBe(503)
    expect(Object.keys(refused.headers).filter((name) => /^access-control/.test(name))).toEqual([])
  })
})

describe('@fastify/session', () => {
  const calls: string[] = []
  const sessions = new Map<string, never>()
  const store: FastifySessionOptions['store'] & object = {
    get(id, done) {
      calls.push('get')
      setImmediate(done, null, sessions.get(id) ?? null)
    },
    set(id, value, done) {
      calls.push('set')
      sessions.set(id, value as never)
      setImmediate(done)
    },
    destroy(_id, done) {
      setImmediate(done)
    },
  }
  const neighbour = async (): Promise<void> => {
    await app.register(cookie)
    await app.register(session, { secret: 's'.repeat(32), store, cookie: { secure: false } })
  }

  /** What the store is asked for a refused request of a known session. */
  async function askedFor(order: 'first' | 'last', options?: SluiceOptions): Promise<string[]> {
    await build(order, neighbour, options)
    gate.resolve()
    const [known] = (await app.inject('/')).cookies as { name: string; value: string }[]
    await untilIdle({ app })
    gate = deferred()
    const held = app.inject('/').then()
    await until(() => app.concurrency.limiters[0]?.inFlight === 1)
    calls.length = 0
    const cookies = { [known?.name ?? '']: known?.value ?? '' }
    expect((await app.inject({ url: '/', cookies })).statusCode).toBe(503)
    const asked = [...calls]
    gate.resolve()
    await held
    return asked
  }

  test('after it: a refusal does not ask the store', async () => {
    expect(await askedFor('first')).toEqual([])
  })

  test('before it, or with hook preHandler: a refusal reads and writes its session', async () => {
    expect(await askedFor('last')).toEqual(['get', 'set'])
    await app.close()
    app = fastify()
    expect(await askedFor('first', { hook: 'preHandler' })).toEqual(['get', 'set'])
  })

  test.each<['first' | 'last', SluiceOptions['hook'], boolean]>([
    ['last', 'onRequest', true],
    ['first', 'preHandler', true],
    ['first', 'onRequest', false],
  ])('%s, hook %s: key knows the session: %s', async (order, hook, expected) => {
    let known: boolean | undefined
    const by = (request: object): string => {
      known = (request as { session?: { sessionId?: string } }).session?.sessionId !== undefined
      return 'somebody'
    }
    await build(order, neighbour, { hook, key: { by, limit: 1 } })
    gate.resolve()
    await app.inject('/')
    expect(known).toBe(expected)
  })
})

describe('@fastify/rate-limit', () => {
  const limits = { max: 1, timeWindow: 60_000 }
  const neighbour = async () => app.register(rateLimit, limits)
  const admitted = () => app.concurrency.limiters[0]?.snapshot().admitted

  test.each(['first', 'last'] as const)(
    'registered %s: its limits are hooks of the routes, so that a caller beyond its rate takes a permit for its 429',
    async (order) => {
      await build(order, neighbour)
      expect((await askWhileFull()).statusCode).toBe(503)
      await untilIdle({ app })
      expect([(await app.inject('/')).statusCode, admitted()]).toEqual([429, 2])
    },
  )

  test('with hook preHandler, or as a hook before the plugin, it comes first', async () => {
    await build('last', neighbour, { hook: 'preHandler' })
    expect([(await askWhileFull()).statusCode, admitted()]).toEqual([429, 1])
    await app.close()
    app = fastify()
    gate = deferred()
    await build('last', async () => {
      await app.register(rateLimit, { ...limits, global: false })
      app.addHook('onRequest', app.rateLimit())
    })
    expect([(await askWhileFull()).statusCode, admitted()]).toEqual([429, 1])
  })
})
