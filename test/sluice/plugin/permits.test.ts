/**
 * Guarantee 2: a permit stands for the request's work, wherever that runs. It is kept as long as
 * somebody works, also where nobody waits for the answer any more, and is back right after.
 */
import { Readable } from 'node:stream'
import { type FastifyInstance, type FastifyReply, fastify, type RouteHandlerMethod } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import sluice from '../../../src/sluice/index.js'
import { inFlight, noTrouble } from '../../support/answers.js'
import { type Deferred, deferred, turns } from '../../support/deferred.js'
import { untilIdle } from '../../support/probe-app.js'
import { get, listen, send, until } from '../../support/wire.js'

let app: FastifyInstance

noTrouble()
afterEach(() => app.close())

type Wait = () => Promise<void>
type Route = (app: FastifyInstance, wait: Wait, config: object) => void

const never: RouteHandlerMethod = async () => {
  throw new Error('the handler of a request that is over')
}
const asPassed = (wait: Wait) => async (_: unknown, __: unknown, payload: unknown) => {
  await wait()
  return payload
}
const webStream = () => new Response('web').body as ReadableStream

/** Work before an answer has begun. */
const WORK: Record<string, Route> = {
  'an onRequest hook': (scope, onRequest, config) => {
    scope.get('/', { config, onRequest }, never)
  },
  'a preParsing hook': (scope, wait, config) => {
    scope.get('/', { config, preParsing: asPassed(wait) as never }, never)
  },
  'a preValidation hook': (scope, preValidation, config) => {
    scope.get('/', { config, preValidation }, never)
  },
  'the second of two preHandler hooks': (scope, wait, config) => {
    scope.get('/', { config, preHandler: [async () => {}, wait] }, never)
  },
  'a hook of the scope that calls back': (scope, wait, config) => {
    scope.addHook('preHandler', (_request, _reply, done) => void wait().then(() => done()))
    scope.get('/', { config }, never)
  },
  'a hook that fails': (scope, wait, config) => {
    const preHandler = () => wait().then(() => Promise.reject(new Error('no')))
    scope.get('/', { config, preHandler }, never)
  },
  'a hook that answers': (scope, wait, config) => {
    const preHandler = async (_: unknown, reply: FastifyReply) => {
      await wait()
      return reply.send('mine')
    }
    scope.get('/', { config, preHandler }, never)
  },
  'a handler': (scope, wait, config) => {
    scope.get('/', { config }, () => wait().then(() => 'done'))
  },
  'a handler that fails': (scope, wait, config) => {
    scope.get('/', { config }, () => wait().then(() => Promise.reject(new Error('no'))))
  },
  'a handler that calls back': (scope, wait, config) => {
    scope.get('/', { config }, (_request, reply) => void wait().then(() => reply.send('done')))
  },
  'a handler that calls back with an error': (scope, wait, config) => {
    const answer = (reply: FastifyReply) => () => reply.send(new Error('no'))
    scope.get('/', { config }, (_request, reply) => void wait().then(answer(reply)))
  },
  'a handler that hijacks at last': (scope, wait, config) => {
    scope.get('/', { config }, (_request, reply) => void wait().then(() => reply.hijack()))
  },
  'a handler that returns the reply': (scope, wait, config) => {
    scope.get('/', { config }, (_request, reply) => {
      wait().then(() => reply.send('done'))
      return reply
    })
  },
  'a handler that resolves with the reply': (scope, wait, config) => {
    scope.get('/', { config }, async (_request, reply) => {
      wait().then(() => reply.send('done'))
      return reply
    })
  },
  'a handler that makes a Node stream': (scope, wait, config) => {
    scope.get('/', { config }, () => wait().then(() => Readable.from(['done'])))
  },
  'a handler that makes a web stream': (scope, wait, config) => {
    scope.get('/', { config }, () => wait().then(webStream))
  },
  'a handler that makes a Response': (scope, wait, config) => {
    scope.get('/', { config }, () => wait().then(() => new Response('done')))
  },
  'a handler that calls back with a web stream': (scope, wait, config) => {
    scope.get('/', { config }, (_request, reply) => void wait().then(() => reply.send(webStream())))
  },
  'a not-found handler': (scope, wait) => {
    scope.setNotFoundHandler(() => wait().then(() => 'done'))
  },
  'a not-found handler that calls back': (scope, wait) => {
    scope.setNotFoundHandler((_request, reply) => void wait().then(() => reply.send('done')))
  },
  'a hook of the not-found handler': (scope, wait) => {
    scope.setNotFoundHandler({ preHandler: wait }, never)
  },
  'a not-found handler that a handler calls': (scope, wait, config) => {
    scope.setNotFoundHandler(() => wait().then(() => 'done'))
    scope.get('/', { config }, (_request, reply) => void reply.callNotFound())
  },
  'a not-found handler that a hook calls': (scope, wait, config) => {
    scope.setNotFoundHandler((_request, reply) => void wait().then(() => reply.send('done')))
    const preHandler = (_: unknown, reply: FastifyReply) => void reply.callNotFound()
    scope.get('/', { config, preHandler }, never)
  },
}

