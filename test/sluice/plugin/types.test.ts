/** The public types, as a user's compiler sees them: a wrong one fails the type check. */
import { type FastifyInstance, fastify } from 'fastify'
import { expectTypeOf, test } from 'vitest'
import sluice, {
  type AppConcurrency,
  FixedLimit,
  type LimitAlgorithm,
  Limiter,
  type LimiterSnapshot,
  type LimiterView,
  Permit,
  type RouteConcurrency,
  Semaphore,
  type SluiceOptions,
  type Snapshot,
  type Token,
} from '../../../src/sluice/index.js'

test('instances, requests and routes know the plugin by declaration merging', async () => {
  const app = fastify()
  await app.register(sluice, { limit: 5, queue: { size: 1, timeout: 5, order: 'lifo' } })
  expectTypeOf(app.concurrency).toEqualTypeOf<AppConcurrency>()
  expectTypeOf(app.concurrency.snapshot()).toEqualTypeOf<Snapshot>()
  app.get('/', { config: { concurrency: 2 } }, async (request) => {
    expectTypeOf(request.concurrency.signal).toEqualTypeOf<AbortSignal>()
  })
  app.get(
    '/options',
    { config: { concurrency: { group: 'db', limit: 3, releaseOn: 'close' } } },
    async () => '',
  )
  app.get('/named', { config: { concurrency: 'gradient2' } }, async () => '')
  const limit = { algorithm: 'vegas', initial: 5, alpha: 3 } as const
  app.get('/with', { config: { concurrency: { limit } } }, async () => '')
  app.get('/false', { config: { concurrency: false } }, async () => '')
  await app.close()
})

const nobody = (): string => ''

test('a limit that is fixed may be set; whether it is, has to be asked', () => {
  const set = (limiter: LimiterView): void => {
    if (limiter.isFixed) limiter.setLimit(3)
    // @ts-expect-error an algorithm may find it
    limiter.setLimit(3)
    limiter.setLimit?.(3)
  }
  expectTypeOf(set).parameter(0).toEqualTypeOf<AppConcurrency['limiters'][number]>()
})

test('every way to say it compiles, with what Fastify infers beside it', async () => {
  const app = fastify()
  await app.register(sluice, { key: { by: ({ ip }) => ip, limit: 2 } })
  const named: RouteConcurrency = { group: 'named', limit: 2 }
  app.get('/a', { config: { concurrency: named } }, async () => '')
  app.get(
    '/b',
    { config: { concurrency: { limit: new FixedLimit(1), queue: { size: 1 } }, mine: 1 } },
    async ({ routeOptions }) => ''.repeat(routeOptions.config.mine),
  )
  app.get<{ Params: { id: string } }>(
    '/b/:id',
    { config: { concurrency: { limit: 1, group: 'b' } } },
    async ({ params }) => params.id,
  )
  app.get('/c', { config: { concurrency: { timeout: 5, releaseOn: 'close' } } }, async () => '')
  app.get('/d', { config: { concurrency: { priority: ({ ip }) => ip.length } } }, async () => '')
  await app.close()
})

test('what is wrong does not compile', () => {
  const wrong = async (app: FastifyInstance): Promise<void> => {
    // @ts-expect-error a limit is a number or an algorithm
    await app.register(sluice, { limit: '5' })
    // @ts-expect-error an option of another algorithm
    await app.register(sluice, { limit: { algorithm: 'aimd', tolerance: 2 } })
    // @ts-expect-error no such option
    await app.register(sluice, { limits: 5 })
    // @ts-expect-error no such order
    await app.register(sluice, { limit: 1, queue: { order: 'random' } })
    // @ts-expect-error only false opts out
    app.get('/', { config: { concurrency: true } }, async () => '')
    const name = 'typo'
    // @ts-expect-error a typo, which Fastify's inference would take for a config of the user's own
    app.get('/', { config: { concurrency: { limt: 2 } } }, async () => name)
    // @ts-expect-error beside a queue as well, which needs its limit
    app.get('/', { config: { concurrency: { limt: 2, queue: { size: 1 } } } }, async () => name)
    // @ts-expect-error a queue alone is none before anything
    app.get('/', { config: { concurrency: { queue: { size: 1 } } } }, async () => name)
    // @ts-expect-error in a full declaration, too
    app.route({ method: 'GET', url: '/', config: { concurrency: { grup: 'db' } }, handler: nobody })
    // @ts-expect-error its place is in config
    app.get('/', { concurrency: 2 }, async () => name)
    // @ts-expect-error one spelling: key: { by, limit }
    await app.register(sluice, { limit: 2, key: nobody })
    // @ts-expect-error permits come from a semaphore
    new Permit()
  }
  expectTypeOf(wrong).returns.resolves.toBeVoid()
})

test('the parts', () => {
  const semaphore = new Semaphore(1)
  expectTypeOf(semaphore.acquire({ permits: 1, timeout: 5 })).resolves.toEqualTypeOf<Permit>()
  expectTypeOf(semaphore.tryAcquire()).toEqualTypeOf<Permit | undefined>()
  expectTypeOf<Permit>().toExtend<Disposable>()
  expectTypeOf<Token>().toExtend<Disposable>()
  const algorithm: LimitAlgorithm = { limit: 1, onSample: ({ rtt }) => rtt }
  expectTypeOf(new Limiter({ limit: algorithm }).acquire()).resolves.toEqualTypeOf<Token>()
  expectTypeOf(new Limiter({ limit: 1 }).snapshot()).toEqualTypeOf<LimiterSnapshot>()
  expectTypeOf<SluiceOptions['hook']>().toEqualTypeOf<'onRequest' | 'preHandler' | undefined>()
})
