/** The public API, nothing else. */

export type { Clock } from './core/clock.js'
export {
  Limiter,
  type LimiterAcquireOptions,
  type LimiterOptions,
  type LimiterSnapshot,
  type QueueOptions,
  type RejectReason,
} from './core/limiter.js'
export { FixedLimit } from './core/limits/fixed.js'
export type { LimitAlgorithm, Sample } from './core/limits/limit.js'
export { Permit } from './core/permit.js'
export { type AcquireOptions, Semaphore } from './core/semaphore.js'
export { Token } from './core/token.js'
export type { QueueOrder } from './core/wait-queue.js'
export type { RouteSnapshot, Snapshot } from './metrics/snapshot.js'
export { default } from './plugin/index.js'
export type * from './plugin/types.js'
