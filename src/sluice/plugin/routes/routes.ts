/** The routes of a scope, and what the plugin adds to each. */
import type {
  FastifyRequest,
  preHandlerHookHandler,
  preValidationHookHandler,
  RouteOptions,
} from 'fastify'
import { OptionsError } from '../../core/errors.js'
import type { Concurrency } from '../concurrency.js'
import { refuse } from '../option-checks.js'
import { copyOf, type OwnLimiter, readRouteConcurrency, type Settings } from '../options.js'
import { watchHandler } from '../request/handler.js'
import type { RouteConcurrencyOptions } from '../types.js'
import { checkNotFoundOptions, refuseBesideConfig } from './misplaced.js'
import { Route } from './route.js'
import { contextKeyOf, contextOf, type RouteContext } from './route-context.js'
import { RouteLimiters } from './route-limiters.js'
import { nameOf, UNMATCHED } from './route-name.js'

/** In the route's config, which Fastify keeps as one object from start to end. */
export const kRoute: unique symbol = Symbol('sluice.route')
/** What works on a request, of a route or of none. */
export type WorkOptions = Pick<
  RouteOptions,
  'config' | 'handler' | 'preHandler' | 'preValidation'
> &
  Partial<Pick<RouteOptions, 'method'>>
type Hook = preHandlerHookHandler & preValidationHookHandler
export type RouteConfig = NonNullable<RouteOptions['config']> & { [kRoute]?: Route }

const NOWHERE = { name: UNMATCHED, url: UNMATCHED }
const BODILESS = new Set(['GET', 'HEAD', 'TRACE'])

export class Routes {
  readonly #concurrency: Concurrency
  readonly #settings: Settings
  /** For requests that match no route: under the app's limits, as every request. */
  readonly #unmatched: Route
  readonly #limiters: RouteLimiters
  #contextKey: symbol | undefined
  #behindBody: Hook | undefined
  #admitLast: Hook | undefined

  constructor(concurrency: Concurrency, settings: Settings) {
    this.#concurrency = concurrency
    this.#settings = settings
    this.#limiters = new RouteLimiters(concurrency.limiters, settings.sharing, settings.shared)
    settings.sharing.declaring = this.prepare
    this.#unmatched = this.#create(NOWHERE, undefined, {}, undefined)
  }

  of(request: FastifyRequest): Route {
    this.#contextKey ??= contextKeyOf(request)
    const context = contextOf(request, this.#contextKey)
    const known = context?.config as RouteConfig | undefined
    return known?.[kRoute] ?? this.#search(request, context)
  }

  /** Where `of` did not find it: no route matched, or it came before the plugin. */
  #search({ routeOptions }: FastifyRequest, context: RouteContext | undefined): Route {
    const { method, url, config } = routeOptions
    const known = config as RouteConfig
    if (url === undefined) return known[kRoute] ?? this.#unmatched
    known[kRoute] ??= this.#adopt({ method, url, config }, context)
    return known[kRoute]
  }

