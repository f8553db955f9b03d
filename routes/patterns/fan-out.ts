/** Asks many upstreams, no more than a few at once: a permit each. Once one fails, the others are left. */
import { setMaxListeners } from 'node:events'
import type { FastifyPluginAsync } from 'fastify'
import { Semaphore } from '../../src/index.js'
import { integer, milliseconds } from './input.js'
import { type PatternOptions, pattern } from './pattern.js'
import { Upstreams } from './upstream.js'

const fanOut: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  const upstreams = new Upstreams()
  app.addHook('onClose', () => upstreams.close())
  let runs = 0

  pattern(app, options, {
    url: '/patterns/fan-out',
    takes: {
      upstreams: integer(8, 1, 20),
      limit: integer(3, 1, 20),
      delay: milliseconds(200),
    },
    work: async (run, { upstreams: count, limit, delay }) => {
      const permits = new Semaphore(limit)
      const about = `fan-out ${++runs}`
      const question = { about, delay: delay * run.timeScale, status: 200 } as const
      const failed = new AbortController()
      const signal = AbortSignal.any([run.signal, failed.signal])
      setMaxListeners(0, signal)
      let peak = 0
      async function ask(index: number): Promise<void> {
        using _permit = await permits.acquire({ signal })
        run.note(`Asking upstream ${index}`)
        const inHand = await run.outside(upstreams.ask(index, question, signal))
        peak = Math.max(peak, inHand)
        run.note(`Upstream ${index} answered`)
      }
      try {
        await Promise.all(Array.from({ length: count }, (_, index) => ask(index + 1)))
      } catch (error) {
        failed.abort()
        throw error
      }
      return { answered: count, peak }
    },
  })
}
export default fanOut
