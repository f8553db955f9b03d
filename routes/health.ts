/** Liveness: the process answers. Readiness: send it more, until it drains. */
import type { FastifyPluginAsync } from 'fastify'

const health: FastifyPluginAsync = async (app) => {
  app.get('/health/live', async () => 'live')
  app.get('/health/ready', async (_request, reply) =>
    app.concurrency.draining ? reply.code(503).send('draining') : 'ready',
  )
}
export default health
