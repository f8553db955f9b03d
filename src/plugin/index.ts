/**
 * The Fastify plugin: counts every request, takes it through its limiters, and drains. It only
 * translates between Fastify's hooks and the core; no hook but `onRequest` runs per request.
 */
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { ActiveRequest, countGone } from './active-request.js'
import { admit } from './admission.js'
import { Concurrency } from './concurrency.js'
import { checkPluginOptions } from './options.js'
import { reject } from './rejection.js'
import { Routes } from './routes.js'
import type { RequestConcurrency, SluiceOptions } from './types.js'

const sluice: FastifyPluginAsync<SluiceOptions> = async (app, options) => {
  checkPluginOptions(options)
  const concurrency = new Concurrency(app.server)
  const routes = new Routes(concurrency, options)

  app.decorate('concurrency', concurrency)
  // Fastify's own way to reserve a property that each request sets.
  app.decorateRequest('concurrency', null as unknown as RequestConcurrency)

  app.addHook('onRoute', (route) => routes.prepare(route))
  app.addHook('onRequest', onRequest)
  app.addHook('preClose', () => concurrency.end())
  app.addHook('onClose', async () => concurrency.stop())

  function onRequest(
    this: FastifyInstance,
    request: FastifyRequest,
    reply: FastifyReply,
    done: () => void,
  ): void {
    const { raw } = request
    const route = routes.of(request)
    const traffic = route.traffic[request.method] ?? route.add(request.method)
    // An earlier hook may have let the client go; a request that is never continued is collected.
    if (raw.aborted || raw.socket.destroyed) return countGone(concurrency.traffic, traffic)
    const active = new ActiveRequest(concurrency.active, traffic, raw, reply.raw)
    request.concurrency = active
    if (concurrency.shutdown.started) reply.raw.setHeader('connection', 'close')
    if (concurrency.shutdown.refusing && !route.exempt) {
      active.rejected = true
      return reject(request, reply, 'closed', concurrency)
    }
    if (route.limiters.length === 0) return done()
    active.whenSendable(() =>
      admit(active, route.limiters, done, (reason, limiter) =>
        reject(request, reply, reason, limiter),
      ),
    )
  }
}

export default fastifyPlugin(sluice, { name: 'fastify-sluice', fastify: '5.x' })
