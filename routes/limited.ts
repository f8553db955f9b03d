/**
 * At most two run, the others wait in order, however long. The plugin does it: the handler knows nothing
 * of it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import type { ExampleOptions } from './example.js'

const limited: FastifyPluginAsync<ExampleOptions> = async (app, { method, timeScale }) => {
  app.route({
    method,
    url: '/limited',
    config: { concurrency: { limit: 2, queue: { timeout: Number.POSITIVE_INFINITY } } },
    handler: async ({ concurrency: { signal }, log, originalUrl }) => {
      log.info(`Handling request: ${originalUrl}`)
      await sleep(3000 * timeScale, undefined, { signal })
      return 'Response from limited handler'
    },
  })
}
export default limited
