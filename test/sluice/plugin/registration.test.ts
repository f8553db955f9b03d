/**
 * Guarantee 9: an option that has no effect is refused. Which routes the plugin never read, or read
 * too early, is known when all are declared: such an app does not start.
 */
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, describe, expect, test, vi } from 'vitest'
import sluice from '../../../src/sluice/index.js'
import { deferred, turns } from '../../support/deferred.js'
import { until } from '../../support/wire.js'

const open: FastifyInstance[] = []

function create(): FastifyInstance {
  const app = fastify()
  open.push(app)
  return app
}

afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

const answer = async (): Promise<string> => 'ok'
const limited = { config: { concurrency: 1 } }

const inVain = (name: string) => ({
  code: 'SLUICE_OPTIONS',
  message: expect.stringMatching(
    new RegExp(`^Option ${name}: config.concurrency: got .*effect only behind the plugin: await`),
  ),
})

describe('a route with a limit that the plugin cannot give it stops the start, and says what to do', () => {
  test.each<[string, string, (app: FastifyInstance) => void]>([
    [
      'declared right behind a registration without await',
      'GET /',
      (app) => {
        app.register(sluice, { limit: 5 })
        app.get('/', limited, answer)
      },
    ],
    [
      'declared before the registration',
      'POST /',
      (app) => {
        app.post('/', limited, answer)
        app.register(sluice)
      },
    ],
    [
      'a catch-all',
      'GET \\*',
      (app) => {
        app.register(sluice)
        app.get('*', limited, answer)
      },
    ],
    [
      'in a scope that was registered before',
      'GET /child',
      (app) => {
        app.register(async (child) => {
          child.get('/child', limited, answer)
        })
        app.register(sluice)
      },
    ],
    [
      'in a scope beside that of the plugin',
      'GET /outside',
      (app) => {
        app.register(async (inside) => {
          await inside.register(sluice)
        })
        app.register(async (outside) => {
          outside.get('/outside', limited, answer)
        })
      },
    ],
    [
      'around the scope of the plugin',
      'GET /around',
      (app) => {
        app.register(async (inside) => {
          await inside.register(sluice)
        })
        app.get('/around', limited, answer)
      },
    ],
    [
      'given its limit by an earlier onRoute hook',
      'GET /',
      (app) => {
        app.addHook('onRoute', (route) => {
          route.config = { ...route.config, concurrency: { limit: 2 } }
        })
        app.register(sluice)
        app.get('/', answer)
      },
    ],
  ])('%s', async (_where, name, declare) => {
    const app = create()
    declare(app)
    await expect(app.ready()).rejects.toMatchObject(inVain(name))
  })

  test('the error points at the line that declares it', async () => {
    const app = create()
    app.register(sluice)
    app.get('/', limited, answer)
    const error = await app.ready().then(
      () => undefined,
      (reason: Error) => reason,
    )
    expect(error?.stack).toMatch(/registration\.test\.ts/)
  })
})

describe('where the plugin can, it does', () => {
  test.each<[string, (app: FastifyInstance, declare: (routes: FastifyInstance) => void) => void]>([
    [
      'a plugin registered later declares',
      (app, declare) => app.register(async (routes) => declare(routes)),
    ],
    ['is declared in app.after', (app, declare) => app.after(() => declare(app))],
  ])('registered without await, it limits what %s', async (_where, later) => {
    const app = create()
    const gate = deferred()
    let running = 0
    app.register(sluice)
    later(app, (routes) => {
      routes.get('/', limited, async () => {
        running++
        await gate.promise
        return 'ok'
      })
    })
    await app.ready()
    const both = [app.inject('/'), app.inject('/')].map((response) => response.then())
    await turns(8)
    expect([running, app.concurrency.limiters[0]?.queued]).toEqual([1, 1])
    gate.resolve()
    expect((await Promise.all(both)).map(({ body }) => body)).toEqual(['ok', 'ok'])
  })

  test('scopes side by side each read their own routes', async () => {
    const app = create()
    for (const name of ['one', 'two']) {
      app.register(async (scope) => {
        await scope.register(sluice)
        scope.get(`/${name}`, limited, answer)
      })
    }
    await app.ready()
    expect((await app.inject('/two')).body).toBe('ok')
  })

  test("an early route without a limit of its own is under the app's, and one that says false is not", async () => {
    const app = create()
    const gate = deferred()
    app.register(sluice, { limit: 1, queue: { size: 0 } })
    app.get('/early', async () => {
      await gate.promise
      return 'ok'
    })
    app.get('/free', { config: { concurrency: false } }, answer)
    app.get('/healthz', answer)
    await app.ready()
    const first = app.inject('/early').then()
    await turns(8)
    const codes = []
    for (const url of ['/early', '/free', '/healthz'])
      codes.push((await app.inject(url)).statusCode)
    expect(codes).toEqual([503, 200, 200])
    gate.resolve()
    expect((await first).statusCode).toBe(200)
  })
})

