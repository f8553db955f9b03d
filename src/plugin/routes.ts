/** What the plugin knows of each route: its counts, its limiters, and what its options say. */
import type { FastifyRequest, RouteOptions } from 'fastify'
import type { Limiter } from '../core/limiter.js'
import type { RouteTraffic, Traffic } from '../metrics/traffic.js'
import type { Concurrency } from './concurrency.js'
import { watchHandler } from './handler.js'
import { createLimiter, readRouteConcurrency, refuse, type Settings } from './options.js'
import type { PriorityFunction, RouteConcurrencyOptions } from './types.js'

/** In the route's config, which Fastify keeps as one object from start to end. */
const kRoute = Symbol('sluice.route')
type RouteConfig = NonNullable<RouteOptions['config']> & { [kRoute]?: Route }

/** The label of requests that no route matched. */
const UNMATCHED = '(unmatched)'

interface RouteSettings {
  /** Narrowest first, the app's last. */
  readonly limiters: readonly Limiter[]
  /** Outside every limit, and never refused. */
  readonly exempt: boolean
  readonly priority: PriorityFunction | undefined
  /** Milliseconds. */
  readonly timeout: number | undefined
}

export class Route implements RouteSettings {
  readonly limiters: readonly Limiter[]
  readonly exempt: boolean
  readonly priority: PriorityFunction | undefined
  readonly timeout: number | undefined
  readonly #all: Traffic
  readonly #pattern: string
  readonly #traffic: Record<string, RouteTraffic> = {}

  constructor(all: Traffic, pattern: string, settings: RouteSettings) {
    this.#all = all
    this.#pattern = pattern
    this.limiters = settings.limiters
    this.exempt = settings.exempt
    this.priority = settings.priority
    this.timeout = settings.timeout
  }

  traffic(method: string): RouteTraffic {
    let traffic = this.#traffic[method]
    if (traffic === undefined) {
      traffic = this.#all.route(method, this.#pattern)
      this.#traffic[method] = traffic
    }
    return traffic
  }
}

export class Routes {
  readonly #concurrency: Concurrency
  readonly #settings: Settings
  /** For requests that match no route: under the app's limits, as every request. */
  readonly #unmatched: Route
  readonly #groups = new Map<string, { limiter: Limiter; options: RouteConcurrencyOptions }>()
  /** The last GET route, whose limiter Fastify's automatic HEAD route shares. */
  #get: { url: string; config: unknown; own: Limiter | undefined } | undefined

  constructor(concurrency: Concurrency, settings: Settings) {
    this.#concurrency = concurrency
    this.#settings = settings
    this.#unmatched = this.#create(UNMATCHED, undefined, {})
  }

  of(request: FastifyRequest): Route {
    return (request.routeOptions.config as RouteConfig)[kRoute] ?? this.#unmatched
  }

  /** The `onRoute` hook. @throws SLUICE_OPTIONS */
  prepare(options: RouteOptions): void {
    const { url, config } = options
    const name = `${[options.method].flat().join(',')} ${url}`
    const given =
      config?.concurrency === undefined ? {} : readRouteConcurrency(name, config.concurrency)
    if (given === false || this.#isExempt(url)) {
      options.config = { ...config, [kRoute]: this.#createExempt(url) } as RouteConfig
      return
    }
    const route = this.#create(url, this.#ownLimiter(name, options, given), given)
    options.config = { ...config, [kRoute]: route } as RouteConfig
    const limited = route.limiters.length > 0 || this.#settings.keyed !== undefined
    if (limited || route.timeout !== undefined) {
      const releaseOn = given.releaseOn ?? this.#settings.releaseOn
      options.handler = watchHandler(options.handler, releaseOn)
    }
  }

  #createExempt(pattern: string): Route {
    return new Route(this.#concurrency.traffic, pattern, {
      limiters: [],
      exempt: true,
      priority: undefined,
      timeout: undefined,
    })
  }

  #create(pattern: string, own: Limiter | undefined, given: RouteConcurrencyOptions): Route {
    const { app, priority, timeout } = this.#settings
    const milliseconds = given.timeout ?? timeout
    return new Route(this.#concurrency.traffic, pattern, {
      limiters: [own, app].filter((limiter) => limiter !== undefined),
      exempt: false,
      priority: given.priority ?? priority,
      timeout: milliseconds === Number.POSITIVE_INFINITY ? undefined : milliseconds,
    })
  }

  #isExempt(url: string): boolean {
    return this.#settings.exempt.some((pattern) =>
      pattern.endsWith('*') ? url.startsWith(pattern.slice(0, -1)) : url === pattern,
    )
  }

  #ownLimiter(
    name: string,
    { method, url, config }: RouteOptions,
    given: RouteConcurrencyOptions,
  ): Limiter | undefined {
    if (method === 'HEAD' && this.#get?.url === url && this.#get.config === config) {
      return this.#get.own
    }
    const own = given.group === undefined ? this.#add(name, name, given) : this.#group(name, given)
    if (method === 'GET') this.#get = { url, config, own }
    return own
  }

  #group(name: string, given: RouteConcurrencyOptions): Limiter | undefined {
    const group = given.group as string
    const where = `${name}: config.concurrency`
    const known = this.#groups.get(group)
    if (known === undefined) {
      if (given.limit === undefined) {
        refuse(`${where}.group`, group, 'a group that an earlier route made, or a limit beside it')
      }
      const limiter = this.#add(name, group, given) as Limiter
      this.#groups.set(group, { limiter, options: given })
      return limiter
    }
    if (given.limit !== undefined && given.limit !== known.options.limit) {
      refuse(`${where}.limit`, given.limit, `what group '${group}' has, or nothing`)
    }
    if (given.queue !== undefined && given.queue !== known.options.queue) {
      refuse(`${where}.queue`, given.queue, `what group '${group}' has, or nothing`)
    }
    return known.limiter
  }

  #add(
    route: string,
    name: string,
    { limit, queue }: RouteConcurrencyOptions,
  ): Limiter | undefined {
    if (limit === undefined) return undefined
    const limiter = createLimiter(`${route}: config.concurrency.`, { name, limit, queue })
    this.#concurrency.limiters.push(limiter)
    return limiter
  }
}
