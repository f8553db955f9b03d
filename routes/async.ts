/** The high-concurrency server: nothing but an answer. */
import type { FastifyPluginAsync } from 'fastify'
import type { ExampleOptions } from './example.js'

const asyncWeb: FastifyPluginAsync<ExampleOptions> = async (app, { method }) => {
  app.route({ method, url: '/async', handler: async () => 'Hello, async web!' })
}
export default asyncWeb