test('an app that never registers the plugin is left alone, whatever it means by concurrency', async () => {
  const app = create()
  app.get('/', { ...({ concurrency: 'mine' } as object), config: { concurrency: 1 } }, answer)
  await app.ready()
  expect((await app.inject('/')).body).toBe('ok')
})

describe('an app that was made before the library was loaded', () => {
  async function load() {
    vi.resetModules()
    return (await import('../../../src/sluice/index.js')).default
  }

  test('limits a route that came before the plugin from its first request on', async () => {
    const app = create()
    const late = await load()
    const gate = deferred()
    let running = 0
    app.register(late)
    app.get('/', { config: { concurrency: { limit: 2, queue: { size: 1 } } } }, async () => {
      running++
      await gate.promise
      return 'ok'
    })
    app.get('/free', { config: { concurrency: false } }, answer)
    await app.ready()
    const all = [1, 2, 3, 4].map(() => app.inject('/').then())
    await turns(8)
    expect(running).toBe(2)
    expect((await app.inject('/free')).statusCode).toBe(200)
    expect(app.concurrency.limiters).toMatchObject([{ name: 'GET /', inFlight: 2, queued: 1 }])
    gate.resolve()
    const codes = (await Promise.all(all)).map(({ statusCode }) => statusCode)
    expect(codes).toEqual([200, 200, 200, 503])
    expect(app.concurrency.limiters).toMatchObject([{ inFlight: 0, queued: 0 }])
  })

  test('answers such a route with wrong options, and warns of it once', async () => {
    const app = create()
    const late = await load()
    const warned: string[] = []
    const onWarning = ({ message }: Error): void => void warned.push(message)
    process.on('warning', onWarning)
    try {
      app.register(late)
      app.get('/', { config: { concurrency: 0 } }, answer)
      await app.ready()
      for (let count = 0; count < 3; count++) {
        expect((await app.inject('/')).statusCode).toBe(200)
      }
      await turns(2)
    } finally {
      process.off('warning', onWarning)
    }
    expect(warned).toEqual([
      expect.stringContaining('Option GET /: config.concurrency.limit: got 0, takes an integer'),
    ])
  })
})

test("guarantee 1: under the app's limit, the handler of a route that came before the plugin keeps its permit when its client has left", async () => {
  const app = create()
  const gate = deferred()
  let running = 0
  app.register(sluice, { limit: 1 })
  app.get('/', async () => {
    running++
    await gate.promise
    return 'ok'
  })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const leaving = new AbortController()
  const left = fetch(base, { signal: leaving.signal }).catch(() => {})
  await until(() => running === 1)
  leaving.abort()
  await left
  await until(() => app.concurrency.snapshot().requests.aborted === 1)
  const next = fetch(base)
  await until(() => app.concurrency.snapshot().requests.total === 2)
  expect([running, app.concurrency.limiters[0]?.inFlight]).toEqual([1, 1])
  gate.resolve()
  expect((await next).status).toBe(200)
  await until(() => app.concurrency.limiters[0]?.inFlight === 0)
})

