/** A static response. */
import type { FastifyPluginAsync } from 'fastify'
import type { ExampleOptions } from './example.js'

const hello: FastifyPluginAsync<ExampleOptions> = async (app, { method }) => {
  app.route({ method, url: '/hello', handler: async () => 'Hello from async Rust!' })
}
export default hello
