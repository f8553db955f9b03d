/** What the plugin knows of each route: its counts, its limiters, and its handler's start and end. */
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RouteHandlerMethod,
  RouteOptions,
} from 'fastify'
import type { Limiter } from '../core/limiter.js'
import type { RouteTraffic, Traffic } from '../metrics/traffic.js'
import type { ActiveRequest } from './active-request.js'
import type { Concurrency } from './concurrency.js'
import { createLimiter, readRouteConcurrency } from './options.js'
import type { SluiceOptions } from './types.js'

/** In the route's config, which Fastify keeps as one object from start to end. */
const kRoute = Symbol('sluice.route')
type RouteConfig = NonNullable<RouteOptions['config']> & { [kRoute]?: Route }

/** The label of requests that no route matched. */
const UNMATCHED = '(unmatched)'
/** Never limited, never refused: what probes and operators need in the worst hour. */
const EXEMPT = /^\/(health(\/|$)|metrics$|concurrency(\/|$)|dashboard$)/

export class Route {
  readonly traffic: Record<string, RouteTraffic> = {}
  /** Narrowest first, the app's last. */
  readonly limiters: readonly Limiter[]
  readonly exempt: boolean
  readonly #all: Traffic
  readonly #pattern: string

  constructor(all: Traffic, pattern: string, limiters: readonly Limiter[], exempt: boolean) {
    this.#all = all
    this.#pattern = pattern
    this.limiters = limiters
    this.exempt = exempt
  }

  add(method: string): RouteTraffic {
    const traffic = this.#all.route(method, this.#pattern)
    this.traffic[method] = traffic
    return traffic
  }
}

export class Routes {
  /** For requests that match no route: under the app's limit, as every request. */
  readonly #unmatched: Route
  readonly #concurrency: Concurrency
  readonly #app: Limiter | undefined
  /** The last GET route, whose limiter Fastify's automatic HEAD route shares. */
  #get: { url: string; config: unknown; own: Limiter | undefined } | undefined

  constructor(concurrency: Concurrency, { limit, queue }: SluiceOptions) {
    this.#concurrency = concurrency
    if (limit !== undefined) {
      this.#app = createLimiter({ name: 'app', limit, queue })
      concurrency.limiters.push(this.#app)
    }
    this.#unmatched = this.#route(UNMATCHED, undefined, false)
  }

  of(request: FastifyRequest): Route {
    return (request.routeOptions.config as RouteConfig)[kRoute] ?? this.#unmatched
  }

  /** The `onRoute` hook. */
  prepare(options: RouteOptions): void {
    const methods = [options.method].flat()
    const exempt = EXEMPT.test(options.url) || options.config?.concurrency === false
    const own = exempt ? undefined : this.#ownLimiter(methods.join(','), options)
    const route = this.#route(options.url, own, exempt)
    for (const method of methods) route.add(method)
    options.config = { ...options.config, [kRoute]: route } as RouteConfig
    if (route.limiters.length > 0) options.handler = watchHandler(options.handler)
  }

  #route(pattern: string, own: Limiter | undefined, exempt: boolean): Route {
    const limiters = exempt ? [] : [own, this.#app].filter((limiter) => limiter !== undefined)
    return new Route(this.#concurrency.traffic, pattern, limiters, exempt)
  }

  #ownLimiter(method: string, { url, config }: RouteOptions): Limiter | undefined {
    if (method === 'HEAD' && this.#get?.url === url && this.#get.config === config) {
      return this.#get.own
    }
    const own = this.#createOwn(`${method} ${url}`, config)
    if (method === 'GET') this.#get = { url, config, own }
    return own
  }

  #createOwn(name: string, config: RouteOptions['config']): Limiter | undefined {
    if (config?.concurrency === undefined) return undefined
    const options = readRouteConcurrency(name, config.concurrency)
    if (options === false) return undefined
    const limiter = createLimiter({ name, ...options })
    this.#concurrency.limiters.push(limiter)
    return limiter
  }
}

/**
 * Tells the request when its handler begins and settles. A request that is over before its handler
 * begins has given its permits back, so the handler must not run.
 */
function watchHandler(handler: RouteHandlerMethod): RouteHandlerMethod {
  return function (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply): unknown {
    const active = request.concurrency as ActiveRequest
    if (active.closed) {
      reply.hijack()
      return undefined
    }
    active.handlerStarted()
    let result: unknown
    try {
      result = handler.call(this, request, reply)
    } catch (error) {
      active.handlerSettled()
      throw error
    }
    // A reply is a thenable of its own, which waits for the response; the request does so anyway.
    if (result !== reply && typeof (result as PromiseLike<unknown>)?.then === 'function') {
      const settled = (): void => active.handlerSettled()
      ;(result as PromiseLike<unknown>).then(settled, settled)
    } else {
      active.handlerSettled()
    }
    return result
  }
}
