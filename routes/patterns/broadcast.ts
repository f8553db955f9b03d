/** One sender, many receivers: in one request, and live, where a POST publishes to all who listen. */
import { once } from 'node:events'
import { fastifySSE } from '@fastify/sse'
import type { FastifyPluginAsync } from 'fastify'
import { integer, list, message, milliseconds, object, text } from './kit/input.js'
import { type PatternOptions, pattern, refuseBadInput } from './kit/pattern.js'
import { type Delivery, Topic } from './kit/topic.js'

/** How many messages a listener may be behind. */
const KEPT = 10
const LISTENERS = 100

const broadcast: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  if (!app.hasPlugin('@fastify/sse')) await app.register(fastifySSE)

  pattern(app, options, {
    url: '/patterns/broadcast/receivers',
    title: 'one sender, many receivers',
    query: '?receivers=3',
    article: {
      'broadcast channel': '',
      'messages, live': '?message=New+message!&message=Another+event!',
    },
    takes: {
      message: list(text(''), ['Broadcast message 1', 'Broadcast message 2']),
      receivers: integer(3, 1, 20),
      capacity: integer(10, 1, 100),
      every: milliseconds(0),
      slow: milliseconds(0),
    },
    work: async (run, { message: messages, receivers, capacity, every, slow }) => {
      const topic = new Topic<string>(capacity)
      /** The last one takes its time. */
      async function listen(receiver: number): Promise<{ messages: string[]; missed: number }> {
        const got = { messages: [] as string[], missed: 0 }
        for await (const delivery of topic.receive(run.signal)) {
          if ('missed' in delivery) {
            got.missed += delivery.missed
            run.note(`Receiver ${receiver} missed ${delivery.missed}`)
            continue
          }
          got.messages.push(delivery.message)
          run.note(`Receiver ${receiver} got: ${delivery.message}`)
          if (receiver === receivers && slow > 0) await run.sleep(slow)
        }
        return got
      }
      async function send(): Promise<void> {
        for (const [index, message] of messages.entries()) {
          if (index > 0 && every > 0) await run.sleep(every)
          topic.send(message)
          run.note(`Sent: ${message}`)
        }
        topic.close()
      }
      const listening = Promise.all(Array.from({ length: receivers }, (_, at) => listen(at + 1)))
      const [received] = await Promise.all([listening, send()])
      return received
    },
  })

  const live = new Topic<string>(KEPT)
  const nothing = object({})

  app.get('/patterns/broadcast', {
    sse: 'only',
    // It would have no end.
    exposeHeadRoute: false,
    config: {
      pattern: { title: 'listen to what is published, as server-sent events', curl: '-N' },
      concurrency: { limit: LISTENERS, queue: { size: 0 } },
    },
    schema: { querystring: nothing },
    attachValidation: true,
    handler: async (request, reply) => {
      refuseBadInput(request, nothing, request.query)
      const { signal } = request.concurrency
      for await (const event of toEvents(live.receive(signal))) {
        // Not awaited: it stays open for ever where the client has left already, or leaves without
        // having read. Where it rejects, the client has left too, as the signal says.
        reply.sse.send(event).catch(() => {})
        if (reply.raw.writableNeedDrain) {
          await once(reply.raw, 'drain', { signal }).catch(() => {})
        }
      }
      if (signal.aborted) request.log.info({ pattern: 'broadcast' }, 'Cancelled: broadcast')
    },
  })

  pattern(app, options, {
    method: 'POST',
    url: '/patterns/broadcast',
    title: 'publish to all who listen',
    curl: `-H content-type:application/json -d '{"message":"Hello"}'`,
    takes: { message: message() },
    in: 'body',
    work: async (_run, { message }) => ({ id: live.send(message), listeners: live.receivers }),
  })
}
export default broadcast

async function* toEvents(deliveries: AsyncIterable<Delivery<string>>) {
  yield { event: 'listening', data: { kept: KEPT } }
  for await (const delivery of deliveries) {
    yield 'missed' in delivery
      ? { event: 'lagged', data: delivery }
      : { event: 'message', id: String(delivery.id), data: delivery.message }
  }
}