  /**
   * At the first request of a route that came before the plugin. One that asks for a limit is of an app
   * that came before the library, too: any other would not have started.
   */
  #adopt(
    declared: Pick<RouteOptions, 'method' | 'url' | 'config'>,
    context: RouteContext | undefined,
  ): Route {
    const options: RouteOptions = {
      ...declared,
      handler: context?.handler ?? (() => {}),
      preHandler: context?.preHandler ?? [],
      preValidation: context?.preValidation ?? [],
    }
    try {
      this.#prepare(options)
    } catch (error) {
      process.emitWarning(error as Error)
      options.config = {}
      this.#prepare(options)
    }
    const { config, handler, preHandler, preValidation } = options
    const route = (config as Required<RouteConfig>)[kRoute]
    if (context === undefined) route.isWatched = false
    else Object.assign(context, { handler, preHandler, preValidation })
    return route
  }

  /** The `onRoute` hook. @throws SLUICE_OPTIONS, which points at the line that declares the route. */
  readonly prepare = (options: RouteOptions): void => {
    try {
      this.#prepare(options)
    } catch (error) {
      // V8 keeps ten frames: with ours above them, that line would not be among them.
      if (error instanceof OptionsError) Error.captureStackTrace(error, this.prepare)
      throw error
    }
  }

  #prepare(options: RouteOptions): void {
    const { url, config } = options
    const name = nameOf(options)
    refuseBesideConfig(name, options)
    const given =
      config?.concurrency === undefined ? {} : readRouteConcurrency(name, config.concurrency)
    const isExempt = this.#isExempt(url)
    if (isExempt && given !== false && config?.concurrency !== undefined) {
      const takes = 'effect only where the route is not exempt'
      refuse(`${name}: config.concurrency`, config.concurrency, takes)
    }
    if (given === false || isExempt) {
      options.config = {
        ...config,
        [kRoute]: this.#createExempt(url, config?.concurrency),
      } as RouteConfig
      return
    }
    const own = this.#limiters.of(name, options, given)
    const route = this.#create({ name, url }, own, given, config?.concurrency)
    options.config = { ...config, [kRoute]: route } as RouteConfig
    if (route.widest !== undefined || route.timeout !== undefined) this.#watch(route, options)
  }

  /** A not-found handler that is set behind the plugin. @throws SLUICE_OPTIONS */
  prepareNotFound(options: WorkOptions): void {
    checkNotFoundOptions(options)
    const route = this.#create(NOWHERE, undefined, {}, undefined)
    options.config = { ...options.config, [kRoute]: route } as RouteConfig
    this.#watch(route, options)
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
    if (this.#admitLast) addLast(options, this.#admitLast)
    if (this.#behindBody && mayHaveBody(options)) {
      options.preValidation = [this.#behindBody, options.preValidation ?? []].flat()
    }
  }

  #createExempt(pattern: string, asked: unknown): Route {
    return new Route(this.#concurrency.traffic, pattern, {
      limiters: [],
      loop: undefined,
      keyed: this.#settings.keyed?.limiters,
      exempt: true,
      learns: false,
      feelsLoop: false,
      found: 0,
      releaseOn: 'close',
      abandonAfter: Number.POSITIVE_INFINITY,
      priority: undefined,
      timeout: undefined,
      asked,
    })
  }

  #create(
    { name, url }: { readonly name: string; readonly url: string },
    own: OwnLimiter | undefined,
    given: RouteConcurrencyOptions,
    asked: unknown,
  ): Route {
    const { auto, keyed, priority, sharing } = this.#settings
    const app = this.#settings.app ?? (own === undefined ? auto?.create(name) : undefined)
    const milliseconds = given.timeout ?? this.#settings.timeout
    const timeout = milliseconds === Number.POSITIVE_INFINITY ? undefined : milliseconds
    if ((given.priority ?? priority) !== undefined) sharing.told(own, app, auto, keyed?.limiters)
    return new Route(this.#concurrency.traffic, url, {
      limiters: [own, app].filter((limiter) => limiter !== undefined),
      loop: this.#concurrency.pressure?.create(name),
      keyed: keyed?.limiters,
      exempt: false,
      found: this.#settings.auto !== undefined && own === undefined ? 2 : 0,
      feelsLoop:
        this.#concurrency.pressure !== undefined &&
        [own, app].some((limiter) => limiter?.feelsLoop),
      learns: timeout !== undefined || [own, app].some((limiter) => limiter?.adapts),
      releaseOn: given.releaseOn ?? this.#settings.releaseOn,
      abandonAfter: given.abandonAfter ?? this.#settings.abandonAfter,
      priority: given.priority ?? priority,
      timeout,
      asked: copyOf(asked),
    })
  }

  /** `/ready` is `/ready/`, too: a HEAD of a GET `/` in a prefix has both. */
  #isExempt(url: string): boolean {
    return this.#settings.exempt.some((pattern) =>
      pattern.endsWith('*')
        ? url.startsWith(pattern.slice(0, -1))
        : withoutSlash(url) === withoutSlash(pattern),
    )
  }
}

/** Fastify reads none of these methods; a not-found handler has all. */
function mayHaveBody({ method = 'POST' }: WorkOptions): boolean {
  return [method].flat().some((each) => !BODILESS.has(each.toUpperCase()))
}

function withoutSlash(url: string): string {
  return url.replace(/(?<=.)\/$/, '')
}

/** Other plugins may add theirs later, in their own `onRoute` hooks. */
function addLast(options: WorkOptions, last: preHandlerHookHandler): void {
  let others: preHandlerHookHandler[] = []
  const keep = (given: WorkOptions['preHandler']): void => {
    others = [given ?? []].flat().filter((preHandler) => preHandler !== last)
  }
  keep(options.preHandler)
  const property = { get: () => [...others, last], set: keep, enumerable: true, configurable: true }
  Object.defineProperty(options, 'preHandler', property)
}
