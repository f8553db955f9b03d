/** What the plugin knows of each route: its counts, its limiters, and what its options say. */
import type {
  FastifyRequest,
  preHandlerHookHandler,
  preValidationHookHandler,
  RouteOptions,
} from 'fastify'
import type { Limiter } from '../core/limiter.js'
import type { RouteTraffic, Traffic } from '../metrics/traffic.js'
import type { Admitting } from './admission.js'
import type { Concurrency } from './concurrency.js'
import { watchHandler } from './handler.js'
import { readRouteConcurrency, refuse, type Settings } from './options.js'
import type { EndRules } from './request-state.js'
import { contextKeyOf, contextOf } from './route-context.js'
import { RouteLimiters } from './route-limiters.js'
import type { PriorityFunction, ReleaseOn, RouteConcurrencyOptions } from './types.js'

/** In the route's config, which Fastify keeps as one object from start to end. */
const kRoute = Symbol('sluice.route')
/** What works on a request, of a route or of none. */
export type WorkOptions = Pick<RouteOptions, 'handler' | 'preHandler' | 'preValidation'> &
  Partial<Pick<RouteOptions, 'method'>>
type Hook = preHandlerHookHandler & preValidationHookHandler
type RouteConfig = NonNullable<RouteOptions['config']> & { [kRoute]?: Route }

/** The label of requests that no route matched. */
export const UNMATCHED = '(unmatched)'
/**
 * Those of RFC 9110, PATCH and QUERY. Any other of the 34 that Node parses is labelled `_OTHER`, as
 * in OpenTelemetry's conventions: a client must not be able to make series.
 */
const METHODS = new Set('CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE'.split(' '))
const OTHER_METHOD = '_OTHER'
const BODILESS = new Set(['GET', 'HEAD', 'TRACE'])

interface RouteSettings extends Omit<EndRules, 'isWatched'> {
  /** The event loop's first, then narrowest first, the app's last. */
  readonly limiters: readonly Admitting[]
  /** Outside every limit, and never refused. */
  readonly exempt: boolean
  readonly priority: PriorityFunction | undefined
  /** Milliseconds. */
  readonly timeout: number | undefined
}

