/** What happens right now, as JSON. */
import type { FastifyPluginAsync } from 'fastify'
import { LOOKING_ON } from '../kit/looking-on.js'

export interface ConcurrencyOptions {
  /** Of all workers, where this is one of several. */
  whole?: { snapshot(): Promise<object> } | undefined
}

const concurrency: FastifyPluginAsync<ConcurrencyOptions> = async (app, { whole }) => {
  app.get('/concurrency', LOOKING_ON, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return whole === undefined ? app.concurrency.snapshot() : whole.snapshot()
  })
}
export default concurrency
