/** Limits that several apps share, over a store in memory that can go away. */
import { type FastifyContextConfig, type FastifyInstance, fastify } from 'fastify'
import sluice, { MemoryStore, type SharedStore, type SluiceOptions } from 'fastify-sluice'
import { afterEach, describe, expect, test, vi } from 'vitest'

/** Milliseconds: a machine that is busy for half of it has lost nothing. */
const LEASE = 30_000

/** A store that can be away, and one that then never answers. */
class Store extends MemoryStore {
  away: 'no' | 'rejects' | 'hangs' = 'no'

  override sync(...given: Parameters<MemoryStore['sync']>): ReturnType<MemoryStore['sync']> {
    if (this.away === 'rejects') return Promise.reject(new Error('gone'))
    if (this.away === 'hangs') return new Promise(() => {})
    return super.sync(...given)
  }
}

const apps: FastifyInstance[] = []
const open: (() => void)[] = []
afterEach(async () => {
  for (const end of open.splice(0)) end()
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

/** Handlers in flight over all apps of a stage, and the most there were. */
class Work {
  now = 0
  peak = 0
  /** Those that have not been let go. */
  readonly held: (() => void)[] = open

  readonly run = async (): Promise<string> => {
    this.peak = Math.max(this.peak, ++this.now)
    await new Promise<void>((resolve) => this.held.push(resolve))
    this.now--
    return 'done'
  }
}

async function start(
  store: SharedStore,
  options: Partial<SluiceOptions>,
  routes: (app: FastifyInstance) => void,
): Promise<FastifyInstance> {
  const app = fastify()
  apps.push(app)
  const shared = { store, name: 'orders', lease: LEASE, ...options.shared }
  await app.register(sluice, { ...options, shared })
  routes(app)
  await app.ready()
  return app
}

const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 5 })

async function endAll(work: Work): Promise<void> {
  await until(() => {
    for (const end of work.held.splice(0)) end()
    expect(work.now).toBe(0)
  })
}

describe('one limit over all apps', () => {
  const limited = { limit: 3, shared: true } as const
  const queue = { timeout: Number.POSITIVE_INFINITY }

  test.each<[string, Partial<SluiceOptions>, object | undefined]>([
    ['of the plugin', { limit: 3, queue }, undefined],
    ['of a route', {}, { ...limited, queue }],
    ['of a group', {}, { ...limited, queue, group: 'db' }],
    ['of a key', { key: { by: () => 'me', ...limited, queue } }, undefined],
    ['of the plugin, strict', { limit: 3, queue, shared: { mode: 'strict' } as never }, undefined],
  ])('%s: never more in flight than it, and each is served', async (_, options, concurrency) => {
    const store = new Store()
    const work = new Work()
    const all = await Promise.all(
      [1, 2, 3].map(() =>
        start(store, options, (app) => {
          app.get('/', { config: { concurrency } as FastifyContextConfig }, work.run)
        }),
      ),
    )
    const answers = Promise.all(
      all.flatMap((app) => Array.from({ length: 6 }, () => app.inject('/'))),
    )
    await until(() => expect(work.now).toBe(3))
    for (let served = 0; served < 18; served++) {
      await until(() => expect(work.held.length).toBeGreaterThan(0))
      work.held.shift()?.()
    }
    expect((await answers).map(({ statusCode }) => statusCode)).toEqual(Array(18).fill(200))
    expect(work.peak).toBe(3)
  })

  test('of keys: each has its own, in one membership of each app', async () => {
    const store = new Store()
    const work = new Work()
    const key = {
      by: (request: { headers: Record<string, unknown> }) => String(request.headers['x-key']),
      ...limited,
    }
    const all = await Promise.all(
      [1, 2].map(() => start(store, { key: key as never }, (app) => void app.get('/', work.run))),
    )
    const asked = all.flatMap((app) =>
      ['a', 'b', 'c'].flatMap((name) =>
        Array.from({ length: 4 }, () => app.inject({ url: '/', headers: { 'x-key': name } })),
      ),
    )
    await until(() => expect(work.now).toBe(9))
    const [limiter] = all[0]?.concurrency.snapshot().limiters ?? []
    expect(limiter).toMatchObject({ name: 'key', members: 2, sharedLimit: 3, state: 'joined' })
    await endAll(work)
    expect((await Promise.all(asked)).every(({ statusCode }) => statusCode === 200)).toBe(true)
    expect(work.peak).toBeLessThanOrEqual(9)
  })

  test('of keys: one that is forgotten gives its permits back, and counts on when it comes again', async () => {
    const store = new Store()
    const work = new Work()
    const by = (request: { headers: Record<string, unknown> }) => String(request.headers['x-key'])
    const key = { by: by as never, limit: 1, shared: true, maxKeys: 1 } as const
    const [a, b] = await Promise.all(
      [1, 2].map(() => start(store, { key }, (app) => void app.get('/', work.run))),
    )
    const ask = async (app: FastifyInstance | undefined, name: string): Promise<number> => {
      const answer = app?.inject({ url: '/', headers: { 'x-key': name } })
      await until(() => expect(work.held.length).toBe(1))
      await endAll(work)
      return (await answer)?.statusCode ?? 0
    }
    for (let turn = 0; turn < 3; turn++) {
      for (const name of ['x', 'y']) {
        expect(await ask(a, name)).toBe(200)
        expect(await ask(b, name)).toBe(200)
      }
    }
  })

  test('of a local limit: no more of it in one app than that', async () => {
    const store = new Store()
    const work = new Work()
    const options = { limit: 10, queue, shared: { local: 2 } as never }
    const app = await start(store, options, (app) => void app.get('/', work.run))
    const answers = Promise.all(Array.from({ length: 6 }, () => app.inject('/')))
    await until(() => expect(work.now).toBe(2))
    expect(app.concurrency.snapshot().limiters[0]).toMatchObject({ limit: 2, queued: 4 })
    await endAll(work)
    await answers
    expect(work.peak).toBe(2)
  })
})

