/** What the plugin adds to Fastify's own types. All declaration merging is here. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { LimiterView, RejectReason } from '../core/limiter/limiter-account.js'
import type { QueueOptions } from '../core/limiter/limiter-options.js'
import type { AlgorithmName, LimitOption } from '../core/limits/named.js'
import type { Interval } from '../metrics/interval.js'
import type { ConcurrencyRegistry } from '../metrics/prometheus.js'
import type { Snapshot } from '../metrics/snapshot.js'
import type { KeyOptions, SharedOptions } from './limit-types.js'
import type { RequestInProgress, SpanObserver } from './spans.js'

export type * from './limit-types.js'
export type * from './spans.js'

/** When a permit returns: once the handler has settled as well, or when the response closes. */
export type ReleaseOn = 'settled' | 'close'

/** Options of `app.register(sluice, options)`. */
export interface SluiceOptions {
  /** The most in flight in the scope that registers it: an integer >= 1, or an algorithm; default none. */
  limit?: LimitOption | undefined
  /** The queue before `limit`; default 1000 in their order, as `QueueOptions` says. */
  queue?: QueueOptions | undefined
  /** Where `limit`, and those of routes and keys that say `shared: true`, are of all processes; default none. */
  shared?: SharedOptions | undefined
  /** Tells callers apart, so that each is bounded for itself, beside `limit` for all; default none. */
  key?: KeyOptions | undefined
  /** Any number but NaN; higher is served first, first come first served within one; default 0. */
  priority?: PriorityFunction | undefined
  /**
   * Keeps the turns of the event loop short, and sheds what would wait too long for one; `true` with
   * the defaults of its options. Default: true beside `limit: 'auto'`, otherwise false.
   */
  pressure?: boolean | PressureOptions | undefined
  /** Milliseconds for the whole request, queue included, > 0; default none. */
  timeout?: number | undefined
  /** Default `settled`. */
  releaseOn?: ReleaseOn | undefined
  /**
   * Milliseconds, > 0, that a request's work may go on after its response's end until its permits
   * return all the same; Infinity: for ever; default 60,000.
   */
  abandonAfter?: number | undefined
  /**
   * How many requests of one connection may be in progress at once: an integer >= 1; default 100.
   * Pipelined ones beyond it are refused, and with twice as many waiting, or 1000 of all connections
   * before one limiter, the connection ends; of
   * HTTP/2, clients are told how many streams there may be.
   */
  perConnection?: number | undefined
  /**
   * Milliseconds, > 0, that a client may take no byte of its answer until that is cut; Infinity: for
   * ever; default 30,000. While others queue, it keeps no permit from them in that time.
   */
  stall?: number | undefined
  /** Shapes the reply of a rejection; default RFC 9457 problem details. */
  reject?: RejectFunction | undefined
  /**
   * Where requests are admitted; `preHandler` comes after authentication and the body; default
   * `onRequest`.
   */
  hook?: 'onRequest' | 'preHandler' | undefined
  /**
   * Route patterns outside every limit, `*` at the end for any rest; default: the usual paths of probes,
   * `/metrics`, `/concurrency*` and `/dashboard`, which a list of one's own
   * replaces. Such a route has no `config.concurrency` but false.
   */
  exempt?: readonly string[] | undefined
}

/** How urgent it is: any number but NaN. */
export type PriorityFunction = (request: FastifyRequest) => number

/** For services whose bottleneck is the event loop itself: what they compute, or how much they do. */
export interface PressureOptions {
  /** Milliseconds that one turn of the loop runs new requests, > 0; the rest waits; default 10. */
  budget?: number | undefined
  /** The longest wait for the loop that is no overload, in milliseconds, > 0; default 50. */
  target?: number | undefined
  /**
   * Milliseconds that all waits must be longer than the target to be an overload, >= target; then
   * whoever waited twice the target is shed; default 200, or `target` where that is more.
   */
  interval?: number | undefined
  /** How many may wait: an integer >= 0; default 1000. */
  size?: number | undefined
  /** Sheds everything while the loop was busier than this in the last second, in (0, 1]; default 1: never. */
  maxUtilization?: number | undefined
  /** Sheds everything while the JavaScript heap is larger than these bytes, > 0; default Infinity. */
  maxHeap?: number | undefined
}

/** A request that was shed, or whose deadline passed. */
export interface Rejection {
  /** As `SLUICE_QUEUE_FULL`. */
  readonly code: string
  /** 504 where its handler was begun. */
  readonly status: 503 | 504
  /** As in the metrics. */
  readonly reason: Exclude<RejectReason, 'aborted'>
  /** A sentence for people. */
  readonly detail: string
  /** Whole seconds, as in the header that the reply already has. */
  readonly retryAfter: number
}

