/** Whom a limit bounds: the app, a route, a group of routes, each caller; and whom it never does. */
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import sluice, { type RouteConcurrency, type SluiceOptions } from '../../../src/sluice/index.js'
import { type Deferred, deferred, turns } from '../../support/deferred.js'
import { until } from '../../support/wire.js'

let app: FastifyInstance
/** Each request waits in its handler, by its URL, until it is let go. */
let gates: Map<string, Deferred<void>>
let order: string[]

async function build(options: SluiceOptions, routes: Record<string, RouteConcurrency | undefined>) {
  app = fastify()
  await app.register(sluice, options)
  for (const [url, concurrency] of Object.entries(routes)) {
    app.get(url, concurrency === undefined ? {} : { config: { concurrency } }, async (request) => {
      order.push(request.url)
      const gate = deferred()
      gates.set(request.url, gate)
      await gate.promise
      return request.url
    })
  }
  await app.ready()
}

beforeEach(() => {
  gates = new Map()
  order = []
})

afterEach(async () => {
  // Whoever is let go lets the next one in.
  const closed = app.close()
  for (let round = 0; round < 10; round++) {
    for (const gate of gates.values()) gate.resolve()
    await turns(8)
  }
  await closed
})

/** Asks and lets it come as far as it comes. */
async function ask(url: string, headers: Record<string, string> = {}) {
  const response = app.inject({ url, headers })
  response.catch(() => {})
  await turns(8)
  return response
}

/** Asks without waiting for the answer. */
async function start(...urls: string[]): Promise<void> {
  for (const url of urls) {
    app.inject(url).catch(() => {})
    await turns(8)
  }
}

async function letGo(url: string): Promise<void> {
  gates.get(url)?.resolve()
  await turns(8)
}

