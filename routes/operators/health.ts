/** Liveness: the process answers. Readiness: send it more, until it drains. Probes are not logged. */
import type { FastifyPluginAsync } from 'fastify'

const health: FastifyPluginAsync = async (app) => {
  const options = { logLevel: 'warn' } as const
  app.get('/health/live', options, async () => 'live')
  app.get('/health/ready', options, async (_request, reply) =>
    app.concurrency.draining ? reply.code(503).send('draining') : 'ready',
  )
}
export default health
