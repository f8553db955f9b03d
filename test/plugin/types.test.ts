/** The public types, as a user's compiler sees them: a wrong one fails the type check. */
import { type FastifyInstance, fastify } from 'fastify'
import { expectTypeOf, test } from 'vitest'
import sluice, {
  type AppConcurrency,
  type LimitAlgorithm,
  Limiter,
  type LimiterSnapshot,
  Permit,
  Semaphore,
  type SluiceOptions,
  type Snapshot,
  type Token,
} from '../../src/index.js'

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