const limiter = (name: string) => {
  const found = app.concurrency.limiters.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no limiter ${name}`)
  return found
}

describe('guarantee 1: in flight never exceeds the limit, in any scope', () => {
  test("the app's limit counts all routes, unknown ones included", async () => {
    await build({ limit: 2 }, { '/a': undefined, '/b': undefined })
    await start('/a', '/b', '/a?2')
    expect([order, limiter('app').inFlight, limiter('app').queued]).toEqual([['/a', '/b'], 2, 1])
    const unknown = app.inject('/unknown')
    await turns(8)
    expect(limiter('app').queued).toBe(2)
    await letGo('/a')
    await letGo('/a?2')
    expect((await unknown).statusCode).toBe(404)
  })

  test('routes of one group share a limit, by name', async () => {
    await build({}, { '/a': { limit: 1, group: 'db' }, '/b': { group: 'db' }, '/c': 1 })
    await start('/a', '/b', '/c')
    expect(order).toEqual(['/a', '/c'])
    expect(app.concurrency.limiters.map(({ name }) => name)).toEqual(['db', 'GET /c'])
    await letGo('/a')
    expect(order).toEqual(['/a', '/c', '/b'])
  })

  test("scopes are taken narrowest first: nobody holds the app's token while waiting for a route", async () => {
    await build({ limit: 2 }, { '/narrow': 1, '/wide': undefined })
    await start('/narrow', '/narrow?2', '/wide')
    expect(order).toEqual(['/narrow', '/wide'])
    expect([limiter('app').inFlight, limiter('GET /narrow').queued]).toEqual([2, 1])
  })
})

describe('keys', () => {
  const key = (request: { headers: Record<string, unknown> }): string =>
    String(request.headers.user)

  test('each caller is bounded apart', async () => {
    await build({ key: { by: key, limit: 1 } }, { '/:n': undefined })
    const calls: [string, string][] = [
      ['/1', 'ann'],
      ['/2', 'ann'],
      ['/3', 'bob'],
    ]
    for (const [url, user] of calls) {
      app.inject({ url, headers: { user } }).catch(() => {})
      await turns(8)
    }
    expect(order).toEqual(['/1', '/3'])
    expect([limiter('key').inFlight, limiter('key').queued, limiter('key').limit]).toEqual([
      2, 1, 2,
    ])
    await letGo('/1')
    expect(order).toEqual(['/1', '/3', '/2'])
  })

  test('beside the limit of the app and of the route', async () => {
    await build({ limit: 3, key: { by: key, limit: 1 } }, { '/a/:n': 2 })
    for (const [url, user] of [
      ['/a/1', 'ann'],
      ['/a/2', 'bob'],
      ['/a/3', 'cid'],
      ['/a/4', 'ann'],
    ]) {
      app.inject({ url: url as string, headers: { user: user as string } }).catch(() => {})
      await turns(8)
    }
    expect(order).toEqual(['/a/1', '/a/2'])
    expect([limiter('key').queued, limiter('GET /a/:n').queued, limiter('app').inFlight]).toEqual([
      1, 1, 2,
    ])
    for (const url of ['/a/1', '/a/2', '/a/3', '/a/4']) await letGo(url)
    await turns(8)
    expect([limiter('key').inFlight, limiter('app').inFlight]).toEqual([0, 0])
  })

  test('the table is bounded: idle callers leave first, and a new one is refused while all are busy', async () => {
    await build({ key: { by: key, limit: 1, maxKeys: 2 } }, { '/:n': undefined })
    const call = (url: string, user: string) => app.inject({ url, headers: { user } })
    call('/1', 'ann').catch(() => {})
    call('/2', 'bob').catch(() => {})
    await turns(8)
    const third = await call('/3', 'cid')
    expect([third.statusCode, third.json().code]).toEqual([503, 'SLUICE_QUEUE_FULL'])
    expect(limiter('key').snapshot().rejected.queue_full).toBe(1)
    await letGo('/1')
    call('/4', 'cid').catch(() => {})
    await turns(8)
    expect(order).toEqual(['/1', '/2', '/4'])
  })

  test('guarantee 1: a caller keeps its place while a request of its waits for the event loop', async () => {
    app = fastify()
    const options = { pressure: true, key: { by: key, limit: 1, maxKeys: 1 } }
    await app.register(sluice, options)
    app.get('/busy', async () => {
      const end = performance.now() + 15
      while (performance.now() < end);
      return ''
    })
    app.get('/held', async () => {
      const gate = deferred()
      gates.set('/held', gate)
      await gate.promise
      return ''
    })
    await app.ready()
    const call = (url: string, user: string) => app.inject({ url, headers: { user } })
    const calls = [call('/busy', 'ann'), call('/held', 'ann')].map((response) => response.then())
    await calls[0]
    await until(() => gates.has('/held'))
    expect(limiter('key').inFlight).toBe(1)
    expect((await call('/busy', 'bob')).statusCode).toBe(503)
    gates.get('/held')?.resolve()
    await calls[1]
    await turns(8)
    expect(limiter('key').inFlight).toBe(0)
    expect((await call('/busy', 'bob')).statusCode).toBe(200)
  })

  test('without any other limit, what a drain or a deadline refuses is in the counts of keys', async () => {
    app = fastify()
    await app.register(sluice, { key: { by: key, limit: 5 } })
    const gate = deferred()
    const hook = (): Promise<void> => gate.promise
    gates.set('/slow', gate)
    app.get('/slow', { config: { concurrency: { timeout: 20 } }, preHandler: hook }, async () => '')
    app.get('/held', { preHandler: hook }, async () => 'held')
    await app.ready()
    expect((await app.inject('/slow')).json().code).toBe('SLUICE_DEADLINE')
    const held = app.inject('/held').then()
    await turns(8)
    const drained = app.concurrency.drain({ timeout: 5000 })
    expect((await app.inject('/held')).json().code).toBe('SLUICE_CLOSED')
    expect(limiter('key').snapshot().rejected).toMatchObject({ deadline: 1, closed: 1 })
    gate.resolve()
    expect((await held).body).toBe('held')
    expect(await drained).toBe(true)
  })

  test('a key that is no string is an error of the server, not a caller', async () => {
    await build({ key: { by: (() => 7) as never, limit: 1 } }, { '/a': undefined })
    const response = await ask('/a')
    expect([response.statusCode, response.json().message]).toEqual([
      500,
      'key: got 7, takes a string',
    ])
  })
})

describe('priority', () => {
  test('higher first, first come first served within one', async () => {
    await build(
      { limit: 1, priority: ({ headers }) => Number(headers.priority ?? 0) },
      { '/:n': undefined },
    )
    const calls: [string, string][] = [
      ['/held', '0'],
      ['/low', '-1'],
      ['/a', '0'],
      ['/high', '2'],
      ['/b', '0'],
    ]
    for (const [url, priority] of calls) {
      app.inject({ url, headers: { priority } }).catch(() => {})
      await turns(8)
    }
    for (const url of ['/held', '/high', '/a', '/b', '/low']) await letGo(url)
    expect(order).toEqual(['/held', '/high', '/a', '/b', '/low'])
  })

  test('a full queue takes a higher newcomer in place of its lowest, newest', async () => {
    await build(
      { limit: 1, queue: { size: 1 }, priority: ({ headers }) => Number(headers.priority) },
      { '/:n': undefined },
    )
    app.inject({ url: '/held', headers: { priority: '0' } }).catch(() => {})
    await turns(8)
    const low = app.inject({ url: '/low', headers: { priority: '0' } })
    low.catch(() => {})
    await turns(8)
    app.inject({ url: '/high', headers: { priority: '1' } }).catch(() => {})
    expect((await low).json().code).toBe('SLUICE_QUEUE_FULL')
    await letGo('/held')
    expect(order).toEqual(['/held', '/high'])
  })

  test('what is no number is an error of the server, never silently 0', async () => {
    await build({ limit: 1, priority: () => Number.NaN }, { '/a': undefined })
    const response = await ask('/a')
    expect(response.statusCode).toBe(500)
    expect(limiter('app').inFlight).toBe(0)
  })
})

describe('exempt', () => {
  test('probes, metrics and the dashboard are outside every limit; so is a route that says false', async () => {
    await build(
      { limit: 1 },
      {
        '/held': undefined,
        '/health/live': undefined,
        '/metrics': undefined,
        '/concurrency/stream': undefined,
        '/dashboard': undefined,
        '/free': false,
      },
    )
    await start('/held', '/health/live', '/metrics', '/concurrency/stream', '/dashboard', '/free')
    expect(order.length).toBe(6)
    expect(limiter('app').inFlight).toBe(1)
  })

  const usual = ['/health', '/healthz', '/livez', '/readyz', '/ready', '/live', '/status']

  test.each([...usual, ...usual.map((url) => `${url}/`), '/health/db', '/health/'])(
    'a full app answers %s, by which an orchestrator asks whether to restart it',
    async (url) => {
      await build({ limit: 1, queue: { size: 0 } }, { '/held': undefined, [url]: undefined })
      await start('/held', url)
      expect(order).toEqual(['/held', url])
    },
  )

  test('a probe that is the root of a prefix is exempt with its HEAD, with and without a slash', async () => {
    app = fastify()
    await app.register(sluice, { limit: 1, queue: { size: 0 } })
    await app.register(async (probe) => void probe.get('/', async () => 'ready'), {
      prefix: '/ready',
    })
    app.get('/held', async () => {
      const gate = deferred()
      gates.set('/held', gate)
      await gate.promise
    })
    await app.ready()
    await start('/held')
    for (const method of ['GET', 'HEAD'] as const) {
      for (const url of ['/ready', '/ready/']) {
        expect([method, url, (await app.inject({ method, url })).statusCode]).toEqual([
          method,
          url,
          200,
        ])
      }
    }
  })

  test('what only looks like a probe is none', async () => {
    const others = ['/healthy', '/api/health', '/ready/x', '/status2', '/livez/x']
    await build(
      { limit: 1, queue: { size: 0 } },
      Object.fromEntries(['/held', ...others].map((url) => [url, undefined])),
    )
    await start('/held', ...others)
    expect(order).toEqual(['/held'])
  })

  test("a list of one's own replaces the default", async () => {
    await build(
      { limit: 1, exempt: ['/status/*'] },
      { '/status/db': undefined, '/metrics': undefined },
    )
    await start('/status/db', '/status/db?2', '/metrics', '/metrics?2')
    expect(order).toEqual(['/status/db', '/status/db?2', '/metrics'])
  })
})

describe('registration', () => {
  test('encapsulated, it limits and counts what it wraps and nothing else', async () => {
    app = fastify()
    app.register(async (inside) => {
      await inside.register(sluice, { limit: 1 })
      inside.get('/inside', async () => 'inside')
      inside.addHook('onReady', async () => {
        expect(inside.concurrency.limiters.length).toBe(1)
      })
      app.get('/counts', async () => inside.concurrency.snapshot().requests.total)
    })
    app.get('/outside', async (request) => typeof request.concurrency)
    await app.ready()
    expect((await app.inject('/outside')).body).toBe('undefined')
    await app.inject('/inside')
    expect((await app.inject('/counts')).body).toBe('1')
    expect(app.hasDecorator('concurrency')).toBe(false)
  })

  test('two scopes side by side have two limits', async () => {
    app = fastify()
    const limits: number[] = []
    for (const [name, limit] of [
      ['one', 1],
      ['two', 2],
    ] as const) {
      app.register(async (scope) => {
        await scope.register(sluice, { limit })
        scope.get(`/${name}`, async () => name)
        limits.push(scope.concurrency.limiters[0]?.limit ?? 0)
      })
    }
    await app.ready()
    expect(limits).toEqual([1, 2])
    expect((await app.inject('/two')).body).toBe('two')
  })

  test('twice in one scope is one clear error, never a silent second limit', async () => {
    app = fastify()
    await app.register(sluice)
    app.register(async (inside) => {
      await inside.register(sluice, { limit: 1 })
    })
    await expect(app.ready()).rejects.toMatchObject({ code: 'SLUICE_OPTIONS' })
  })
})