/** Work for an answer that has begun. */
const ANSWERS: Record<string, Route> = {
  'an onSend hook': (scope, wait, config) => {
    scope.get('/', { config, onSend: asPassed(wait) }, async () => 'done')
  },
  'an onSend hook, of a handler that called back': (scope, wait, config) => {
    scope.get('/', { config, onSend: asPassed(wait) }, (_, reply) => void reply.send('done'))
  },
  'an onSend hook before a Node stream': (scope, wait, config) => {
    scope.get('/', { config, onSend: asPassed(wait) }, async () => Readable.from(['done']))
  },
  'an onSend hook before a web stream': (scope, wait, config) => {
    scope.get('/', { config, onSend: asPassed(wait) }, async () => webStream())
  },
  'an onSend hook before a Response': (scope, wait, config) => {
    scope.get('/', { config, onSend: asPassed(wait) }, async () => new Response('done'))
  },
  'an onSend hook that fails': (scope, wait, config) => {
    let times = 0
    const onSend = () =>
      times++ ? Promise.resolve() : wait().then(() => Promise.reject(new Error('no')))
    scope.get('/', { config, onSend }, async () => 'done')
  },
  'a preSerialization hook': (scope, wait, config) => {
    scope.get('/', { config, preSerialization: asPassed(wait) }, async () => ({}))
  },
  'an error handler': (scope, wait, config) => {
    scope.setErrorHandler(() => wait().then(() => 'sorry'))
    scope.get('/', { config }, never)
  },
  'an error handler that calls back': (scope, wait, config) => {
    scope.setErrorHandler((_error, _request, reply) => void wait().then(() => reply.send('sorry')))
    scope.get('/', { config }, never)
  },
  'an error handler that fails, after a hook did': (scope, wait, config) => {
    scope.setErrorHandler(() => wait().then(() => Promise.reject(new Error('again'))))
    scope.get('/', { config, preHandler: never as never }, never)
  },
  'an onError hook': (scope, wait, config) => {
    scope.get('/', { config, onError: wait }, never)
  },
}

async function start(
  route: Route,
  given: object,
): Promise<{ port: number; begun(): number; gate: Deferred<void> }> {
  const gate = deferred()
  let begun = 0
  app = fastify()
  await app.register(sluice, { limit: 2, ...given })
  const wait = (): Promise<void> => {
    begun++
    return gate.promise
  }
  route(app, wait, { concurrency: { limit: 1 } })
  return { port: await listen(app), begun: () => begun, gate }
}

