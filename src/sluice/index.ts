/** The public API, nothing else. */

export * from './core/index.js'
export { collectDefaultMetrics } from './metrics/defaults.js'
export type { Interval } from './metrics/interval.js'
export type { RouteSnapshot, Snapshot } from './metrics/snapshot.js'
export { default } from './plugin/index.js'
export type * from './plugin/types.js'
export { type Cluster, type ClusterWorker, serveClusterStore } from './shared/cluster-primary.js'
export {
  type ClusterChannel,
  ClusterStore,
  type ClusterStoreOptions,
} from './shared/cluster-store.js'
export type { Fallback } from './shared/fallback.js'
export type { Timers } from './shared/link.js'
export type { SharedMode } from './shared/membership.js'
export { MemoryStore } from './shared/memory-store.js'
export type { SharedLimiterOptions, SharingOptions } from './shared/options.js'
export type { Batch, Claim, Push, Reply, SharedStore, Standing } from './shared/protocol.js'
export { RedisStore, type RedisStoreOptions } from './shared/redis/redis-store.js'
export { SharedLimiter, type SharedLimiterSnapshot } from './shared/shared-limiter.js'
