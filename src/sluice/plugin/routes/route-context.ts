/**
 * Where Fastify keeps the context of a request's route: behind a symbol that it does not export. The
 * public `request.routeOptions` makes an object of twelve fields at each access, which is a fifth of
 * what the plugin costs a request. With a Fastify that keeps it elsewhere that is only slower, and
 * routes that came before the plugin go without what it adds to a route's own handler and hooks.
 */
import type { FastifyRequest, RouteOptions } from 'fastify'

const NAME = 'fastify.context'

/** Of the same names as in a route's options. */
export interface RouteContext {
  readonly config?: object | undefined
  readonly handler?: RouteOptions['handler']
  readonly preHandler?: RouteOptions['preHandler'] | null
  readonly preValidation?: RouteOptions['preValidation'] | null
}

/** Of all requests of one app the same: each copy of Fastify has its own. */
export function contextKeyOf(request: FastifyRequest): symbol {
  const known = Object.getOwnPropertySymbols(request).find(
    ({ description }) => description === NAME,
  )
  return known ?? Symbol(NAME)
}

export function contextOf(request: FastifyRequest, key: symbol): RouteContext | undefined {
  return (request as unknown as { readonly [key: symbol]: RouteContext | undefined })[key]
}
