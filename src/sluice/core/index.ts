/** The parts without Fastify and without metrics: `fastify-sluice/core`. */

export type { Clock } from './clock.js'
export { Limiter } from './limiter/limiter.js'
export type {
  LimiterSnapshot,
  LimiterView,
  Rejections,
  RejectReason,
  SharedStanding,
  SharedState,
} from './limiter/limiter-account.js'
export type {
  LimiterAcquireOptions,
  LimiterOptions,
  QueueOptions,
} from './limiter/limiter-options.js'
export { Token } from './limiter/token.js'
export { AimdLimit, type AimdOptions } from './limits/aimd.js'
export { AutoLimit, type AutoOptions } from './limits/auto.js'
export type { FoundLimit, LimitFindings, MoveCause } from './limits/findings.js'
export { FixedLimit } from './limits/fixed.js'
export type { OfLimit } from './limits/given.js'
export { Gradient2Limit, type Gradient2Options } from './limits/gradient2.js'
export type { LimitAlgorithm, Sample } from './limits/limit.js'
export type { AlgorithmName, LimitOption, NamedLimit } from './limits/named.js'
export { VegasLimit, type VegasOptions } from './limits/vegas.js'
export { WindowedLimit, type WindowedOptions } from './limits/windowed.js'
export type { LoopFindings } from './loop/loop-findings.js'
export type { QueueOrder } from './queue/wait-queue.js'
export type { Work } from './run.js'
export { Permit } from './semaphore/permit.js'
export { type AcquireOptions, Semaphore } from './semaphore/semaphore.js'
export { beginning, shown, visible } from './shown.js'
