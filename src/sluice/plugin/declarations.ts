/**
 * All routes of an app, wherever and whenever they are declared. A plugin is told only of those of its
 * scope that come after it, yet has to know who asks it in vain. Fastify announces each app that is
 * made; one that was made before this module was loaded is known from the plugin's registration on.
 */
import { subscribe } from 'node:diagnostics_channel'
import { isDeepStrictEqual } from 'node:util'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { show } from '../core/check.js'
import { OptionsError } from '../core/errors.js'
import { refuse } from './option-checks.js'
import { refuseBesideConfig } from './routes/misplaced.js'
import { nameOf } from './routes/route-name.js'
import { kRoute, type RouteConfig } from './routes/routes.js'

interface Declaration {
  /** Fastify hands it from hook to hook, and each may change it. */
  readonly route: RouteOptions
  /** Made where the route was declared, for a route that asked for a limit there. */
  readonly inVain: Error | undefined
}

interface App {
  readonly declarations: Declaration[]
  /** None is missing among them. */
  readonly complete: boolean
  /** The plugin is registered somewhere in it. */
  checked: boolean
}

const apps = new WeakMap<object, App>()

subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: FastifyInstance }
  listen(fastify, begin(fastify, true))
})

/** With a route that the plugin did not read, or not as it is when all are declared, no app starts. */
export function checkDeclarations(app: FastifyInstance): void {
  const known = apps.get(app.server) ?? begin(app, false)
  known.checked = true
  if (!known.complete) listen(app, known)
}

function begin(app: FastifyInstance, complete: boolean): App {
  const known: App = { declarations: [], complete, checked: false }
  apps.set(app.server, known)
  app.addHook('onReady', async () => {
    if (known.checked) for (const declaration of known.declarations) check(declaration)
    known.declarations.length = 0
  })
  return known
}

function listen(app: FastifyInstance, { declarations }: App): void {
  app.addHook('onRoute', (route) => {
    const asks = route.config?.concurrency !== undefined
    declarations.push({ route, inVain: asks ? inVain(route) : undefined })
  })
}

function check({ route, inVain: error }: Declaration): void {
  const config = route.config as RouteConfig | undefined
  const asked = config?.concurrency
  const name = nameOf(route)
  refuseBesideConfig(name, route)
  if (config?.[kRoute] === undefined) {
    if (asked !== undefined && asked !== false) throw error ?? inVain(route)
  } else if (!isDeepStrictEqual(config[kRoute].asked, asked)) {
    const takes = 'what it was when the plugin read it: add the onRoute hook that sets it before'
    refuse(`${name}: config.concurrency`, asked, `${takes} app.register(sluice)`)
  }
}

function inVain(route: RouteOptions): Error {
  return new OptionsError(
    `${nameOf(route)}: config.concurrency`,
    show(route.config?.concurrency),
    "effect only behind the plugin: await app.register(sluice) before the route, in the route's scope or around it, or declare the route in a plugin that is registered later",
  )
}
