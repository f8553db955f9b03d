/** Route matching: two pages, and one answer for whatever else. */
import type { FastifyPluginAsync } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

const routing: FastifyPluginAsync = async (app) => {
  app.get('/', async () => 'Home Page')
  app.get('/about', async () => 'About Us')
  app.setNotFoundHandler((_request, reply) => reply.code(404).send('Not Found'))
}
// Not encapsulated: the answer for the unknown is the whole app's.
export default fastifyPlugin(routing)
