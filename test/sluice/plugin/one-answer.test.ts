/**
 * Guarantee 6: one request, one answer. The deadline passes at every moment of a request's life, and
 * whoever was at work then goes on, and says what its answer would have been.
 */
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import sluice from '../../../src/sluice/index.js'
import { type Answer, ask, noTrouble, refusal, Work } from '../../support/answers.js'
import { untilIdle } from '../../support/probe-app.js'
import { listen, until } from '../../support/wire.js'

const TIMEOUT = 40
const OWN: Answer = { status: 201, body: '<p>own</p>', from: 'own', type: 'text/html' }

let app: FastifyInstance

noTrouble()
afterEach(() => app.close())

/** Says it all, so that whatever gets through is seen. */
function say(reply: FastifyReply): FastifyReply {
  return reply
    .code(OWN.status)
    .headers({ 'x-from': OWN.from, 'content-encoding': 'identity' })
    .header('etag', '"own"')
    .type('text/html')
    .serializer(String)
}

type Route = (app: FastifyInstance, work: Work) => void
const config = { concurrency: { limit: 1, timeout: TIMEOUT } }

const REFUSED: Record<string, Route> = {
  'an onRequest hook': (scope, work) => {
    scope.get('/', { config, onRequest: work.run }, handler(work))
  },
  'a preParsing hook': (scope, work) => {
    scope.get('/', { config, preParsing: async () => work.run() as never }, handler(work))
  },
  'a preValidation hook': (scope, work) => {
    scope.get('/', { config, preValidation: work.run }, handler(work))
  },
  'a preHandler hook': (scope, work) => {
    scope.get('/', { config, preHandler: work.run }, handler(work))
  },
  'a preHandler hook that answers itself': (scope, work) => {
    const preHandler = async (_: unknown, reply: FastifyReply) => {
      await work.run()
      return say(reply).send(OWN.body)
    }
    scope.get('/', { config, preHandler }, handler(work))
  },
  'a preHandler hook that throws': (scope, work) => {
    const preHandler = async (_: unknown, reply: FastifyReply) => {
      await work.run()
      say(reply)
      throw new Error('not you')
    }
    scope.get('/', { config, preHandler }, handler(work))
  },
  'an onRequest hook that calls back': (scope, work) => {
    const onRequest = (_: unknown, reply: FastifyReply, done: () => void) => {
      work.run().then(() => {
        say(reply)
        done()
      })
    }
    scope.get('/', { config, onRequest }, handler(work))
  },
}

const TIMED_OUT: Record<string, Route> = {
  'an asynchronous handler': (scope, work) => {
    scope.get('/', { config }, async (_request, reply) => {
      await work.run()
      say(reply)
      return OWN.body
    })
  },
  'a handler that sends and returns nothing': (scope, work) => {
    scope.get('/', { config }, async (_request, reply) => {
      await work.run()
      say(reply).send(OWN.body)
    })
  },
  'a handler that calls back': (scope, work) => {
    scope.get('/', { config }, (_request, reply) => {
      work.run().then(() => say(reply).send(OWN.body))
    })
  },
  'a handler that said so before': (scope, work) => {
    scope.get('/', { config }, async (_request, reply) => {
      reply.code(201).type('text/html').headers({ 'content-encoding': 'gzip', etag: '"own"' })
      reply
        .serializer(() => 'never')
        .trailer('x-from', (_reply, _payload, done) => done(null, 'own'))
      await work.run()
      return OWN.body
    })
  },
  'a handler that awaits its reply': (scope, work) => {
    scope.get('/', { config }, async (_request, reply) => {
      work.run().then(() => say(reply).send(OWN.body))
      return reply
    })
  },
  'a handler that throws': (scope, work) => {
    scope.get('/', { config }, async (_request, reply) => {
      await work.run()
      say(reply)
      throw new Error('late')
    })
  },
  'a handler that streams': (scope, work) => {
    scope.get('/', { config }, async (_request, reply) => {
      await work.run()
      return say(reply).send(Readable.from([OWN.body]))
    })
  },
  'a handler that hijacks': (scope, work) => {
    scope.get('/', { config }, async (_request, reply) => {
      await work.run()
      reply.hijack()
    })
  },
  'a handler that redirects': (scope, work) => {
    scope.get('/', { config }, (_request, reply) => {
      work.run().then(() => reply.redirect('/elsewhere'))
    })
  },
  'a handler that finds nothing': (scope, work) => {
    scope.get('/', { config }, (_request, reply) => {
      work.run().then(() => say(reply).callNotFound())
    })
  },
  'a not-found handler that is called': (scope, work) => {
    scope.setNotFoundHandler(async (_request, reply) => {
      await work.run()
      return say(reply).send(OWN.body)
    })
    scope.get('/', { config }, (_request, reply) => {
      reply.callNotFound()
    })
  },
}

