/** Simulated asynchronous I/O: the handler waits two seconds and blocks nobody. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import type { ExampleOptions } from './example.js'

const delay: FastifyPluginAsync<ExampleOptions> = async (app, { method, timeScale }) => {
  app.route({
    method,
    url: '/delay',
    handler: async ({ concurrency: { signal } }) => {
      await sleep(2000 * timeScale, undefined, { signal })
      return 'Delayed Response'
    },
  })
}
export default delay
