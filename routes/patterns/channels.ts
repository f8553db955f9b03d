/** Messages through a bounded channel: who sends faster than the other receives, waits. */
import type { FastifyPluginAsync } from 'fastify'
import { Channel } from './kit/channel.js'
import { integer, list, milliseconds, text } from './kit/input.js'
import { type PatternOptions, pattern } from './kit/pattern.js'

const channels: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  pattern(app, options, {
    url: '/patterns/channels',
    title: 'a bounded channel: who is too fast, waits',
    query: '?capacity=1&senders=2',
    article: {
      'mpsc channel': '',
      'channel of async-std': '?capacity=3&message=hi&message=from&message=async-std',
    },
    takes: {
      message: list(text(''), ['hello', 'from', 'tokio channel']),
      senders: integer(1, 1, 10),
      capacity: integer(5, 1, 100),
      pause: milliseconds(100),
      take: integer(200, 1, 200),
    },
    work: async (run, { message: messages, senders, capacity, pause, take }) => {
      const channel = new Channel<string>(capacity)
      const received: string[] = []
      let waits = 0
      let refused = 0

      async function send(sender: number): Promise<void> {
        for (const message of messages) {
          if (channel.full) {
            waits++
            run.note(`Sender ${sender} waits: all ${capacity} places are taken`)
          }
          await channel.send(message, run.signal)
          run.note(`Sender ${sender} sent: ${message}`)
        }
      }
      const sending = Array.from({ length: senders }, (_, index) =>
        send(index + 1).catch((error) => {
          if (run.signal.aborted) return
          refused++
          run.note(`Sender ${index + 1} ended: ${error.message}`)
        }),
      )
      const sent = Promise.all(sending).then(() => channel.close())
      for await (const message of channel.receive()) {
        received.push(message)
        run.note(`Received: ${message}`)
        await run.sleep(pause)
        if (received.length === take) break
      }
      await sent
      run.signal.throwIfAborted()
      return { received, waits, refused }
    },
  })
}
export default channels