describe('without the store', () => {
  test('what the fallback does not admit is 503 SLUICE_STORE, and says when to come back', async () => {
    const store = new Store()
    store.away = 'rejects'
    const app = await start(store, { limit: 3 }, (app) => void app.get('/', async () => 'done'))
    await until(() =>
      expect(app.concurrency.snapshot().limiters[0]).toMatchObject({ state: 'lost', limit: 0 }),
    )
    const { statusCode, headers, body } = await app.inject('/')
    expect(statusCode).toBe(503)
    expect(headers['content-type']).toBe('application/problem+json')
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    expect(JSON.parse(body)).toEqual({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      detail: 'The store of the shared limit cannot be reached',
      code: 'SLUICE_STORE',
    })
    const [limiter] = app.concurrency.snapshot().limiters
    expect(limiter?.rejected.store).toBe(1)
    store.away = 'no'
    await until(async () => expect((await app.inject('/')).statusCode).toBe(200))
  })

  test('reject is told of it by its code and reason', async () => {
    const store = new Store()
    store.away = 'rejects'
    const reject: SluiceOptions['reject'] = ({ code, reason, status }) => ({ code, reason, status })
    const app = await start(store, { limit: 3, reject }, (app) => void app.get('/', async () => 1))
    await until(() => expect(app.concurrency.snapshot().limiters[0]?.state).toBe('lost'))
    expect((await app.inject('/')).json()).toEqual({
      ...{ code: 'SLUICE_STORE', reason: 'store', status: 503 },
    })
  })

  test.each([
    ['closed', 503],
    ['open', 200],
    [1, 200],
  ] as const)('fallback %j: before first contact the answer is %d', async (fallback, status) => {
    const store = new Store()
    store.away = 'rejects'
    const options = { limit: 3, shared: { fallback } as never }
    const app = await start(store, options, (app) => void app.get('/', async () => 'done'))
    await until(() => expect(app.concurrency.snapshot().limiters[0]?.state).toBe('lost'))
    expect((await app.inject('/')).statusCode).toBe(status)
  })

  test.each([
    ['keep', undefined],
    ['abort', 'SLUICE_LEASE_LOST'],
  ] as const)('onLost %s: the signal of a request in flight is %s', async (onLost, code) => {
    const store = new Store()
    const aborted = new Map<string, unknown>()
    const app = await start(store, { shared: { onLost, lease: 2000 } as never }, (app) => {
      const handler = async (request: Parameters<typeof held>[0]) => held(request)
      app.get('/shared', { config: { concurrency: { limit: 3, shared: true } } }, handler)
      app.get('/own', { config: { concurrency: 3 } }, handler)
    })
    async function held(request: { url: string; concurrency: { signal: AbortSignal } }) {
      const { signal } = request.concurrency
      signal.addEventListener('abort', () => aborted.set(request.url, signal.reason.code))
      await new Promise<void>((resolve) => open.push(resolve))
      return 'done'
    }
    const answers = ['/shared', '/own'].map((url) => app.inject(url))
    await until(() => expect(open.length).toBe(2))
    store.away = 'hangs'
    const text = () => app.concurrency.registry.metrics()
    await until(async () =>
      expect(await text()).toMatch(/concurrency_leases_lost_total\{limiter="GET \/shared"\} [1-9]/),
    )
    expect([...aborted]).toEqual(code === undefined ? [] : [['/shared', code]])
    for (const end of open.splice(0)) end()
    expect((await Promise.all(answers)).map(({ statusCode }) => statusCode)).toEqual([200, 200])
  })
})

