/**
 * Asks an upstream every so often, in the background of other work: with jitter, so that many do not
 * ask at once, with a time-out for each, and less and less often while it fails.
 */
import type { FastifyPluginAsync } from 'fastify'
import { fraction, integer, milliseconds } from './kit/input.js'
import { type PatternOptions, pattern } from './kit/pattern.js'
import type { Run } from './kit/run.js'
import { Upstreams } from './kit/upstream.js'

/** The most that poll at once, each on a connection of its own. */
const POLLERS = 50
/** The longest wait after failures, in intervals. */
const MAX_BACKOFF = 8

const polling: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  const upstreams = new Upstreams(POLLERS)
  app.addHook('onClose', () => upstreams.close())

  pattern(app, options, {
    url: '/patterns/polling',
    title: 'an upstream asked every 5 s, with back-off',
    query: '?failures=1',
    article: { polling: '' },
    takes: {
      every: milliseconds(5000, 100),
      for: milliseconds(12_000),
      jitter: fraction(0.1),
      // Of real time, as the upstream is real.
      timeout: milliseconds(1000, 10),
      delay: milliseconds(0),
      failures: integer(0, 0, 20),
    },
    concurrency: { limit: POLLERS, queue: { size: 0 } },
    work: async (run, input) => {
      const count = { polls: 0, answered: 0, failed: 0 }

      async function poll(end: AbortSignal): Promise<void> {
        let backoff = 1
        while (!end.aborted) {
          const status = count.polls < input.failures ? 503 : 200
          count.polls++
          run.note('Polling external API...')
          const signal = AbortSignal.any([end, AbortSignal.timeout(input.timeout)])
          const question = { about: 'polls', delay: input.delay * run.timeScale, status } as const
          try {
            await run.outside(upstreams.ask(0, question, signal))
            count.answered++
            backoff = 1
          } catch (error) {
            if (end.aborted) return
            count.failed++
            backoff = Math.min(backoff * 2, MAX_BACKOFF)
            run.note(`Poll ${count.polls} failed: ${(error as Error).message}`)
          }
          await run.sleep(jittered(input.every * backoff, input.jitter), end).catch(() => {})
        }
      }

      await inBackground(run, input.for, poll)
      return count
    },
  })
}
export default polling

/** Runs it beside other work, and ends it with that. */
async function inBackground(
  run: Run,
  ms: number,
  task: (end: AbortSignal) => Promise<void>,
): Promise<void> {
  using other = run.deadline(ms)
  const background = task(other.signal)
  run.note('App is doing other work...')
  await background
  run.signal.throwIfAborted()
  run.note('Main task done.')
}

function jittered(ms: number, jitter: number): number {
  return ms * (1 + jitter * (2 * Math.random() - 1))
}
