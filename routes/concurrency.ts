/** What happens right now, as JSON. */
import type { FastifyPluginAsync } from 'fastify'

const concurrency: FastifyPluginAsync = async (app) => {
  app.get('/concurrency', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return app.concurrency.snapshot()
  })
}
export default concurrency
