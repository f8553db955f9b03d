/** What happens right now, as JSON. Who looks is not logged. */
import type { FastifyPluginAsync } from 'fastify'

const concurrency: FastifyPluginAsync = async (app) => {
  app.get('/concurrency', { logLevel: 'warn' }, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return app.concurrency.snapshot()
  })
}
export default concurrency
