/** Guarantee 2: exactly once, whatever a handler returns, and however a response ends or is answered. */
import { EventEmitter } from 'node:events'
import { createServer, IncomingMessage, type RequestListener, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import sluice from '../../../src/sluice/index.js'
import { ask, inFlight, noTrouble } from '../../support/answers.js'
import { deferred, turns } from '../../support/deferred.js'
import { untilIdle } from '../../support/probe-app.js'
import { get, listen, send, until } from '../../support/wire.js'

let app: FastifyInstance

noTrouble()
afterEach(() => app.close())

const config = { concurrency: 1 }

function answered(): number {
  return app.concurrency.snapshot().requests.answered
}

describe('what a handler returns is promise-like', () => {
  type Then = (yes: (value: unknown) => void, no: (error: unknown) => void) => unknown
  const failure = new Error('no')
  const thenable = (then: Then, base: object = {}) =>
    Object.defineProperty(base, 'then', { value: then })
  const fail = (): never => {
    throw failure
  }

  test.each<[string, unknown, number]>([
    ['a `then` that throws', thenable(fail), 500],
    ['a getter that throws', Object.defineProperty({}, 'then', { get: fail }), 500],
    ['a getter that throws the second time', once(), 500],
    ['a `then` that returns nothing', thenable((yes) => void yes('done')), 200],
    ['a `then` that calls back later', thenable((yes) => void setTimeout(yes, 5, 'done')), 200],
    ['a `then` that rejects', thenable((_yes, no) => no(failure)), 500],
    ['a `then` that calls back twice', thenable((yes) => [yes('done'), yes('again')]), 200],
    ['a `then` that calls back both ways', thenable((yes, no) => [yes('done'), no(failure)]), 200],
    ['a `then` that calls back and throws', thenable((yes) => [yes('done'), fail()]), 200],
    ['a thenable of a thenable', thenable((yes) => yes(thenable((done) => done('done')))), 200],
    [
      'a function with a `then`',
      thenable(
        (yes) => yes('done'),
        () => {},
      ),
      200,
    ],
    ['a promise with a `then` of its own', thenable((yes) => yes('done'), Promise.resolve()), 200],
    ['a promise of a subclass', class extends Promise<string> {}.resolve('done'), 200],
    ['a `then` that is no function', thenable('done' as never), 200],
  ])('%s', async (_name, result, status) => {
    app = fastify()
    await app.register(sluice, { limit: 1 })
    app.get('/', { config }, () => result as never)
    const port = await listen(app)
    for (let times = 0; times < 3; times++) {
      expect((await ask(port, '/')).status).toBe(status)
    }
    await untilIdle({ app })
    expect(answered()).toBe(3)
  })

  function once(): object {
    let times = 0
    // Three requests look, and each another time.
    return Object.defineProperty({}, 'then', {
      get: () => (times++ % 2 === 0 ? (yes: (value: string) => void) => yes('done') : fail()),
    })
  }

  test('one that never calls back holds its permit until its client has left for abandonAfter', async () => {
    app = fastify()
    await app.register(sluice, { limit: 1, abandonAfter: 100 })
    app.get('/', { config }, () => thenable(() => {}) as never)
    const wire = await send(await listen(app), get('/'))
    await until(() => inFlight(app) === 1)
    wire.socket.destroy()
    await until(() => app.concurrency.snapshot().requests.aborted === 1)
    expect(inFlight(app)).toBe(1)
    await untilIdle({ app })
  })
})

describe('a response that is not of a server', () => {
  /** As adapters make them: a socket that is an object with what Node asks of it. */
  function adapted(): ServerResponse {
    const request = new IncomingMessage({ readable: false, destroy() {} } as never)
    Object.assign(request, { method: 'GET', url: '/', headers: {} })
    request.push(null)
    const response = new ServerResponse(request)
    const write = (...given: unknown[]): boolean => {
      const callback = given.at(-1)
      if (typeof callback === 'function') callback()
      return true
    }
    const socket = {
      _writableState: {},
      writable: true,
      on() {},
      removeListener() {},
      destroy() {},
      cork() {},
      uncork() {},
      write,
    }
    response.assignSocket(socket as never)
    return response
  }

  /** The same over a socket of Node's that is connected to nothing, and never closes. */
  function unconnected(): ServerResponse {
    const request = new IncomingMessage(new Socket())
    Object.assign(request, { method: 'GET', url: '/', headers: {} })
    request.push(null)
    const response = new ServerResponse(request)
    response.assignSocket(new Writable({ write: (_chunk, _encoding, done) => done() }) as never)
    return response
  }

  /** No stream of Node's at all: it says `finish`, and that is all. */
  function mocked(): ServerResponse {
    const req = Object.assign(new EventEmitter(), {
      method: 'GET',
      url: '/',
      headers: {},
      httpVersionMajor: 1,
      complete: true,
    })
    const state = { req, statusCode: 200, headersSent: false, writableEnded: false, socket: null }
    const response = Object.assign(new EventEmitter(), state, {
      setHeader() {},
      getHeader() {},
      getHeaders: () => ({}),
      hasHeader: () => false,
      removeHeader() {},
      writeHead() {
        response.headersSent = true
      },
      end() {
        response.writableEnded = true
        setImmediate(() => response.emit('finish'))
      },
    })
    return response as never
  }

  test.each([
    ['over a socket that is none', adapted],
    ['over a socket that is connected to nothing', unconnected],
    ['that is a mock', mocked],
  ])('%s gives its permit back, and lets the queue go on', async (_name, make) => {
    let routing: RequestListener = () => {}
    app = fastify({
      serverFactory: (handler) => {
        routing = handler
        return createServer(handler)
      },
    })
    await app.register(sluice, { limit: 1 })
    app.get('/', { config }, async () => {
      await turns(1)
      return 'done'
    })
    await app.ready()
    for (let index = 0; index < 5; index++) {
      const response = make()
      routing(response.req, response)
    }
    await until(
      () => answered() === 5,
      () => JSON.stringify(app.concurrency.snapshot().requests),
    )
    await untilIdle({ app })
  })
})

describe('a queued request that somebody else answers leaves its place', () => {
  const ways: Record<string, (reply: FastifyReply) => void> = {
    'by sending': (reply) => void reply.code(418).send('mine'),
    'by an error': (reply) => void reply.code(418).send(new Error('mine')),
    'by finding nothing': (reply) => void reply.callNotFound(),
    'by hijacking': (reply) => {
      reply.hijack()
      reply.raw.writeHead(418, { 'content-length': 4 }).end('mine')
    },
    'past Fastify': ({ raw }) => void raw.writeHead(418, { 'content-length': 4 }).end('mine'),
  }

  test.each(Object.entries(ways))('%s', async (_name, answer) => {
    const gate = deferred()
    const replies: FastifyReply[] = []
    let handled = 0
    app = fastify()
    app.addHook('onRequest', async (_request, reply) => void replies.push(reply))
    await app.register(sluice, { limit: 1 })
    app.setNotFoundHandler((_request, reply) => void reply.code(418).send('mine'))
    app.get('/', { config }, async () => {
      handled++
      await gate.promise
      return 'done'
    })
    const port = await listen(app)
    const first = ask(port, '/')
    await until(() => handled === 1)
    const second = ask(port, '/')
    await until(() => app.concurrency.limiters.some(({ queued }) => queued === 1))
    answer(replies[1] as FastifyReply)
    expect(await second).toMatchObject({ status: 418, body: expect.stringContaining('mine') })
    await until(() => answered() === 1)
    expect(app.concurrency.limiters.map(({ queued }) => queued)).toEqual([0, 0])
    gate.resolve()
    expect((await first).body).toBe('done')
    await untilIdle({ app })
    expect(handled).toBe(1)
  })
})
