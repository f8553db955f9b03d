/** The public API, nothing else. */

export type { Clock } from './core/clock.js'
export { Limiter } from './core/limiter.js'
export type { LimiterSnapshot, LimiterView, RejectReason } from './core/limiter-account.js'
export type {
  LimiterAcquireOptions,
  LimiterOptions,
  QueueOptions,
} from './core/limiter-options.js'
export { AimdLimit, type AimdOptions } from './core/limits/aimd.js'
export { AutoLimit, type AutoOptions } from './core/limits/auto.js'
export type { FoundLimit, LimitFindings, MoveCause } from './core/limits/findings.js'
export { FixedLimit } from './core/limits/fixed.js'
export type { OfLimit } from './core/limits/given.js'
export { Gradient2Limit, type Gradient2Options } from './core/limits/gradient2.js'
export type { LimitAlgorithm, Sample } from './core/limits/limit.js'
export type { AlgorithmName, LimitOption, NamedLimit } from './core/limits/named.js'
export { VegasLimit, type VegasOptions } from './core/limits/vegas.js'
export { WindowedLimit, type WindowedOptions } from './core/limits/windowed.js'
export type { LoopFindings } from './core/loop-findings.js'
export { Permit } from './core/permit.js'
export { type AcquireOptions, Semaphore } from './core/semaphore.js'
export { Token } from './core/token.js'
export type { QueueOrder } from './core/wait-queue.js'
export { collectDefaultMetrics } from './metrics/defaults.js'
export type { Interval } from './metrics/interval.js'
export type { RouteSnapshot, Snapshot } from './metrics/snapshot.js'
export { default } from './plugin/index.js'
export type * from './plugin/types.js'