describe('an onRoute hook of a plugin registered later', () => {
  test.each<[string, object, (config: { concurrency?: unknown }) => object]>([
    ['that sets a limit', {}, (config) => ({ ...config, concurrency: 2 })],
    ['that changes it', limited, (config) => ({ ...config, concurrency: 2 })],
    ['that takes it away', limited, ({ concurrency: _, ...config }) => config],
    [
      'that changes options in place',
      { config: { concurrency: { limit: 1, queue: { size: 1 } } } },
      (config) => {
        ;(config.concurrency as { queue: { size: number } }).queue.size = 2
        return config
      },
    ],
  ])('%s: the app does not start', async (_what, options, change) => {
    const app = create()
    await app.register(sluice)
    app.addHook('onRoute', (route) => {
      route.config = change(route.config as object)
    })
    app.get('/', options, answer)
    await expect(app.ready()).rejects.toMatchObject({
      code: 'SLUICE_OPTIONS',
      message: expect.stringMatching(
        /^Option GET \/: config\.concurrency: .* takes what it was when the plugin read it: add the onRoute hook/,
      ),
    })
  })

  test('that makes a config anew loses what the plugin read', async () => {
    const app = create()
    await app.register(sluice)
    app.addHook('onRoute', (route) => {
      route.config = JSON.parse(JSON.stringify(route.config))
    })
    app.get('/', limited, answer)
    await expect(app.ready()).rejects.toMatchObject({ code: 'SLUICE_OPTIONS' })
  })

  test('that adds to a config, or comes before the plugin, does no harm', async () => {
    const app = create()
    app.addHook('onRoute', (route) => {
      if (route.url === '/set') route.config = { ...route.config, concurrency: 3 }
    })
    await app.register(sluice)
    app.addHook('onRoute', (route) => {
      route.config = { ...route.config, ...{ other: true } }
    })
    app.get('/', { config: { concurrency: { limit: 2, priority: () => 1 } } }, answer)
    app.get('/set', answer)
    const moving = { limit: 4, onSample: () => 4 }
    app.get('/found', { config: { concurrency: { limit: moving } } }, answer)
    moving.limit = 5
    await app.ready()
    expect(app.concurrency.limiters.map(({ name, limit }) => [name, limit])).toEqual([
      ['GET /', 2],
      ['GET /set', 3],
      ['GET /found', 4],
    ])
  })
})

describe('concurrency beside config', () => {
  const beside = { concurrency: 2 } as object
  const message =
    'Option GET /: concurrency: got 2, takes its place in config: { config: { concurrency } }'

  test('is refused where the route is declared', async () => {
    const app = create()
    await app.register(sluice)
    expect(() => app.get('/', beside, answer)).toThrow(message)
  })

  test('is refused at the start where the route came first', async () => {
    const app = create()
    app.get('/', beside, answer)
    app.register(sluice)
    await expect(app.ready()).rejects.toThrow(message)
  })
})

test.each([
  [{ config: { concurrency: 1 } }],
  [{ config: { concurrency: false } }],
  [{ concurrency: { limit: 2 } }],
])('setNotFoundHandler(%j) is refused: callNotFound comes by no hook', async (options) => {
  const app = create()
  await app.register(sluice)
  const message = "effect only on routes; what no route matches is under the app's limits"
  expect(() => app.setNotFoundHandler(options as object, () => {})).toThrow(message)
  await app.register(
    async (scope) => {
      expect(() => scope.setNotFoundHandler(options as object, () => {})).toThrow(message)
      scope.setNotFoundHandler({ preHandler: (_request, _reply, done) => done() }, (_, reply) => {
        reply.code(404).send('of the scope')
      })
    },
    { prefix: '/scope' },
  )
  app.setNotFoundHandler((_, reply) => {
    reply.code(404).send('of the app')
  })
  expect((await app.inject('/scope/x')).body).toBe('of the scope')
  expect((await app.inject('/x')).body).toBe('of the app')
})

describe("an error points at the user's line", () => {
  const stackOf = (declare: () => unknown): string => {
    try {
      declare()
    } catch (error) {
      return (error as Error).stack ?? ''
    }
    return ''
  }

  test('that declares a route with a wrong option, in whatever scope', async () => {
    const app = create()
    await app.register(sluice)
    let stack = ''
    await app.register(async (scope) => {
      stack = stackOf(function declaresIt() {
        scope.get('/', { config: { concurrency: 0 } }, answer)
      })
    })
    expect(stack).toMatch(
      /^FastifyError: Option GET \/: config\.concurrency\.limit: got 0.*declaresIt.*registration\.test/s,
    )
  })

  test('that gives shares which nothing tells apart, though only the start finds it', async () => {
    const app = create()
    await app.register(sluice)
    const queue = { shares: { 0: 0.5 } }
    function declaresIt(): void {
      app.get('/', { config: { concurrency: { limit: 2, queue, group: 'db' } } }, answer)
    }
    declaresIt()
    const error = await app.ready().then(
      () => undefined,
      (reason: Error) => reason,
    )
    expect(error?.stack).toMatch(/queue\.shares.*declaresIt.*registration\.test/s)
  })
})
