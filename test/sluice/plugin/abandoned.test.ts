/** Work that never ends keeps its permit for `abandonAfter` from its response's end, and not for ever. */
import { createRequire } from 'node:module'
import { Writable } from 'node:stream'
import { type FastifyInstance, type FastifyReply, fastify, type RouteHandlerMethod } from 'fastify'
import { createHandler } from 'graphql-sse/lib/use/fastify'
import { afterEach, describe, expect, test } from 'vitest'
import sluice, { type SluiceOptions } from '../../../src/sluice/index.js'
import { ask, inFlight, noTrouble } from '../../support/answers.js'
import { deferred, turns } from '../../support/deferred.js'
import { untilIdle } from '../../support/probe-app.js'
import { get, listen, send, until, type Wire } from '../../support/wire.js'

// The one that Node finds, as graphql-sse does: two copies know nothing of each other.
const graphql: typeof import('graphql') = createRequire(import.meta.url)('graphql')
const { GraphQLObjectType, GraphQLSchema, GraphQLString } = graphql

let app: FastifyInstance
let warnings: { msg: string; route: string }[]

noTrouble()
afterEach(() => app.close())

async function start(options: SluiceOptions): Promise<void> {
  warnings = []
  const stream = new Writable({
    write(line, _encoding, done) {
      warnings.push(JSON.parse(String(line)))
      done()
    },
  })
  app = fastify({ logger: { level: 'warn', stream } })
  await app.register(sluice, options)
}

/** So many come, and leave once all are inside. */
async function leave(port: number, path: string, count: number): Promise<void> {
  const wires: Wire[] = []
  for (let index = 0; index < count; index++) wires.push(await send(port, get(path)))
  await until(() => app.concurrency.snapshot().requests.active === count)
  await turns(20)
  for (const wire of wires) wire.socket.destroy()
  await until(() => app.concurrency.snapshot().requests.active === 0)
}

async function counted(limiter: string): Promise<string | undefined> {
  const text = await app.concurrency.registry.metrics()
  const [line] = text
    .split('\n')
    .filter((each) => each.startsWith(`concurrency_abandoned_total{limiter="${limiter}"}`))
  return line?.split(' ').at(-1)
}

const silent: RouteHandlerMethod = () => new Promise(() => {})

describe('returns after the time', () => {
  const ENDLESS: Record<string, RouteHandlerMethod> = {
    'a promise that never settles': silent,
    'a callback that never comes': () => {},
    'a reply that is returned, and never sent': (_request, reply) => reply,
    'a wait for the drain of a response that is closed': async (_request, reply) => {
      reply.hijack()
      reply.raw.write('x')
      await new Promise((resolve) => reply.raw.once('drain', resolve))
    },
  }

  test.each(Object.entries(ENDLESS))('%s', async (_name, handler) => {
    await start({ limit: 3, abandonAfter: 60 })
    app.get('/', { config: { concurrency: 2 } }, handler)
    const port = await listen(app)
    await leave(port, '/', 2)
    expect(inFlight(app)).toBe(2)
    await untilIdle({ app })
    expect(await counted('GET /')).toBe('2')
    expect(await counted('app')).toBe('2')
    expect(warnings.map(({ route, msg }) => [route, msg.includes('60 ms')])).toEqual([['/', true]])
  })

  test('an event stream of GraphQL whose source waits for ever', async () => {
    const source = async function* () {
      yield { news: 'first' }
      await new Promise(() => {})
    }
    const field = { type: GraphQLString, subscribe: source }
    const none = { type: GraphQLString }
    const schema = new GraphQLSchema({
      query: new GraphQLObjectType({ name: 'Query', fields: { none } }),
      subscription: new GraphQLObjectType({ name: 'Subscription', fields: { news: field } }),
    })
    await start({ abandonAfter: 60 })
    const handler = createHandler({ schema })
    app.get(
      '/graphql',
      { config: { concurrency: { limit: 2, queue: { size: 0 } } } },
      (request, reply) => handler(request as never, reply as never),
    )
    const port = await listen(app)
    const accept = 'Accept: text/event-stream\r\n'
    const path = '/graphql?query=subscription%7Bnews%7D'
    for (const round of [1, 2]) {
      const wires = [await send(port, get(path, accept)), await send(port, get(path, accept))]
      for (const wire of wires) await wire.received('{"news":"first"}')
      expect((await ask(port, path)).status).toBe(503)
      for (const wire of wires) wire.socket.destroy()
      await untilIdle({ app })
      expect(await counted('GET /graphql')).toBe(String(2 * round))
    }
    expect(warnings.map(({ route }) => route)).toEqual(['/graphql'])
  })

  test('an answer whose handler goes on, a deadline that nobody heeds', async () => {
    await start({ limit: 1, abandonAfter: 60 })
    app.get('/sent', (_request, reply) => {
      reply.send('sent')
      return new Promise(() => {})
    })
    app.get('/late', { config: { concurrency: { timeout: 30 } } }, silent)
    app.get(
      '/hook',
      { config: { concurrency: { timeout: 30 } }, preHandler: silent as never },
      silent,
    )
    const port = await listen(app)
    for (const [path, status] of [
      ['/sent', 200],
      ['/late', 504],
      ['/hook', 503],
    ] as const) {
      expect((await ask(port, path)).status).toBe(status)
      expect(inFlight(app)).toBe(1)
      await untilIdle({ app })
    }
    expect(await counted('app')).toBe('3')
    expect(warnings.map(({ route }) => route)).toEqual(['/sent', '/late', '/hook'])
  })
})

test('it counts once, and gives back what it had once, also where the work ends later', async () => {
  const gates = [deferred(), deferred()]
  let begun = 0
  await start({ limit: 1, abandonAfter: 60 })
  app.get('/', () => gates[begun++]?.promise)
  const port = await listen(app)
  await leave(port, '/', 1)
  await untilIdle({ app })
  const second = ask(port, '/')
  await until(() => begun === 2)
  gates[0]?.resolve()
  await turns(20)
  expect(inFlight(app)).toBe(1)
  gates[1]?.resolve()
  expect((await second).status).toBe(200)
  await untilIdle({ app })
  expect(await counted('app')).toBe('1')
})

test('Infinity is for ever, a route has its own, and work that ends in time is none', async () => {
  await start({ limit: 5, abandonAfter: Number.POSITIVE_INFINITY })
  let reply: FastifyReply | undefined
  app.get('/for-ever', (_request, given) => {
    reply = given
  })
  app.get('/own', { config: { concurrency: { abandonAfter: 30 } } }, silent)
  const port = await listen(app)
  await leave(port, '/for-ever', 1)
  await leave(port, '/own', 1)
  await until(() => inFlight(app) === 1)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(inFlight(app)).toBe(1)
  expect(await counted('app')).toBe('1')
  reply?.send('at last')
  await untilIdle({ app })
  expect(await counted('app')).toBe('1')
})

test.each([0, -1, Number.NaN, 2 ** 31, '60', null, {}, true])('%s is refused', async (value) => {
  const given = { abandonAfter: value as number }
  app = fastify()
  await expect(app.register(sluice, given)).rejects.toMatchObject({
    code: 'SLUICE_OPTIONS',
    message: expect.stringMatching(/^Option abandonAfter: got .*milliseconds > 0/),
  })
  app = fastify()
  await app.register(sluice)
  expect(() => app.get('/', { config: { concurrency: given } }, silent)).toThrow(
    /config\.concurrency\.abandonAfter: got .*milliseconds > 0/,
  )
})
