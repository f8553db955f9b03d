/** `hook: 'preHandler'` admits behind all that a route and its scopes do before: who asks is known by then. */
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import sluice from '../../../src/sluice/index.js'
import { ask, noTrouble } from '../../support/answers.js'
import { untilIdle } from '../../support/probe-app.js'
import { listen } from '../../support/wire.js'

type User = { user?: string }
type Asked = FastifyRequest & User

let app: FastifyInstance
let order: string[]

noTrouble()
beforeEach(async () => {
  order = []
  app = fastify()
  const by = (request: FastifyRequest): string => {
    order.push(`key of ${(request as Asked).user}`)
    return String((request as Asked).user)
  }
  await app.register(sluice, { hook: 'preHandler', limit: 5, key: { by, limit: 2 } })
})
afterEach(() => app.close())

/** As a composition of strategies makes it: asynchronous, and with an answer of its own. */
async function authenticate(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  await new Promise((resolve) => setTimeout(resolve, 2))
  const { authorization } = request.headers
  if (authorization === undefined) return reply.code(401).send('who are you?')
  ;(request as Asked).user = authorization
  order.push('auth')
  return undefined
}

function callingBack(
  request: FastifyRequest,
  reply: FastifyReply,
  done: (error?: Error) => void,
): void {
  authenticate(request, reply).then(() => reply.sent || done(), done)
}

const note = (name: string) => async (): Promise<void> => void order.push(name)
const handler = async (): Promise<string> => {
  order.push('handler')
  return 'done'
}

const WAYS: Record<string, () => void> = {
  'a preHandler of the route': () => {
    app.get('/', { preHandler: authenticate }, handler)
  },
  'one that calls back': () => {
    app.get('/', { preHandler: callingBack }, handler)
  },
  'a list of them': () => {
    app.get(
      '/',
      { config: { concurrency: 1 }, preHandler: [note('first'), authenticate, note('last')] },
      handler,
    )
  },
  'a hook of the scope': () => {
    app.addHook('preHandler', authenticate)
    app.get('/', handler)
  },
  'a hook that comes after the route': () => {
    app.get('/', { config: { concurrency: { priority: () => 1 } } }, handler)
    app.addHook('preHandler', authenticate)
  },
  'a hook of a child scope': () => {
    app.register(async (child) => {
      child.addHook('preHandler', note('scope'))
      child.get('/', { preHandler: authenticate }, handler)
      child.addHook('preHandler', note('scope too'))
    })
  },
  'a hook that another plugin adds to the route': () => {
    app.addHook('onRoute', (options) => {
      options.preHandler = [options.preHandler ?? [], authenticate].flat()
    })
    app.get('/', { preHandler: note('first') }, handler)
  },
  'a hook that another plugin puts in place of the others': () => {
    app.addHook('onRoute', (options) => {
      options.preHandler = authenticate
    })
    app.get('/', { preHandler: note('never') }, handler)
  },
  'a preValidation hook': () => {
    app.get('/', { preValidation: authenticate }, handler)
  },
  'a preHandler of the not-found handler': () => {
    app.setNotFoundHandler({ preHandler: authenticate }, handler)
  },
  'those of the not-found handler of a child scope': () => {
    app.register(async (child) => {
      child.addHook('preHandler', note('scope'))
      child.setNotFoundHandler({ preHandler: [note('first'), authenticate] }, handler)
    })
  },
  'a route below a prefix, with and without a slash': () => {
    app.register(
      async (child) => {
        child.get('/', { preHandler: authenticate }, handler)
      },
      { prefix: '/' },
    )
  },
}

test.each(Object.entries(WAYS))(
  '%s: known before its turn, and who is not takes no place',
  async (_name, declare) => {
    declare()
    const port = await listen(app)
    expect(await ask(port, '/')).toMatchObject({ status: 401, body: 'who are you?' })
    await untilIdle({ app })
    expect(order.filter((each) => each === 'handler' || each.startsWith('key'))).toEqual([])
    const admitted = () => app.concurrency.limiters.map((limiter) => limiter.snapshot().admitted)
    expect(Math.max(...admitted())).toBe(0)
    order = []
    expect((await ask(port, '/', { headers: { authorization: 'anna' } })).status).toBe(200)
    await untilIdle({ app })
    expect(order.slice(-2)).toEqual(['key of anna', 'handler'])
    expect(order.filter((each) => each.startsWith('key')).length).toBe(1)
    expect(admitted().every((count) => count === 1)).toBe(true)
  },
)

test('HEAD is admitted as its GET, once', async () => {
  app.get('/', { preHandler: authenticate }, handler)
  const port = await listen(app)
  const { status } = await ask(port, '/', { method: 'HEAD', headers: { authorization: 'anna' } })
  expect(status).toBe(200)
  expect(order).toEqual(['auth', 'key of anna', 'handler'])
})

test('a body that is invalid is refused before it takes a place', async () => {
  const schema = { body: { type: 'object', required: ['name'] } }
  app.post('/', { schema, config: { concurrency: 1 } }, handler)
  const port = await listen(app)
  const headers = { 'content-type': 'application/json' }
  expect((await ask(port, '/', { method: 'POST', body: '{}', headers })).status).toBe(400)
  expect(order).toEqual([])
})
