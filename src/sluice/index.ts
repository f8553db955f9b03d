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
export type * from './shared/protocol.js'
