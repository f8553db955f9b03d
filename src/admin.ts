/**
 * A listener for the operators alone: the routes that `only` registers exist there and nowhere else,
 * and no others exist there. A constraint of the router sees to it, so that what a port does not
 * have is not found as any unknown path is, however its URL is spelled.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { Listener } from './listener.js'

const kAdmin = Symbol('admin')
type AdminSocket = Socket & { [kAdmin]?: true }

export interface Admin {
  readonly listener: Listener
  /** Registers the plugin with all its routes on the listener, and on it only. */
  only(plugin: FastifyPluginAsync): Promise<void>
}

/** To be called before any route is registered. */
export function createAdmin(app: FastifyInstance): Admin {
  app.addConstraintStrategy({
    name: 'listener',
    storage: () => new Map(),
    validate: () => {},
    deriveConstraint: ({ socket }: IncomingMessage) =>
      (socket as AdminSocket)[kAdmin] ? 'admin' : undefined,
    mustMatchWhenDerived: true,
  })
  const listener = new Listener(app, (socket: AdminSocket) => {
    socket[kAdmin] = true
  })
  return {
    listener,
    async only(plugin) {
      await app.register(async (scope) => {
        scope.addHook('onRoute', (route) => {
          route.constraints = { ...route.constraints, listener: 'admin' }
        })
        await scope.register(plugin)
      })
    },
  }
}
