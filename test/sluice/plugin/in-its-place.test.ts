/** Guarantee 6, of answers that are given in the place of whoever works: by `reject`, by Fastify, by a session. */

import { setTimeout as sleep } from 'node:timers/promises'
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import sluice, { type RejectFunction } from '../../../src/sluice/index.js'
import { ask, inFlight, noTrouble, refusal, Work } from '../../support/answers.js'
import { untilIdle } from '../../support/probe-app.js'
import { get, listen, send, until } from '../../support/wire.js'

const TIMEOUT = 40

let app: FastifyInstance

function thenable(then: (yes: (value: object) => void) => void): Promise<object> {
  return Object.defineProperty({}, 'then', { value: then }) as Promise<object>
}

noTrouble()
afterEach(() => app.close())

describe('reject', () => {
  const config = { concurrency: { limit: 1, queue: { size: 0 }, timeout: 3 * TIMEOUT } }
  const busy = { sorry: true }

  /** One that holds the slot beyond its deadline, and one that finds no place. */
  async function both(reject: RejectFunction) {
    const work = new Work(6 * TIMEOUT)
    app = fastify()
    app.setErrorHandler(async (error: Error & { cause?: unknown }, _request, reply) => {
      await sleep(TIMEOUT)
      reply.header('x-from', 'errors').type('text/plain')
      return reply.send(`${error.message} ${error.cause ?? ''}`)
    })
    await app.register(sluice, { reject })
    app.addHook('onSend', async (_request, _reply, payload) => {
      await sleep(TIMEOUT)
      return payload
    })
    app.get('/', { config }, async (_request, reply) => {
      await work.run()
      reply.code(201).header('x-from', 'own').type('text/html').header('content-encoding', 'gzip')
      return 'own'
    })
    const port = await listen(app)
    const first = ask(port, '/')
    await until(() => work.begun === 1)
    const refused = await ask(port, '/')
    const late = await first
    expect(inFlight(app)).toBe(work.running)
    await untilIdle({ app })
    return { refused, late }
  }

  test.each<[string, RejectFunction]>([
    ['that is asynchronous', () => sleep(TIMEOUT, busy)],
    ['that is a promise of another kind', () => thenable((yes) => yes(busy))],
    ['that takes longer than the handler', () => sleep(5 * TIMEOUT, busy)],
  ])('%s is waited for, with the status that it had', async (_name, reject) => {
    const { refused, late } = await both(reject)
    const own = { body: '{"sorry":true}', from: undefined, type: 'application/json; charset=utf-8' }
    expect(refused).toEqual({ status: 503, ...own })
    expect(late).toEqual({ status: 504, ...own })
  })

  test('may give it another status and headers of its own', async () => {
    const { refused, late } = await both(async ({ status }, _request, reply) => {
      reply.code(429).header('x-from', 'reject')
      await sleep(4 * TIMEOUT)
      reply.type('text/x-busy')
      return `was ${status}`
    })
    const own = { status: 429, from: 'reject', type: 'text/x-busy' }
    expect(refused).toEqual({ ...own, body: 'was 503' })
    expect(late).toEqual({ ...own, body: 'was 504' })
  })

  const failure = new Error('no words')
  const takes = 'takes a payload or a promise of it '
  test.each<[string, RejectFunction, string]>([
    [
      'throws',
      () => {
        throw failure
      },
      'no words ',
    ],
    [
      'rejects',
      async () => {
        throw failure
      },
      'no words ',
    ],
    [
      'rejects late',
      async () => {
        await sleep(4 * TIMEOUT)
        throw failure
      },
      'no words ',
    ],
    ['rejects with no error', () => Promise.reject('nothing'), 'reject failed nothing'],
    ['rejects with nothing', () => Promise.reject(), 'reject failed '],
    [
      'has a `then` that throws',
      () =>
        thenable(() => {
          throw failure
        }),
      'no words ',
    ],
    [
      'returns the reply',
      (_rejection, _request, reply) => reply,
      `reject: got the reply, ${takes}`,
    ],
    [
      'resolves with the reply',
      async (_rejection, _request, reply) => reply,
      `reject: got the reply, ${takes}`,
    ],
    [
      'sends',
      async (_rejection, _request, reply) => reply.send('mine'),
      `reject: got the reply, ${takes}`,
    ],
    ['gives nothing', (async () => {}) as never, `reject: got undefined, ${takes}`],
  ])('one that %s is an error of the app, and is answered', async (_name, reject, body) => {
    const { refused, late } = await both(reject)
    const answer = { status: 500, body, from: 'errors', type: 'text/plain' }
    expect(refused).toEqual(answer)
    expect(late).toEqual(answer)
  })

  test('whose client leaves meanwhile keeps no permit, and disturbs nobody', async () => {
    let finish = (): void => {}
    const reject = () =>
      new Promise<object>((resolve) => {
        finish = () => resolve(busy)
      })
    app = fastify()
    await app.register(sluice, { reject })
    const timed = { concurrency: { limit: 1, timeout: TIMEOUT } }
    const work = new Work(2 * TIMEOUT)
    app.get('/', { config: timed }, work.run)
    const wire = await send(await listen(app), get('/'))
    await until(() => work.begun === 1)
    await sleep(1.5 * TIMEOUT)
    wire.socket.destroy()
    await until(() => app.concurrency.snapshot().requests.aborted === 1)
    expect(inFlight(app)).toBe(1)
    await untilIdle({ app })
    expect(work.running).toBe(0)
    finish()
  })
})