describe('closing', () => {
  test('a drained app gives all permits back, also those that come free later', async () => {
    const store = new Store()
    const work = new Work()
    const options = { limit: 2, queue: { timeout: Number.POSITIVE_INFINITY } }
    const [a, b] = await Promise.all(
      [1, 2].map(() => start(store, options, (app) => void app.get('/', work.run))),
    )
    const first = Promise.all([a?.inject('/'), a?.inject('/')])
    await until(() => expect(work.now).toBe(2))
    const second = Promise.all([b?.inject('/'), b?.inject('/')])
    const drained = a?.concurrency.drain()
    work.held.shift()?.()
    await until(() => expect(b?.concurrency.snapshot().limiters[0]?.inFlight).toBe(1))
    work.held.shift()?.()
    expect(await drained).toBe(true)
    expect(a?.concurrency.snapshot().limiters[0]?.share).toBe(0)
    await until(() => expect(b?.concurrency.snapshot().limiters[0]?.inFlight).toBe(2))
    await endAll(work)
    await Promise.all([first, second])
    expect(work.peak).toBe(2)
  })

  test.each(['rejects', 'hangs'] as const)('a store that %s keeps no app open', async (away) => {
    const store = new Store()
    const app = await start(store, { limit: 2, shared: { lease: 600_000 } as never }, (app) => {
      app.get('/', async () => 'done')
    })
    await until(async () => expect((await app.inject('/')).statusCode).toBe(200))
    store.away = away
    const began = performance.now()
    await app.close()
    expect(performance.now() - began).toBeLessThan(5000)
  })
})