export class Route implements RouteSettings, EndRules {
  readonly limiters: readonly Admitting[]
  readonly exempt: boolean
  readonly learns: boolean
  readonly releaseOn: ReleaseOn
  readonly abandonAfter: number
  isWatched = false
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
    this.learns = settings.learns
    this.releaseOn = settings.releaseOn
    this.abandonAfter = settings.abandonAfter
    this.priority = settings.priority
    this.timeout = settings.timeout
  }

  traffic(method: string): RouteTraffic {
    let traffic = this.#traffic[method]
    if (traffic === undefined) {
      const label = METHODS.has(method) ? method : OTHER_METHOD
      traffic = this.#all.route(label, this.#pattern)
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
  readonly #limiters: RouteLimiters
  /** Routes that were declared before the plugin, by their pattern. */
  readonly #early = new Map<string, Route>()
  #contextKey: symbol | undefined
  #behindBody: Hook | undefined
  #admitLast: Hook | undefined

  constructor(concurrency: Concurrency, settings: Settings) {
    this.#concurrency = concurrency
    this.#settings = settings
    this.#limiters = new RouteLimiters(concurrency.limiters, settings.sharing)
    this.#unmatched = this.#create(UNMATCHED, undefined, {})
  }

  /** @throws SLUICE_OPTIONS for a route that asks for a limit but came before the plugin. */
  of(request: FastifyRequest): Route {
    this.#contextKey ??= contextKeyOf(request)
    const known = contextOf(request, this.#contextKey)?.config as RouteConfig | undefined
    return known?.[kRoute] ?? this.#search(request)
  }

  /** Where `of` did not find it: no route matched, or it came before the plugin. */
  #search(request: FastifyRequest): Route {
    const { config, url } = request.routeOptions
    const route = (config as RouteConfig)[kRoute]
    if (route !== undefined) return route
    return url === undefined ? this.#unmatched : this.#earlyRoute(url, config)
  }

  /** The `onRoute` hook. @throws SLUICE_OPTIONS */
  prepare(options: RouteOptions): void {
    const { url, config } = options
    const name = nameOf(options)
    const given =
      config?.concurrency === undefined ? {} : readRouteConcurrency(name, config.concurrency)
    const isExempt = this.#isExempt(url)
    if (isExempt && given !== false && config?.concurrency !== undefined) {
      const takes = 'effect only where the route is not exempt'
      refuse(`${name}: config.concurrency`, config.concurrency, takes)
    }
    if (given === false || isExempt) {
      options.config = { ...config, [kRoute]: this.#createExempt(url) } as RouteConfig
      return
    }
    const route = this.#create(url, this.#limiters.of(name, options, given), given)
    options.config = { ...config, [kRoute]: route } as RouteConfig
    const limited = route.limiters.length > 0 || this.#settings.keyed !== undefined
    if (limited || route.timeout !== undefined) this.#watch(route, options)
  }

  /** A not-found handler that is set behind the plugin. */
  prepareNotFound(options: WorkOptions): void {
    this.#watch(this.#unmatched, options)
  }

  /**
   * The hooks of the gate that come at their own place in a route: behind its body, and, where the
   * options say so, behind all other `preHandler` hooks.
   */
  use(behindBody: Hook, admitLast: Hook | undefined): void {
    this.#behindBody = behindBody
    this.#admitLast = admitLast
  }

  #watch(route: Route, options: WorkOptions): void {
    route.isWatched = true
    options.handler = watchHandler(options.handler)
    if (this.#admitLast) {
      options.preHandler = [options.preHandler ?? [], this.#admitLast].flat()
    }
    if (this.#behindBody && mayHaveBody(options)) {
      options.preValidation = [this.#behindBody, options.preValidation ?? []].flat()
    }
  }

  #createExempt(pattern: string): Route {
    return new Route(this.#concurrency.traffic, pattern, {
      limiters: [],
      exempt: true,
      learns: false,
      releaseOn: 'close',
      abandonAfter: Number.POSITIVE_INFINITY,
      priority: undefined,
      timeout: undefined,
    })
  }

  #create(pattern: string, own: Limiter | undefined, given: RouteConcurrencyOptions): Route {
    const { app, keyed, priority, sharing } = this.#settings
    const milliseconds = given.timeout ?? this.#settings.timeout
    const timeout = milliseconds === Number.POSITIVE_INFINITY ? undefined : milliseconds
    if ((given.priority ?? priority) !== undefined) sharing.told(own, app, keyed?.limiters)
    return new Route(this.#concurrency.traffic, pattern, {
      limiters: [this.#concurrency.pressure, own, app].filter((limiter) => limiter !== undefined),
      exempt: false,
      learns: timeout !== undefined || [own, app].some((limiter) => limiter?.isFixed === false),
      releaseOn: given.releaseOn ?? this.#settings.releaseOn,
      abandonAfter: given.abandonAfter ?? this.#settings.abandonAfter,
      priority: given.priority ?? priority,
      timeout,
    })
  }

  #isExempt(url: string): boolean {
    return this.#settings.exempt.some((pattern) =>
      pattern.endsWith('*') ? url.startsWith(pattern.slice(0, -1)) : url === pattern,
    )
  }

  #earlyRoute(pattern: string, config: RouteConfig): Route {
    if (config.concurrency !== undefined) {
      refuse(`${pattern}: config.concurrency`, config.concurrency, 'effect only behind the plugin')
    }
    let route = this.#early.get(pattern)
    if (route === undefined) {
      route = this.#isExempt(pattern)
        ? this.#createExempt(pattern)
        : this.#create(pattern, undefined, {})
      this.#early.set(pattern, route)
    }
    return route
  }
}

/** Fastify reads none of these methods; a not-found handler has all. */
function mayHaveBody({ method = 'POST' }: WorkOptions): boolean {
  return [method].flat().some((each) => !BODILESS.has(each.toUpperCase()))
}

/** Routes of one URL that differ by constraints have limiters, and so metrics, of their own. */
function nameOf({ method, url, constraints = {} }: RouteOptions): string {
  const differences = Object.entries(constraints).map(([name, value]) => ` ${name}=${value}`)
  return `${[method].flat().join(',')} ${url}${differences.join('')}`
}