const BEGUN: Record<string, Route> = {
  'an asynchronous error handler': (scope, work) => {
    scope.setErrorHandler(async (_error, _request, reply) => {
      await work.run()
      return say(reply).send(OWN.body)
    })
    scope.get('/', { config }, async () => {
      throw new Error('handler')
    })
  },
  'an error handler that calls back': (scope, work) => {
    scope.setErrorHandler((_error, _request, reply) => {
      work.run().then(() => say(reply).send(OWN.body))
    })
    scope.get('/', { config }, () => {
      throw new Error('handler')
    })
  },
  'an error handler that fails, before the next one answers': (scope, work) => {
    scope.setErrorHandler((_error, _request, reply) => say(reply).send(OWN.body))
    scope.register(async (inner) => {
      inner.setErrorHandler(async () => {
        await work.run()
        throw new Error('again')
      })
      inner.get('/', { config }, async () => {
        throw new Error('handler')
      })
    })
  },
  'a preSerialization hook': (scope, work) => {
    const preSerialization = async (_: unknown, reply: FastifyReply) => {
      await work.run()
      reply.code(201).header('x-from', 'own').type('text/html')
      reply.serializer(() => OWN.body)
      return {}
    }
    scope.get('/', { config, preSerialization }, async () => ({}))
  },
  'an onSend hook': (scope, work) => {
    const onSend = async (_: unknown, reply: FastifyReply, payload: unknown) => {
      if (reply.statusCode !== 200) return payload
      await work.run()
      reply.code(201).header('x-from', 'own').type('text/html')
      return OWN.body
    }
    scope.get('/', { config, onSend }, async () => 'not this')
  },
  'a stream before its first byte': (scope, work) => {
    scope.get('/', { config }, (_request, reply) => {
      const slow = async function* () {
        await work.run()
        yield OWN.body
      }
      reply.code(201).header('x-from', 'own').type('text/html').send(Readable.from(slow()))
    })
  },
  'an answer that the signal brings about': (scope, work) => {
    scope.get('/', { config }, async ({ concurrency: { signal } }, reply) => {
      signal.addEventListener('abort', () => say(reply).send(OWN.body))
      await work.run()
    })
  },
}

function handler(work: Work) {
  return async () => {
    // Only where it must not run.
    work.most = 1000
    return 'handled'
  }
}

/** Three, one in the deadline's time of the other: the first is alone. */
async function run(route: Route, slowly: boolean): Promise<{ answer: Answer; work: Work }> {
  const work = new Work(3 * TIMEOUT)
  const slow = async (_: unknown, __: unknown, payload: unknown) => {
    await sleep(2.5 * TIMEOUT)
    return payload
  }
  app = fastify()
  if (slowly) app.addHook('onSend', slow)
  await app.register(sluice, {})
  if (slowly) app.addHook('onSend', slow)
  route(app, work)
  const port = await listen(app)
  const first = ask(port, '/')
  await until(() => work.begun === 1)
  const others = [ask(port, '/'), sleep(1.5 * TIMEOUT).then(() => ask(port, '/'))]
  const answer = await first
  // Of one piece, whether their turn came or not.
  for (const { status, ...rest } of await Promise.all(others)) {
    if (status !== OWN.status) expect({ status, ...rest }).toEqual(refusal(status))
  }
  await until(() => work.running === 0)
  await untilIdle({ app })
  return { answer, work }
}

describe.each([
  ['with nothing behind the answer', false],
  ['with slow onSend hooks before and behind the plugin', true],
])('%s', (_name, slowly) => {
  test.each(Object.entries(REFUSED))('503 in %s, and no handler', async (_name, route) => {
    const { answer, work } = await run(route, slowly)
    expect(answer).toEqual(refusal(503))
    expect(work.most).toBe(1)
  })

  test.each(Object.entries(TIMED_OUT))('504 in %s', async (_name, route) => {
    const { answer, work } = await run(route, slowly)
    expect(answer).toEqual(refusal(504))
    expect(work.most).toBe(1)
  })

  test.each(Object.entries(BEGUN))(
    'the answer that has begun goes out: %s',
    async (_name, route) => {
      const { answer, work } = await run(route, slowly)
      expect(answer).toEqual(OWN)
      expect(work.most).toBe(1)
    },
  )
})
