/** Logs how many of its requests are active. One whose client leaves is subtracted like any other. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import type { ExampleOptions } from './example.js'

const counter: FastifyPluginAsync<ExampleOptions> = async (app, { method, timeScale }) => {
  let active = 0
  app.route({
    method,
    url: '/counter',
    handler: async ({ concurrency: { signal }, log }) => {
      log.info(`Request started: ${++active} active`)
      try {
        await sleep(2000 * timeScale, undefined, { signal })
      } finally {
        log.info(`Request finished: ${--active} active`)
      }
      return 'Done'
    },
  })
}
export default counter
