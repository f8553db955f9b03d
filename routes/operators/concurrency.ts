/** What happens right now, as JSON. */
import type { FastifyPluginAsync } from 'fastify'
import { LOOKING_ON } from '../kit/looking-on.js'

const concurrency: FastifyPluginAsync = async (app) => {
  app.get('/concurrency', LOOKING_ON, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return app.concurrency.snapshot()
  })
}
export default concurrency
