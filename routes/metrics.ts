/** Prometheus metrics of this app and of the process; OpenMetrics for those who ask for it. */
import type { FastifyPluginAsync } from 'fastify'
import { collectDefaultMetrics } from 'prom-client'

const metrics: FastifyPluginAsync = async (app) => {
  const plain = app.concurrency.registry
  collectDefaultMetrics({ register: plain })
  const open = plain.openMetrics()

  app.get('/metrics', async (request, reply) => {
    const wantsOpen = request.headers.accept?.includes('application/openmetrics-text') === true
    const registry = wantsOpen ? open : plain
    reply.header('vary', 'accept').type(registry.contentType)
    return registry.metrics()
  })
}
export default metrics
