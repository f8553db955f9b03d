/** Guarantee 8: bad options get a clear error at registration, and never silently a default. */
import { runInNewContext } from 'node:vm'
import { type FastifyInstance, fastify } from 'fastify'
import { describe, expect, test } from 'vitest'
import sluice, {
  AimdLimit,
  FixedLimit,
  type RouteConcurrency,
  type SluiceOptions,
} from '../../../src/sluice/index.js'

/** What it fails with, if it does. */
async function registering(
  options: unknown,
  declare: (app: FastifyInstance) => void = () => {},
): Promise<unknown> {
  const app = fastify()
  try {
    await app.register(sluice, options as object)
    declare(app)
    await app.ready()
    return undefined
  } catch (error) {
    return error
  } finally {
    await app.close()
  }
}

function routing(concurrency: unknown): Promise<unknown> {
  return registering({}, (app) => {
    app.get('/other', { config: { concurrency: { limit: 3, group: 'db' } } }, async () => '')
    app.get('/report', { config: { concurrency } as object }, async () => '')
  })
}

const nobody = (): string => ''

describe('app.register(sluice, options)', () => {
  test.each([
    [{ limit: 0 }, 'Option limit: got 0, takes an integer in 1..'],
    [
      { limit: '5' },
      `Option limit: got "5", takes an integer >= 1, 'auto', 'aimd', 'vegas' or 'gradient2',`,
    ],
    [
      { limit: { algorithm: 'tcp' } },
      `Option limit.algorithm: got "tcp", takes 'auto', 'aimd', 'vegas' or`,
    ],
    [{ limit: { algorithm: 'vegas', max: 0 } }, 'Option limit.max: got 0, takes an integer in 1..'],
    [{ limit: { initial: 5 } }, 'Option limit: got {"initial":5}, takes an integer >= 1,'],
    [{ limit: null }, 'Option limit: got null, takes'],
    [{ limits: 5 }, 'Option limits: got 5, takes no such name; limit, queue, shared, key,'],
    [{ queue: { size: 5 } }, 'Option queue: got {"size":5}, takes effect only beside limit'],
    [{ limit: 1, queue: 5 }, 'Option queue: got 5, takes a plain object'],
    [{ limit: 1, queue: { size: -1 } }, 'Option queue.size: got -1, takes an integer in 0..'],
    [{ limit: 1, queue: { sizes: 1 } }, 'Option queue.sizes: got 1, takes no such name; size,'],
    [{ limit: 1, queue: { order: 'random' } }, 'Option queue.order: got "random", takes'],
    [{ limit: 1, queue: { timeout: -5 } }, 'Option queue.timeout: got -5, takes milliseconds >= 0'],
    [{ pressure: 5 }, 'Option pressure: got 5, takes true, false, or an object of options'],
    [{ pressure: [] }, 'Option pressure: got an array of 0, takes true, false'],
    [{ pressure: { budget: 0 } }, 'Option pressure.budget: got 0, takes milliseconds > 0'],
    [{ pressure: { target: '5' } }, 'Option pressure.target: got "5", takes a number'],
    [
      { pressure: { interval: 5 } },
      'Option pressure.interval: got 5, takes milliseconds >= target, 50',
    ],
    [{ pressure: { size: -1 } }, 'Option pressure.size: got -1, takes an integer in 0..'],
    [{ pressure: { maxUtilization: 2 } }, 'Option pressure.maxUtilization: got 2, takes a number'],
    [{ pressure: { maxHeap: Number.NaN } }, 'Option pressure.maxHeap: got NaN, takes bytes > 0'],
    [{ pressure: { lag: 1 } }, 'Option pressure.lag: got 1, takes no such name; budget, target'],
    [{ timeout: 0 }, 'Option timeout: got 0, takes milliseconds > 0'],
    [{ timeout: '1s' }, 'Option timeout: got "1s", takes milliseconds > 0'],
    [{ releaseOn: 'end' }, `Option releaseOn: got "end", takes 'settled' or 'close'`],
    [{ hook: 'onSend' }, `Option hook: got "onSend", takes 'onRequest' or 'preHandler'`],
    [{ priority: 5 }, 'Option priority: got 5, takes a function'],
    [{ reject: 'no' }, 'Option reject: got "no", takes a function'],
    [{ exempt: '/x' }, 'Option exempt: got "/x", takes an array of route patterns'],
    [{ exempt: [/x/] }, "Option exempt: got RegExp, takes route patterns, which begin with '/'"],
    [{ exempt: ['health'] }, `Option exempt: got "health", takes route patterns, which begin`],
    [
      { key: 'ip' },
      'Option key: got "ip", takes { by, limit, queue, shared, maxKeys }, where by is a',
    ],
    [
      { key: nobody },
      'Option key: got function nobody, takes { by, limit, queue, shared, maxKeys }',
    ],
    [{ limit: 9, key: nobody }, 'Option key: got function nobody, takes { by, limit, queue,'],
    [{ key: { by: nobody } }, 'Option key.limit: got undefined, takes an integer >= 1, for each'],
    [{ key: { by: nobody, limit: 'vegas' } }, 'Option key.limit: got "vegas", takes an integer'],
    [{ key: { by: nobody, limit: new FixedLimit(2) } }, 'Option key.limit: got FixedLimit, takes'],
    [{ key: { limit: 1 } }, 'Option key.by: got undefined, takes a function of the request'],
    [{ key: { by: nobody, limit: 0 } }, 'Option key.limit: got 0, takes an integer in 1..'],
    [{ key: { by: nobody, limit: 1, maxKeys: 0 } }, 'Option key.maxKeys: got 0, takes an integer'],
    [{ key: { by: nobody, limit: 1, size: 1 } }, 'Option key.size: got 1, takes no such name;'],
  ])('%j', async (options, message) => {
    expect(await registering(options)).toMatchObject({
      code: 'SLUICE_OPTIONS',
      message: expect.stringContaining(message),
    })
  })

  test.each([
    ['prefix', '/api'],
    ['logLevel', 'error'],
    ['logSerializers', { req: () => '' }],
  ])(
    '%s, which has an effect only on a plugin that is a scope, is refused',
    async (name, value) => {
      expect(await registering({ limit: 1, [name]: value })).toMatchObject({
        code: 'SLUICE_OPTIONS',
        message: expect.stringMatching(
          `^Option ${name}: got .*, takes effect only on a plugin of your`,
        ),
      })
    },
  )

  class Options {
    size = 1
    limit = 1
    by = nobody
    algorithm = 'vegas'
  }

  test.each([
    [new Map([['limit', 1]]), 'Option options: got Map, takes a plain object'],
    [new Options(), 'Option options: got Options, takes a plain object'],
    [{ limit: new Options() }, 'Option limit: got Options, takes an integer >= 1,'],
    [{ limit: new Map() }, 'Option limit: got Map, takes an integer >= 1,'],
    [{ limit: 1, queue: new Map() }, 'Option queue: got Map, takes a plain object'],
    [{ limit: 1, queue: [] }, 'Option queue: got an array of 0, takes a plain object'],
    [{ limit: 1, queue: new Options() }, 'Option queue: got Options, takes a plain object'],
    [{ limit: 1, queue: { shares: new Map() } }, 'Option queue.shares: got Map, takes a plain'],
    [{ limit: 1, queue: { shares: [0.5] } }, 'Option queue.shares: got an array of 1, takes a'],
    [{ pressure: new Map() }, 'Option pressure: got Map, takes true, false, or an object of'],
    [{ pressure: new Date() }, 'Option pressure: got Date, takes true, false, or an object of'],
    [{ key: new Map() }, 'Option key: got Map, takes { by, limit, queue, shared, maxKeys }, where'],
    [
      { key: new Options() },
      'Option key: got Options, takes { by, limit, queue, shared, maxKeys },',
    ],
    [
      { key: { by: nobody, limit: 1, queue: new Map() } },
      'Option key.queue: got Map, takes a plain object',
    ],
    [{ reject: new Map() }, 'Option reject: got Map, takes a function'],
    [{ exempt: new Set(['/x']) }, 'Option exempt: got Set, takes an array of route patterns'],
  ])('never reads what is no plain object as if it said nothing: %o', async (options, message) => {
    expect(await registering(options)).toMatchObject({
      code: 'SLUICE_OPTIONS',
      message: expect.stringContaining(message),
    })
  })

  test('takes objects without a prototype, and those of another realm', async () => {
    const bare = Object.assign(Object.create(null), { size: 1 })
    expect(await registering({ limit: 1, queue: bare })).toBeUndefined()
    expect(await registering({ limit: 1, queue: runInNewContext('({ size: 1 })') })).toBeUndefined()
  })

  test('takes good ones', async () => {
    expect(await registering({})).toBeUndefined()
    expect(
      await registering({
        limit: new FixedLimit(2),
        queue: { size: 0, timeout: 0, order: 'adaptive' },
        key: { by: () => 'x', limit: 1, queue: { size: 1 }, maxKeys: 5 },
        priority: () => 0,
        timeout: Number.POSITIVE_INFINITY,
        releaseOn: 'close',
        reject: () => 'no',
        hook: 'preHandler',
        exempt: [],
      }),
    ).toBeUndefined()
  })
})

