/** Prometheus metrics of this app and of the process; OpenMetrics for those who would rather have it. */
import type { FastifyPluginAsync } from 'fastify'
import { collectDefaultMetrics } from 'fastify-sluice'
import { LOOKING_ON } from '../kit/looking-on.js'

export interface MetricsOptions {
  /** Of all workers, where this is one of several. */
  whole?: { metrics(open: boolean): Promise<string> } | undefined
}

const metrics: FastifyPluginAsync<MetricsOptions> = async (app, { whole }) => {
  const plain = app.concurrency.registry
  const end = collectDefaultMetrics(plain)
  app.addHook('onClose', async () => end())

  app.get('/metrics', LOOKING_ON, async (request, reply) => {
    const open = prefersOpenMetrics(request.headers.accept)
    const registry = open ? plain.openMetrics() : plain
    reply.header('vary', 'accept').type(registry.contentType)
    return whole === undefined ? registry.metrics() : whole.metrics(open)
  })
}
export default metrics

/**
 * By the quality that each is given, and of equals OpenMetrics, which nobody names by accident. No
 * parameter but `q` counts: Prometheus sends some that no type of ours has, and takes it all the same.
 */
function prefersOpenMetrics(accept = ''): boolean {
  const ranges = accept.split(',').map((range) => {
    const [type = '', ...parameters] = range.toLowerCase().split(';')
    const q = parameters.map((parameter) => /^\s*q=([\d.]+)\s*$/.exec(parameter)?.[1])
    return { type: type.trim(), quality: Number(q.find((value) => value !== undefined) ?? 1) }
  })
  /** The first that is named decides. */
  const quality = (...types: string[]): number => {
    const named = types.find((name) => ranges.some(({ type }) => type === name))
    return Math.max(0, ...ranges.filter(({ type }) => type === named).map((range) => range.quality))
  }
  const open = quality('application/openmetrics-text')
  return open > 0 && open >= quality('text/plain', 'text/*', '*/*')
}