/**
 * Returns the payload, or a promise of it; if it fails, 500 is answered. The reply has its status,
 * `Retry-After` and, before an unread body, `Connection: close`; it may be changed, and not be sent.
 */
export type RejectFunction = (
  rejection: Rejection,
  request: FastifyRequest,
  reply: FastifyReply,
) => string | Buffer | object | Promise<string | Buffer | object>

/**
 * `config.concurrency` of a route: a limit, options, or false: outside every limit. Of the options one
 * is there: Fastify infers a route's config, and would take a typo for a property of its user's own.
 */
export type RouteConcurrency =
  | number
  | AlgorithmName
  | WithOneOf<RouteConcurrencyOptions, Exclude<keyof RouteConcurrencyOptions, 'queue' | 'shared'>>
  | false

/** Not all of them absent. */
type WithOneOf<O, Name extends keyof O> = { [One in Name]: O & Required<Pick<O, One>> }[Name]

/** What a route has for itself. */
export interface RouteConcurrencyOptions {
  /** The most of the route, or its group, in flight: an integer >= 1, or an algorithm; default none. */
  limit?: LimitOption | undefined
  /** The queue before `limit`; default 1000 in their order, as `QueueOptions` says. */
  queue?: QueueOptions | undefined
  /** Routes that name the same group share the limiter that the first of them makes; default none. */
  group?: string | undefined
  /** `limit` is of all processes; only beside the plugin's `shared`; default of this process. */
  shared?: true | undefined
  /** In place of the plugin's. */
  priority?: PriorityFunction | undefined
  /** In place of the plugin's; Infinity: none. */
  timeout?: number | undefined
  /** In place of the plugin's. */
  releaseOn?: ReleaseOn | undefined
  /** In place of the plugin's. */
  abandonAfter?: number | undefined
}

/** `app.concurrency` */
export interface AppConcurrency {
  /** Those of the plugin first, then those of routes and groups. */
  readonly limiters: readonly LimiterView[]
  /** True from the start of `drain`: readiness probes should fail. */
  readonly draining: boolean
  /**
   * This app's metrics for Prometheus: serve it as it is (a scrape of 500 routes takes some
   * milliseconds), register your own metrics in it, or merge it into your registry.
   */
  readonly registry: ConcurrencyRegistry
  /** All counts, as of now. */
  snapshot(): Snapshot
  /**
   * Calls back at the end of each request, exempt ones included, in the order of their ends and
   * right there, so be quick; what it throws is logged. While nobody observes it costs nothing.
   * Returns what ends it. @throws TypeError for no function.
   */
  observe(observer: SpanObserver): () => void
  /**
   * The requests in progress, exempt ones included, newest first: views that go on telling how it
   * stands with them. To read one costs next to nothing.
   */
  inProgress(): Iterable<RequestInProgress>
  /**
   * Sets a mark and returns what tells of the time since, as often as it is called. A snapshot's
   * quantiles are since start; these are of the interval. Costs 2 KB a route and limiter, and
   * nothing for requests.
   */
  mark(): () => Interval
  /**
   * Shuts the door without losing a request: at once answers carry `Connection: close`; after
   * `delay` new work and whoever is queued is refused with `SLUICE_CLOSED`; then it waits for the
   * active requests. Resolves with true when all are through, with false when `timeout` passed
   * first. Called again, it gives the first call's promise. `app.close()` drains by itself, and
   * cuts what is left shortly before Fastify's `pluginTimeout` (10 s by default) would give up on it. Rejects with a RangeError or TypeError for bad options.
   */
  drain(options?: DrainOptions): Promise<boolean>
}

/** Of `drain`. */
export interface DrainOptions {
  /** Milliseconds that new work is still admitted, so that balancers can look away; default 0. */
  delay?: number | undefined
  /** Milliseconds for everything, `delay` included; default 10,000. */
  timeout?: number | undefined
}

/** `request.concurrency`; null where an earlier hook answered before the plugin saw the request. */
export interface RequestConcurrency {
  /**
   * Fires when the client leaves before the answer is complete, when the deadline passes, when a
   * drain ends the request's event stream, or, with `shared.onLost: 'abort'`, when the lease of a
   * shared limit ends. Made when first read.
   */
  readonly signal: AbortSignal
}

declare module 'fastify' {
  interface FastifyInstance {
    concurrency: AppConcurrency
  }
  interface FastifyRequest {
    concurrency: RequestConcurrency
  }
  interface FastifyContextConfig {
    concurrency?: RouteConcurrency | undefined
  }
}