describe.each([
  ['an error', new Error('boom'), 'Error: boom'],
  [
    'one that looks like ours',
    new RangeError('n: got 1, takes 2'),
    'RangeError: n: got 1, takes 2',
  ],
  ['no error', 'boom', '"boom"'],
  ['nothing', undefined, 'undefined'],
])('an algorithm whose limit throws %s', (_, cause, words) => {
  const limit = {
    get limit(): number {
      throw cause
    },
    onSample: () => 1,
  }
  test.each([
    ['limit', (): unknown => registering({ limit })],
    ['GET /report: config.concurrency.limit', (): unknown => routing({ limit })],
  ])('is refused as %s, with what it threw as the cause', async (option, register) => {
    const error = await register()
    expect(error).toMatchObject({
      code: 'SLUICE_OPTIONS',
      message: `Option ${option}: got one that throws ${words}, takes one that does not`,
    })
    expect((error as Error).cause).toBe(cause)
  })
})

test('one algorithm for two routes is refused: it would find a limit for neither', async () => {
  const app = fastify()
  await app.register(sluice)
  const limit = new AimdLimit()
  app.get('/a', { config: { concurrency: { limit } } }, async () => '')
  const second = { config: { concurrency: { limit } } }
  expect(() => app.get('/b', second, async () => '')).toThrow(
    'Option GET /b: config.concurrency.limit: got AimdLimit, which another limiter has, takes an',
  )
  await app.close()
})

