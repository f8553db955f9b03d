/** Not-found handlers are work as any other: under the limits, in time, and worth a lesson. */
import { type FastifyInstance, type FastifyReply, fastify, type RouteHandlerMethod } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import sluice, { type LimitAlgorithm, type Sample } from '../../../src/sluice/index.js'
import { ask, noTrouble, refusal, Work } from '../../support/answers.js'
import { deferred } from '../../support/deferred.js'
import { untilIdle } from '../../support/probe-app.js'
import { listen, until } from '../../support/wire.js'

const HOOKS = ['onRequest', 'preHandler'] as const

let app: FastifyInstance

noTrouble()
afterEach(() => app.close())

/** Set in the scope of the plugin, and in a child with a prefix. */
const PLACES: Record<string, (handler: RouteHandlerMethod, options: object) => void> = {
  '/nowhere': (handler, options) => void app.setNotFoundHandler(options, handler),
  '/child/nowhere': (handler, options) =>
    void app.register(
      async (child) => {
        child.setNotFoundHandler(options, handler)
      },
      { prefix: '/child' },
    ),
  '/a/b/nowhere': (handler, options) =>
    void app.register(
      async (child) => {
        child.register(async (inner) => void inner.setNotFoundHandler(options, handler), {
          prefix: '/b',
        })
      },
      { prefix: '/a' },
    ),
}

const places = HOOKS.flatMap((hook) => Object.keys(PLACES).map((path) => [hook, path] as const))

describe.each(places)('hook %s, of %s', (hook, path) => {
  test('as many as the limit run at once, past their deadlines too, behind their own hooks', async () => {
    const work = new Work(100)
    const order: string[] = []
    const note = (name: string) => async () => void order.push(name)
    app = fastify()
    await app.register(sluice, { limit: 1, hook, timeout: 40 })
    const handler: RouteHandlerMethod = async (_request, reply) => {
      order.push('handler')
      await work.run()
      return reply.code(200).send('page')
    }
    PLACES[path]?.(handler, {
      preValidation: note('preValidation'),
      preHandler: [note('preHandler')],
    })
    const port = await listen(app)
    const first = ask(port, path)
    await until(() => work.begun === 1)
    expect(order).toEqual(['preValidation', 'preHandler', 'handler'])
    const others = await Promise.all([ask(port, path), ask(port, path)])
    expect(others).toEqual([refusal(503), refusal(503)])
    expect(await first).toEqual(refusal(504))
    await untilIdle({ app })
    expect([work.begun, work.most]).toEqual([1, 1])
  })

  test('a limit learns from it, and from its being late', async () => {
    class Pupil implements LimitAlgorithm {
      readonly limit = 5
      readonly dropped: boolean[] = []
      onSample({ dropped }: Sample): number {
        this.dropped.push(dropped)
        return this.limit
      }
    }
    const limit = new Pupil()
    app = fastify()
    await app.register(sluice, { limit, hook, timeout: 40 })
    const work = new Work(80)
    const handler: RouteHandlerMethod = async ({ url }, reply) => {
      if (url.endsWith('?late')) await work.run()
      return reply.code(404).send('nothing')
    }
    PLACES[path]?.(handler, {})
    const port = await listen(app)
    // On a busy machine an answer may take its time to be sent, and teach nothing.
    for (let tries = 0; tries < 20 && limit.dropped.length === 0; tries++) {
      expect((await ask(port, path)).status).toBe(404)
      await untilIdle({ app })
    }
    expect((await ask(port, `${path}?late`)).status).toBe(504)
    await untilIdle({ app })
    expect(limit.dropped).toEqual([false, true])
  })
})

test.each(HOOKS)(
  "hook %s: Fastify's own answer is under the limit, beside a child's handler",
  async (hook) => {
    const gate = deferred()
    app = fastify()
    await app.register(sluice, { limit: 1, queue: { size: 0 }, hook })
    PLACES['/child/nowhere']?.(async () => gate.promise.then(() => 'page'), {})
    const port = await listen(app)
    expect((await ask(port, '/nowhere')).status).toBe(404)
    const first = ask(port, '/child/nowhere')
    await until(() => app.concurrency.limiters[0]?.inFlight === 1)
    expect(await ask(port, '/nowhere')).toEqual(refusal(503, 'SLUICE_QUEUE_FULL'))
    gate.resolve()
    expect((await first).body).toBe('page')
    await untilIdle({ app })
  },
)

describe('callNotFound', () => {
  const call = (_: unknown, reply: FastifyReply): void => void reply.callNotFound()
  const callLater = async (_: unknown, reply: FastifyReply): Promise<FastifyReply> => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    reply.callNotFound()
    return reply
  }
  const from: Record<string, (how: typeof call | typeof callLater) => void> = {
    'a handler': (how) => void app.get('/', { config: { concurrency: 1 } }, how),
    'a handler without a limit of its own': (how) => void app.get('/', how),
    'a preHandler hook': (preHandler) => void app.get('/', { preHandler }, call),
    'a preValidation hook': (preValidation) => void app.get('/', { preValidation }, call),
    'an onRequest hook': (onRequest) => void app.get('/', { onRequest }, call),
  }
  const cases = HOOKS.flatMap((hook) =>
    Object.keys(from).flatMap((place) => [
      [hook, place, 'at once', call] as const,
      [hook, place, 'later', callLater] as const,
    ]),
  )

  test.each(cases)(
    'hook %s, from %s, %s: admitted once, answered once',
    async (hook, place, _when, how) => {
      let hooked = 0
      let handled = 0
      app = fastify()
      await app.register(sluice, { limit: 1, hook, timeout: 2000 })
      const preHandler = async (): Promise<void> => void hooked++
      app.setNotFoundHandler({ preHandler, preValidation: preHandler }, async (_request, reply) => {
        handled++
        return reply.code(404).send('nothing')
      })
      from[place]?.(how)
      const port = await listen(app)
      for (let times = 1; times <= 2; times++) {
        expect(await ask(port, '/')).toMatchObject({ status: 404, body: 'nothing' })
        // Its preValidation hooks are those of a request that comes to it straight.
        expect([hooked, handled]).toEqual([times, times])
        const admitted = app.concurrency.limiters.map((limiter) => limiter.snapshot().admitted)
        expect(admitted.every((count) => count === times)).toBe(true)
      }
      await untilIdle({ app })
    },
  )

  test.each(HOOKS)(
    'hook %s, from a hook before the plugin: answered, and seen by nobody',
    async (hook) => {
      app = fastify()
      app.addHook('onRequest', call)
      await app.register(sluice, { limit: 1, hook })
      app.setNotFoundHandler({ preHandler: async () => {} }, async () => 'nothing')
      app.get('/', call)
      expect(await ask(await listen(app), '/')).toMatchObject({ status: 200, body: 'nothing' })
      expect(app.concurrency.snapshot().requests.total).toBe(0)
      await untilIdle({ app })
    },
  )
})

test('one without a handler is that of Fastify', async () => {
  app = fastify()
  await app.register(sluice, { limit: 1 })
  app.setNotFoundHandler(undefined as never)
  expect((await ask(await listen(app), '/nowhere')).body).toContain('Route GET:/nowhere not found')
  await untilIdle({ app })
})
