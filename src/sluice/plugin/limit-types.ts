/** Options of limits that are each caller's, or of all processes. */
import type { FastifyRequest } from 'fastify'
import type { QueueOptions } from '../core/limiter/limiter-options.js'
import type { SharingOptions } from '../shared/options.js'

/** Whose request it is; called once for each. */
export type KeyFunction = (request: FastifyRequest) => string

/** A limit for each caller. */
export interface KeyOptions {
  /** Tells callers apart; of a key longer than 64 characters only its hash is kept. */
  by: KeyFunction
  /** The most requests in flight of one caller: an integer >= 1. */
  limit: number
  /** The queue of each caller; default 1000 in their order, as `QueueOptions` says. */
  queue?: QueueOptions | undefined
  /** The limit is each caller's over all processes; only beside the plugin's `shared`; default each process has its own. */
  shared?: true | undefined
  /** How many callers are kept apart at once: an integer >= 1; default 10,000. */
  maxKeys?: number | undefined
}

/** Where limits are shared, and how: `limit`, and those that say `shared: true`. */
export interface SharedOptions extends SharingOptions {
  /**
   * What becomes of requests in flight when the lease ends: `keep`, the default, they go on; `abort`:
   * their signal fires with `SLUICE_LEASE_LOST`, half a lease before their permits are others'.
   */
  onLost?: 'keep' | 'abort' | undefined
}
