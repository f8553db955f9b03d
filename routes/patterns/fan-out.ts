/**
 * Asks many upstreams, no more than a few at once: a permit each. Once one fails, the others are left.
 * There are as many connections to each upstream as requests at once, so that none waits for another's
 * connection, and half of the places are kept from those that will take long: short ones always come by.
 */
import { setMaxListeners } from 'node:events'
import type { FastifyPluginAsync } from 'fastify'
import { Semaphore } from 'fastify-sluice'
import { Unavailable } from '../kit/faults.js'
import { integer, milliseconds } from './kit/input.js'
import { type PatternOptions, pattern } from './kit/pattern.js'
import { Upstreams } from './kit/upstream.js'

/** The most requests at once. */
const PLACES = 10
/** Those of them that may take long. */
const LONG_PLACES = 5
/** Milliseconds from which it is long. */
const LONG = 1000

const fanOut: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  const upstreams = new Upstreams(PLACES)
  const longPlaces = new Semaphore(LONG_PLACES)
  app.addHook('onClose', () => upstreams.close())
  let runs = 0

  pattern(app, options, {
    url: '/patterns/fan-out',
    title: 'eight upstreams asked, three at a time',
    query: '?upstreams=8&limit=3',
    takes: {
      upstreams: integer(8, 1, 20),
      limit: integer(3, 1, 20),
      delay: milliseconds(200),
    },
    concurrency: { limit: PLACES, queue: { size: 100, timeout: 5000 } },
    work: async (run, { upstreams: count, limit, delay }) => {
      const permits = new Semaphore(limit)
      const about = `fan-out ${++runs}`
      const question = { about, delay: delay * run.timeScale, status: 200 } as const
      const isLong = Math.ceil(count / limit) * question.delay > LONG
      using place = isLong ? longPlaces.tryAcquire() : undefined
      if (isLong && place === undefined) throw new Unavailable('Enough that take long')
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
