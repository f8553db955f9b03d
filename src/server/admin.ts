/**
 * A listener for the operators alone: what `only` registers exists there and nowhere else, beside all
 * the other routes, since the dashboard's buttons ask for those where the page came from. A
 * constraint of the router sees to it, so that the public port does not find what is not there, as
 * it finds no unknown path, however the URL is spelled.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { Listener } from './listener.js'

const kAdmin = Symbol('admin')
type AdminSocket = Socket & { [kAdmin]?: true }

export interface Admin {
  readonly listener: Listener
  /** Registers a plugin whose routes exist on the listener only. */
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
