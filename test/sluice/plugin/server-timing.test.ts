/** What the one that waited is told stands beside what others say, whoever comes first. */
import { Readable } from 'node:stream'
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import sluice from '../../../src/sluice/index.js'
import { noTrouble } from '../../support/answers.js'
import { deferred } from '../../support/deferred.js'
import { untilIdle } from '../../support/probe-app.js'
import { listen, until } from '../../support/wire.js'

let app: FastifyInstance

noTrouble()
afterEach(() => app.close())

type Say = (reply: FastifyReply) => unknown
const NAME = 'Server-Timing'

const WAYS: Record<string, Say> = {
  'a header': (reply) => reply.header(NAME, 'auth;dur=4'),
  headers: (reply) => reply.headers({ 'x-other': 'x', [NAME]: 'auth;dur=4' }),
  'a list': (reply) => reply.header('server-timing', ['auth;dur=4', 'db;dur=5']),
  'what is there, and more': (reply) =>
    reply.header(NAME, [reply.getHeader(NAME) ?? [], 'auth;dur=4'].flat().join(', ')),
  'a header of the response': (reply) => reply.raw.setHeader(NAME, 'auth;dur=4'),
  'a list of the response': (reply) => reply.raw.setHeader(NAME, ['auth;dur=4', 'db;dur=5']),
}

const MOMENTS: Record<string, (say: Say) => void> = {
  'a hook before the plugin': (say) => {
    app.addHook('onRequest', async (_request, reply) => void say(reply))
  },
  'a hook behind it': (say) => {
    app.addHook('preHandler', async (_request, reply) => void say(reply))
  },
  'the handler': () => {},
  'an onSend hook': (say) => {
    app.addHook('onSend', async (_request, reply, payload) => {
      say(reply)
      return payload
    })
  },
}

const cases = Object.keys(MOMENTS).flatMap((moment) =>
  Object.keys(WAYS).flatMap((way) => [
    [moment, way, 'text'] as const,
    [moment, way, 'a stream'] as const,
  ]),
)

test.each(cases)('%s says %s, the answer is %s', async (moment, way, answer) => {
  const gate = deferred()
  let begun = 0
  app = fastify()
  const say = WAYS[way] as Say
  if (moment.endsWith('before the plugin')) MOMENTS[moment]?.(say)
  await app.register(sluice)
  if (!moment.endsWith('before the plugin')) MOMENTS[moment]?.(say)
  app.get('/', { config: { concurrency: 1 } }, async (_request, reply) => {
    begun++
    await gate.promise
    if (moment === 'the handler') say(reply)
    return answer === 'text' ? 'done' : Readable.from(['done'])
  })
  const port = await listen(app)
  const answers = [1, 2].map(() => fetch(`http://127.0.0.1:${port}/`))
  await until(() => begun === 1 && app.concurrency.limiters[0]?.queued === 1)
  gate.resolve()
  const told = []
  for (const response of await Promise.all(answers)) {
    expect(await response.text()).toBe('done')
    const metrics = response.headers.get(NAME)?.split(/\s*,\s*/) ?? []
    told.push(metrics.map((metric) => metric.replace(/(queue;dur=)\d+\.\d/, '$1n')).sort())
  }
  const others = way.includes('list') ? ['auth;dur=4', 'db;dur=5'] : ['auth;dur=4']
  expect(told).toContainEqual(others)
  expect(told).toContainEqual([...others, 'queue;dur=n'])
  await untilIdle({ app })
})

test('the one that waited in vain is told as well, once', async () => {
  const gate = deferred()
  app = fastify()
  app.addHook('onRequest', async (_request, reply) => void reply.header(NAME, 'auth;dur=4'))
  await app.register(sluice)
  const config = { concurrency: { limit: 1, queue: { timeout: 20 } } }
  app.get('/', { config }, () => gate.promise.then(() => 'done'))
  const port = await listen(app)
  const first = fetch(`http://127.0.0.1:${port}/`)
  await until(() => app.concurrency.limiters[0]?.inFlight === 1)
  const refused = await fetch(`http://127.0.0.1:${port}/`)
  expect(refused.status).toBe(503)
  expect(refused.headers.get(NAME)).toMatch(/^auth;dur=4, queue;dur=\d+\.\d$/)
  gate.resolve()
  expect((await first).headers.get(NAME)).toBe('auth;dur=4')
})
