/** Route matching: two pages, and one answer for whatever else. */
import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

const routing: FastifyPluginAsync = async (app) => {
  app.get('/', async () => 'Home Page')
  app.get('/about', async () => 'About Us')

  const notFound = (reply: FastifyReply) => reply.code(404).send('Not Found')
  app.setNotFoundHandler((_request, reply) => notFound(reply))
  // At once: Fastify would read a body that nobody asked for, and may find fault with it.
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) notFound(reply)
    else done()
  })
}
// Not encapsulated: the answer for the unknown is the whole app's.
export default fastifyPlugin(routing)