describe('config.concurrency', () => {
  test.each([
    [0, 'GET /report: config.concurrency.limit: got 0, takes an integer in 1..'],
    ['2', 'GET /report: config.concurrency.limit: got "2", takes an integer >= 1,'],
    [
      { limit: { algorithm: 'aimd', min: 5, max: 2 } },
      'config.concurrency.limit.min: got 5, takes',
    ],
    [null, 'GET /report: config.concurrency: got null, takes an integer >= 1'],
    [true, 'GET /report: config.concurrency: got true, takes an integer >= 1'],
    [{ limit: 1.5 }, 'GET /report: config.concurrency.limit: got 1.5, takes'],
    [{ limt: 1 }, 'GET /report: config.concurrency.limt: got 1, takes no such name; limit, queue'],
    [
      { queue: {} },
      'GET /report: config.concurrency.queue: got {}, takes effect only beside limit',
    ],
    [{ limit: 1, queue: { size: 'x' } }, 'GET /report: config.concurrency.queue.size: got "x"'],
    [{ limit: 1, group: '' }, 'GET /report: config.concurrency.group: got "", takes a name'],
    [{ group: 'none' }, 'GET /report: config.concurrency.group: got "none", takes a group that'],
    [{ group: 'db', limit: 4 }, `config.concurrency.limit: got 4, takes what group 'db' has`],
    [{ timeout: -1 }, 'GET /report: config.concurrency.timeout: got -1, takes milliseconds'],
    [{ releaseOn: 1 }, 'GET /report: config.concurrency.releaseOn: got 1, takes'],
    [{ priority: 1 }, 'GET /report: config.concurrency.priority: got 1, takes a function'],
    [new Map([['limit', 1]]), 'GET /report: config.concurrency: got Map, takes an integer >= 1'],
    [[5], 'GET /report: config.concurrency: got an array of 1, takes an integer >= 1'],
    [new Number(5), 'GET /report: config.concurrency: got Number, takes an integer >= 1'],
    [{ limit: 1, queue: new Map() }, 'config.concurrency.queue: got Map, takes a plain object'],
  ])('%j', async (concurrency, message) => {
    expect(await routing(concurrency)).toMatchObject({
      code: 'SLUICE_OPTIONS',
      message: expect.stringContaining(message),
    })
  })

  test('takes good ones', async () => {
    for (const good of [
      1,
      false,
      { limit: 1 },
      { group: 'db' },
      { group: 'db', limit: 3 },
      { timeout: 5 },
      'vegas',
      { limit: { algorithm: 'gradient2', initial: 5, max: 50 }, queue: { size: 1 } },
    ]) {
      expect(await routing(good)).toBeUndefined()
    }
  })
})

