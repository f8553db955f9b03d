/**
 * The Fastify plugin: counts every request, takes it through its limiters, and drains. It only
 * translates between Fastify's hooks and the core.
 */
import type { FastifyPluginAsync } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { Concurrency } from './concurrency.js'
import { checkDeclarations } from './declarations.js'
import { refuse } from './option-checks.js'
import { readOptions } from './options.js'
import { watchAnswers } from './request/answer.js'
import { Gate } from './request/gate.js'
import { watchNotFound } from './request/not-found.js'
import { Routes } from './routes/routes.js'
import type { RequestConcurrency, SluiceOptions } from './types.js'

const sluice: FastifyPluginAsync<SluiceOptions> = async (app, options) => {
  const settings = readOptions(options)
  if (app.hasDecorator('concurrency')) {
    refuse('register', 'the plugin in a scope that has it', 'it once a scope: use route options')
  }
  const concurrency = new Concurrency(app, settings)
  const routes = new Routes(concurrency, settings)
  const gate = new Gate(concurrency, routes, settings)
  routes.use(gate.behindBody, settings.hook === 'preHandler' ? gate.preHandler : undefined)

  app.decorate('concurrency', concurrency)
  // Fastify's own way to reserve a property that each request sets.
  app.decorateRequest('concurrency', null as unknown as RequestConcurrency)
  watchAnswers(app)
  watchNotFound(app, routes)

  checkDeclarations(app)
  app.addHook('onRoute', routes.prepare)
  app.addHook('onRequest', gate.onRequest)
  if (settings.hook === 'preHandler') app.addHook('preHandler', gate.scopePreHandler)
  app.addHook('onReady', async () => {
    settings.sharing.check()
    settings.shared.check()
  })
  app.addHook('onReady', () => concurrency.start())
  app.addHook('preClose', () => concurrency.end())
  app.addHook('onClose', () => concurrency.stop())
}

export default fastifyPlugin(sluice, { name: 'fastify-sluice', fastify: '5.x' })
