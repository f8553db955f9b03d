/** Work that has only so much time: what takes longer is stopped, and answered 504. */
import type { FastifyPluginAsync } from 'fastify'
import { milliseconds } from './kit/input.js'
import { Failure, type PatternOptions, pattern } from './kit/pattern.js'

const timeout: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  pattern(app, options, {
    url: '/patterns/timeout',
    title: '3 s of work, 1 s allowed: 504',
    query: '?work=3000&allowed=1000',
    article: { 'time-out': '' },
    takes: { work: milliseconds(3000), allowed: milliseconds(1000) },
    work: async (run, { work, allowed }) => {
      using deadline = run.deadline(allowed)
      try {
        await run.sleep(work, deadline.signal)
      } catch {
        run.signal.throwIfAborted()
        run.note('The work stopped')
        throw new Failure(504, 'Timed out!')
      }
      return 'Completed'
    },
  })
}
export default timeout