describe('queue.shares without any priority are refused: all work would be of one', () => {
  const shares = { 0: 0.2 }
  const priority = (): number => 1

  const route = (concurrency: RouteConcurrency) => (app: FastifyInstance) => {
    app.get('/a', { config: { concurrency } }, async () => '')
  }

  test.each<[SluiceOptions, string, ((app: FastifyInstance) => void)?]>([
    [{ limit: 1, queue: { shares } }, 'queue.shares'],
    [{ key: { by: nobody, limit: 1, queue: { shares } } }, 'key.queue.shares'],
    [{}, 'GET /a: config.concurrency.queue.shares', route({ limit: 1, queue: { shares } })],
    [
      {},
      'GET /a: config.concurrency.queue.shares',
      (app) => {
        route({ limit: 1, queue: { shares } })(app)
        app.get('/b', { config: { concurrency: { priority } } }, async () => '')
      },
    ],
    [{ limit: 1, queue: { shares } }, 'queue.shares', (app) => app.get('/metrics', async () => '')],
  ])('%j', async (options, name, declare) => {
    expect(await registering(options, declare)).toMatchObject({
      code: 'SLUICE_OPTIONS',
      message: `Option ${name}: got {"0":0.2}, takes effect only beside priority`,
    })
  })

  test('the option, the route itself, or any route of the app or group will do', async () => {
    const queue = { shares }
    const one = { limit: 1, queue }
    expect(await registering({ ...one, priority })).toBeUndefined()
    expect(await registering({ key: { by: nobody, ...one }, priority })).toBeUndefined()
    expect(await registering({ priority }, route(one))).toBeUndefined()
    expect(await registering({}, route({ ...one, priority }))).toBeUndefined()
    expect(await registering(one, route({ priority }))).toBeUndefined()
    expect(await registering({ key: { by: nobody, ...one } }, route({ priority }))).toBeUndefined()
    const group = (app: FastifyInstance): void => {
      route({ ...one, group: 'g' })(app)
      app.get('/b', { config: { concurrency: { group: 'g', priority } } }, async () => '')
    }
    expect(await registering({}, group)).toBeUndefined()
  })
})

test('options of a route that is exempt are refused: nothing would heed them', async () => {
  const app = fastify()
  await app.register(sluice)
  const declare = (concurrency: number | false) => () =>
    app.get('/metrics', { config: { concurrency } }, async () => '')
  expect(declare(2)).toThrow(
    'Option GET /metrics: config.concurrency: got 2, takes effect only where the route is not exempt',
  )
  expect(declare(false)).not.toThrow()
  await app.close()
})