describe('what is told', () => {
  test('metrics: the share, the whole, members, state, and what it costs', async () => {
    const store = new Store()
    const work = new Work()
    const app = await start(store, { limit: 8 }, (app) => void app.get('/', work.run))
    const answers = Promise.all(Array.from({ length: 3 }, () => app.inject('/')))
    await until(() => expect(work.now).toBe(3))
    const text = await app.concurrency.registry.metrics()
    const { share = -1, limit } = app.concurrency.snapshot().limiters[0] ?? {}
    expect(share).toBeGreaterThanOrEqual(3)
    for (const line of [
      `concurrency_limit{limiter="app"} ${share}`,
      'concurrency_shared_limit{limiter="app"} 8',
      'concurrency_shared_members{limiter="app"} 1',
      'concurrency_shared_state{limiter="app",state="joined"} 1',
      'concurrency_shared_state{limiter="app",state="lost"} 0',
      'concurrency_store_errors_total{limiter="app"} 0',
      'concurrency_rejected_total{limiter="app",reason="store"} 0',
    ]) {
      expect(text).toContain(`${line}\n`)
    }
    expect(limit).toBe(share)
    expect(text).toMatch(/concurrency_store_sync_seconds_count\{limiter="app"\} [1-9]/)
    await endAll(work)
    await answers
    const before = Number(/admitted_locally_total\{limiter="app"\} (\d+)/.exec(text)?.[1])
    expect(before).toBeLessThan(3)
    const again = app.inject('/')
    await until(() => expect(work.now).toBe(1))
    const later = await app.concurrency.registry.metrics()
    expect(later).toContain(`concurrency_admitted_locally_total{limiter="app"} ${before + 1}\n`)
    await endAll(work)
    await again
  })

  test('a limit that is not shared has none of it', async () => {
    const app = fastify()
    apps.push(app)
    await app.register(sluice, { limit: 8 })
    const text = await app.concurrency.registry.metrics()
    expect(text).not.toMatch(/^concurrency_(shared|store|leases|admitted_locally)\w*\{/m)
    const [limiter] = app.concurrency.snapshot().limiters
    expect(Object.keys(limiter ?? {})).not.toContain('share')
    expect(Object.keys(limiter?.rejected ?? {})).not.toContain('store')
  })

  test('setLimit is for all apps', async () => {
    const store = new Store()
    const [a, b] = await Promise.all(
      [1, 2].map(() => start(store, { limit: 2 }, (app) => void app.get('/', async () => 1))),
    )
    const [limiter] = a?.concurrency.limiters ?? []
    expect(limiter?.isFixed).toBe(true)
    limiter?.setLimit?.(5)
    await until(() => expect(b?.concurrency.snapshot().limiters[0]?.sharedLimit).toBe(5))
  })
})

describe('options that can mean nothing are refused', () => {
  const store = new MemoryStore()
  const shared = { store, name: 'orders' }
  const route = (concurrency: object, options: object = { shared }) =>
    [options, concurrency] as const

  test.each<[string, object, object | undefined]>([
    ['shared: got true, takes { store, name,', { shared: true }, undefined],
    ['shared.name: got undefined, takes a name', { limit: 1, shared: { store } }, undefined],
    [
      'shared.store: got {}, takes a store',
      { limit: 1, shared: { ...shared, store: {} } },
      undefined,
    ],
    ['shared.mode: got "lax", takes', { limit: 1, shared: { ...shared, mode: 'lax' } }, undefined],
    [
      'shared.lease: got 5, takes an integer',
      { limit: 1, shared: { ...shared, lease: 5 } },
      undefined,
    ],
    [
      'shared.fallback: got "half"',
      { limit: 1, shared: { ...shared, fallback: 'half' } },
      undefined,
    ],
    [
      "shared.onLost: got \"die\", takes 'keep' or 'abort'",
      { limit: 1, shared: { ...shared, onLost: 'die' } },
      undefined,
    ],
    [
      'shared.local: got "fast", takes',
      { limit: 1, shared: { ...shared, local: 'fast' } },
      undefined,
    ],
    [
      'shared.typo: got 1, takes no such name',
      { limit: 1, shared: { ...shared, typo: 1 } },
      undefined,
    ],
    [
      'limit: got "gradient2", takes an integer >= 1, for all processes; a limit that finds itself is each one\'s own: shared.local',
      { limit: 'gradient2', shared },
      undefined,
    ],
    [
      'limit: got "auto", takes an integer >= 1, for all processes; a limit that finds itself is each one\'s own: shared.local',
      { limit: 'auto', shared },
      undefined,
    ],
    [
      'shared: got {"name":"orders"}, takes effect only beside limit, or a route or key that says shared: true',
      { shared },
      undefined,
    ],
    [
      "key.shared: got true, takes effect only beside the plugin's own shared",
      { key: { by: () => '', limit: 1, shared: true } },
      undefined,
    ],
    [
      'key.shared: got 1, takes true',
      { shared, key: { by: () => '', limit: 1, shared: 1 } },
      undefined,
    ],
    [
      "GET /: config.concurrency.shared: got true, takes effect only beside the plugin's own shared",
      ...route({ limit: 1, shared: true }, {}),
    ],
    [
      'GET /: config.concurrency.shared: got true, takes effect only beside limit',
      ...route({ timeout: 1, shared: true }),
    ],
    [
      'GET /: config.concurrency.shared: got false, takes true',
      ...route({ limit: 1, shared: false }),
    ],
    [
      'GET /: config.concurrency.limit: got "auto", takes an integer >= 1, for all processes',
      ...route({ limit: 'auto', shared: true }),
    ],
  ])('%s', async (message, options, concurrency) => {
    const app = fastify()
    const started = (async () => {
      await app.register(sluice, options as SluiceOptions)
      if (concurrency) app.get('/', { config: { concurrency } as never }, async () => 1)
      await app.ready()
    })()
    await expect(started).rejects.toMatchObject({
      code: 'SLUICE_OPTIONS',
      message: expect.stringContaining(`Option ${message}`),
    })
    await app.close().catch(() => {})
  })

  test('a group that is shared is so for all of its routes', async () => {
    const app = fastify()
    apps.push(app)
    await app.register(sluice, { shared })
    app.get('/a', { config: { concurrency: { limit: 1, group: 'db' } } }, async () => 1)
    const concurrency = { group: 'db', shared: true } as const
    expect(() => app.get('/b', { config: { concurrency } }, async () => 1)).toThrow(
      "GET /b: config.concurrency.shared: got true, takes what group 'db' has, or nothing",
    )
    app.get('/c', { config: { concurrency: { limit: 1, shared: true } } }, async () => 1)
  })
})