/** Since Fastify 5.8. */
const hasHandlerTimeout = Number(fastify().version.split('.')[1]) >= 8

describe.skipIf(!hasHandlerTimeout)("Fastify's own handlerTimeout", () => {
  test.each([
    ['in the handler', 0],
    ['in the queue', 1],
  ])('%s: its asynchronous error handler answers, and nobody else', async (_name, index) => {
    const work = new Work(2 * TIMEOUT)
    app = fastify()
    app.setErrorHandler(async ({ code }: Error & { code: string }, _request, reply) => {
      reply.code(408).header('x-from', 'errors').type('text/plain')
      await sleep(3 * TIMEOUT)
      return code
    })
    await app.register(sluice)
    const config = { concurrency: { limit: 1, timeout: 3 * TIMEOUT } }
    app.get('/', { config, handlerTimeout: TIMEOUT }, async (_request, reply) => {
      await work.run()
      reply.code(201).header('x-from', 'own')
      return 'own'
    })
    const port = await listen(app)
    const answers = [ask(port, '/'), until(() => work.begun === 1).then(() => ask(port, '/'))]
    const answer = await answers[index]
    expect(answer).toEqual({
      status: 408,
      body: 'FST_ERR_HANDLER_TIMEOUT',
      from: 'errors',
      type: 'text/plain',
    })
    await Promise.all(answers)
    await untilIdle({ app })
    expect([work.begun, work.most]).toEqual([1, 1])
  })
})

describe('an error handler that passes on to the not-found handler', () => {
  test.each(['onRequest', 'preHandler'] as const)('has its answer: hook %s', async (hook) => {
    app = fastify()
    app.setErrorHandler((_error, _request, reply) => void reply.callNotFound())
    await app.register(sluice, { limit: 1, hook, timeout: TIMEOUT })
    app.setNotFoundHandler(async ({ url }, reply) => {
      if (url === '/late') await sleep(2 * TIMEOUT)
      return reply.code(404).send('nothing')
    })
    const fails = async () => {
      throw new Error('no such thing')
    }
    app.get('/handler', { config: { concurrency: 1 } }, fails)
    app.get('/late', fails)
    app.get('/hook', { preValidation: fails }, fails)
    const port = await listen(app)
    for (const path of ['/handler', '/hook']) {
      expect(await ask(port, path)).toMatchObject({ status: 404, body: 'nothing' })
    }
    expect(await ask(port, '/late')).toEqual(refusal(504))
    await untilIdle({ app })
  })
})

test('a session with a slow store is saved with the answer that goes out, whichever it is', async () => {
  const saved: string[] = []
  const store = {
    get: (_id: string, done: (error: unknown, session?: null) => void) =>
      void setTimeout(done, 10, null, null),
    set: (id: string, _session: unknown, done: () => void) => {
      saved.push(id)
      setTimeout(done, 2 * TIMEOUT)
    },
    destroy: (_id: string, done: () => void) => done(),
  }
  app = fastify()
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    secret: 'x'.repeat(32),
    store,
    cookie: { secure: false },
    saveUninitialized: true,
  })
  await app.register(sluice, { limit: 1, timeout: TIMEOUT })
  app.get<{ Params: { ms: number } }>('/:ms', async ({ params: { ms }, session }, reply) => {
    session.set('ms' as never, ms as never)
    await sleep(Number(ms))
    return reply.code(201).header('x-from', 'own').send('own')
  })
  const port = await listen(app)
  const whole = { status: 201, body: 'own', from: 'own', type: 'text/plain; charset=utf-8' }
  // Before its deadline, with its store past it; past it, while the store works and when it is done.
  expect(await ask(port, '/0')).toEqual(whole)
  expect(await ask(port, `/${2 * TIMEOUT}`)).toEqual(refusal(504))
  expect(await ask(port, `/${5 * TIMEOUT}`)).toEqual(refusal(504))
  await untilIdle({ app })
  expect(saved.length).toBe(3)
})
