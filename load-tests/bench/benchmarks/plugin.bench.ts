/**
 * What the plugin adds to a request, in processor time of the server alone: parsing, routing, hooks,
 * the answer and its end, over 50 keep-alive connections that live in memory.
 *
 * `request`: the same route of the same app, bare, behind the plugin as it registers without
 * options, and with a limit and a queue for the app and for the route, where all are admitted.
 * `rejection`: a limit of 1 without a queue, whose one slot somebody holds; beside it an admission,
 * and the cheapest refusal that bare Fastify has: a status and one byte.
 */
import fastify, { type FastifyInstance } from 'fastify'
import sluice from '../../../src/sluice/plugin/index.js'
import { Connections } from './connections.bench.js'

const CONNECTIONS = 50
const LIMITED = { limit: 1000, queue: { size: 1000 } }

export const benchmarks = [
  {
    name: 'request',
    question: 'What does the plugin add to a request?',
    unit: 'ns',
    per: 'request',
    warmUp: 1500,
    contenders: {
      'bare Fastify': () => serve(hello(fastify())),
      'plugin without options': async () => {
        const app = fastify()
        await app.register(sluice)
        return serve(hello(app))
      },
      'limit and queue, app and route': () => admitted(),
    },
  },
  {
    name: 'rejection',
    question: 'What does a rejection cost?',
    unit: 'ns',
    per: 'request',
    warmUp: 1500,
    contenders: {
      'an admission': () => admitted(),
      'a rejection': async () => {
        const app = fastify()
        await app.register(sluice)
        const concurrency = { limit: 1, queue: { size: 0 } }
        app.get('/', { config: { concurrency } }, () => new Promise(() => {}))
        return serve(app, async () => {
          // Takes the one slot, and is never answered.
          new Connections(app.server, '/', 1).round()
          await new Promise(setImmediate)
        })
      },
      "bare Fastify's refusal": async () => {
        const app = fastify()
        app.get('/', (_, reply) => {
          reply.code(503).send('x')
        })
        return serve(app)
      },
    },
  },
] as const

async function admitted(): Promise<Workload> {
  const app = fastify()
  await app.register(sluice, LIMITED)
  return serve(hello(app, { concurrency: LIMITED }))
}

function hello(app: FastifyInstance, config: object = {}): FastifyInstance {
  return app.get('/', { config }, (_, reply) => {
    reply.send('hello')
  })
}

interface Workload {
  readonly operations: number
  run(operations: number): unknown
}

async function serve(app: FastifyInstance, before?: () => Promise<void>): Promise<Workload> {
  await app.ready()
  await before?.()
  const connections = new Connections(app.server, '/', CONNECTIONS)
  return {
    operations: 20 * CONNECTIONS,
    async run(operations) {
      for (let done = 0; done < operations; done += CONNECTIONS) await connections.round()
    },
  }
}
