/** What the plugin adds to Fastify's own types. All declaration merging is here. */
import type { Registry } from 'prom-client'
import type { Limiter, QueueOptions } from '../core/limiter.js'
import type { LimitAlgorithm } from '../core/limits/limit.js'
import type { Snapshot } from '../metrics/snapshot.js'

/** Options of `app.register(sluice, options)`. */
export interface SluiceOptions {
  /** The most requests in flight in the whole app; absent: no app-wide limit. */
  limit?: number | LimitAlgorithm | undefined
  /** The queue before `limit`. */
  queue?: QueueOptions | undefined
}

/** `config.concurrency` of a route: a limit, a limit with its queue, or false: outside every limit. */
export type RouteConcurrency = number | RouteConcurrencyOptions | false

export interface RouteConcurrencyOptions {
  limit: number | LimitAlgorithm
  queue?: QueueOptions | undefined
}

/** `app.concurrency` */
export interface AppConcurrency {
  readonly limiters: readonly Limiter[]
  /** True from the start of `drain`: readiness probes should fail. */
  readonly draining: boolean
  /** This app's metrics for Prometheus; merge it with your own registry, or serve it as it is. */
  readonly registry: Registry
  snapshot(): Snapshot
  /**
   * Shuts the door without losing a request: at once answers carry `Connection: close`; after
   * `delay` new work and whoever is queued is refused with `SLUICE_CLOSED`; then it waits for the
   * active requests. Resolves with true when all are through, with false when `timeout` passed
   * first. Called again, it gives the first call's promise. `app.close()` drains by itself and cuts
   * what is left.
   */
  drain(options?: DrainOptions): Promise<boolean>
}

export interface DrainOptions {
  /** Milliseconds that new work is still admitted, so that balancers can look away; default 0. */
  delay?: number | undefined
  /** Milliseconds for everything, `delay` included; default 10,000. */
  timeout?: number | undefined
}

/** `request.concurrency` */
export interface RequestConcurrency {
  /** Fires when the client leaves before the answer is complete; made when first read. */
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
