/** Prometheus metrics of this app and of the process; OpenMetrics for those who ask for it. */
import type { FastifyPluginAsync } from 'fastify'
import { collectDefaultMetrics, type Metric, Registry } from 'prom-client'

const metrics: FastifyPluginAsync = async (app) => {
  const ofProcess = new Registry()
  collectDefaultMetrics({ register: ofProcess })
  const plain = Registry.merge([app.concurrency.registry, ofProcess])
  const open = toOpenMetrics(plain)

  app.get('/metrics', async (request, reply) => {
    const wantsOpen = request.headers.accept?.includes('application/openmetrics-text') === true
    const registry = wantsOpen ? open : plain
    reply.header('vary', 'accept').type(registry.contentType)
    return registry.metrics()
  })
}
export default metrics

/** The same metrics as views: in OpenMetrics prom-client renames the counters it holds. */
function toOpenMetrics(plain: Registry): Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE> {
  const open = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  for (const metric of plain.getMetricsAsArray() as unknown as ReadableMetric[]) {
    const get = async (): Promise<Reading> => {
      const reading = await (metric.getForPromString?.() ?? metric.get())
      return reading.type === 'counter'
        ? { ...reading, name: reading.name.replace(/_total$/, '') }
        : reading
    }
    open.registerMetric({ name: metric.name, type: metric.type, get } as unknown as Metric)
  }
  return open
}

interface Reading {
  name: string
  type: string
}
interface ReadableMetric extends Reading {
  get(): Promise<Reading>
  /** Histograms only: without exemplars, as text wants them. */
  getForPromString?(): Promise<Reading>
}
