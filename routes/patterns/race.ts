/** Whoever is first wins; the other is stopped by its signal, and seen to stop before the answer. */
import type { FastifyPluginAsync } from 'fastify'
import { milliseconds } from './kit/input.js'
import { type PatternOptions, pattern } from './kit/pattern.js'

const race: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  pattern(app, options, {
    url: '/patterns/race',
    title: 'the first wins, the other is stopped',
    article: { select: '' },
    takes: { slow: milliseconds(3000), fast: milliseconds(1000) },
    work: async (run, { slow, fast }) => {
      const decided = new AbortController()
      const signal = AbortSignal.any([run.signal, decided.signal])
      const task = async (name: string, ms: number): Promise<string> => {
        try {
          await run.sleep(ms, signal)
        } catch (error) {
          run.note(`${name} stopped`)
          throw error
        }
        run.note(`${name} finished`)
        return `${name} result`
      }
      const tasks = [task('slow', slow), task('fast', fast)]
      try {
        return await Promise.race(tasks)
      } finally {
        decided.abort()
        await Promise.allSettled(tasks)
      }
    },
  })
}
export default race