describe.each(Object.entries({ ...WORK, ...ANSWERS }))('%s', (_name, route) => {
  test('keeps its permit after its client left, until it is done', async () => {
    const { port, begun, gate } = await start(route, {})
    const wire = await send(port, get('/'))
    await until(() => begun() === 1)
    wire.socket.destroy()
    await until(() => app.concurrency.snapshot().requests.aborted === 1)
    await turns(20)
    expect(inFlight(app)).toBe(1)
    gate.resolve()
    await untilIdle({ app })
  })

  test('gives it back when its client leaves, where the route says so', async () => {
    const { port, begun, gate } = await start(route, { releaseOn: 'close' })
    const wire = await send(port, get('/'))
    await until(() => begun() === 1)
    wire.socket.destroy()
    await untilIdle({ app })
    gate.resolve()
    await turns(20)
    expect(app.concurrency.snapshot().requests).toMatchObject({ aborted: 1, active: 0 })
  })
})

const UPLOADS: Record<string, Route> = {
  'an onRequest hook': (scope, onRequest, config) =>
    void scope.post('/', { config, onRequest }, never),
  'a preParsing hook': (scope, wait, config) => {
    scope.post('/', { config, preParsing: asPassed(wait) as never }, never)
  },
  'a hook behind a parser that leaves the body to others': (scope, preHandler, config) => {
    scope.addContentTypeParser('text/x-parts', (_request, _payload, done) => done(null))
    scope.post('/', { config, preHandler }, never)
  },
}

describe.each(Object.entries(UPLOADS))('%s, with a body that is never complete', (_name, route) => {
  const upload =
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/x-parts\r\nContent-Length: 99\r\n\r\nx'

  test.each([
    ['after its client left', {}],
    ['past its deadline', { timeout: 50 }],
  ])('keeps its permit %s, until it is done', async (_when, given) => {
    const { port, begun, gate } = await start(route, given)
    const wire = await send(port, upload)
    await until(() => begun() === 1)
    if ('timeout' in given) await wire.received('SLUICE_DEADLINE')
    else wire.socket.destroy()
    await until(() => app.concurrency.snapshot().requests.active === 0)
    await turns(20)
    expect(inFlight(app)).toBe(1)
    gate.resolve()
    await untilIdle({ app })
    wire.socket.destroy()
  })
})

test('a body that came whole, and that nobody read before its client left, keeps no permit', async () => {
  const { port, begun, gate } = await start((scope, onRequest, config) => {
    scope.post('/', { config, onRequest }, never)
  }, {})
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n'
  const wire = await send(port, `${head}all`)
  await until(() => begun() === 1)
  wire.socket.destroy()
  await until(() => app.concurrency.snapshot().requests.aborted === 1)
  expect(inFlight(app)).toBe(1)
  gate.resolve()
  await untilIdle({ app })
})

test('a body that is never complete keeps no permit once it is read', async () => {
  const { port } = await start((scope, _wait, config) => {
    scope.addContentTypeParser('text/x-parts', (_request, payload, done) => {
      payload.on('data', () => {}).on('end', () => done(null, 'all'))
    })
    scope.post('/', { config, onRequest: async () => {} }, never)
  }, {})
  const wire = await send(
    port,
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/x-parts\r\nContent-Length: 99\r\n\r\nx',
  )
  await until(() => inFlight(app) === 1)
  await turns(20)
  wire.socket.destroy()
  await untilIdle({ app })
})

describe.each(Object.entries(WORK))('%s', (_name, route) => {
  test('keeps its permit past its deadline, until it is done', async () => {
    const { port, begun, gate } = await start(route, { timeout: 50 })
    const wire = await send(port, get('/'))
    await until(() => begun() === 1)
    await wire.received('SLUICE_DEADLINE')
    await until(() => app.concurrency.snapshot().requests.answered === 1)
    await turns(20)
    expect(inFlight(app)).toBe(1)
    gate.resolve()
    await untilIdle({ app })
    wire.socket.destroy()
  })
})

describe.each(Object.entries(ANSWERS))('%s', (_name, route) => {
  test('keeps its permit past its deadline, until the answer is out', async () => {
    const { port, begun, gate } = await start(route, { timeout: 30 })
    const wire = await send(port, get('/'))
    await until(() => begun() === 1)
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(inFlight(app)).toBe(1)
    expect(wire.text()).toBe('')
    gate.resolve()
    await wire.received('HTTP/1.1')
    await untilIdle({ app })
    wire.socket.destroy()
  })
})
