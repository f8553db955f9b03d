/** Liveness: the process answers. Readiness: send it more, until it drains. */
import type { FastifyPluginAsync } from 'fastify'
import { LOOKING_ON } from '../kit/looking-on.js'

const health: FastifyPluginAsync = async (app) => {
  app.get('/health/live', LOOKING_ON, async () => 'live')
  app.get('/health/ready', LOOKING_ON, async (_request, reply) =>
    app.concurrency.draining ? reply.code(503).send('draining') : 'ready',
  )
}
export default health
