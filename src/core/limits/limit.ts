import { checkNumberIn } from '../check.js'

/** What a limit learns from one finished request. */
export interface Sample {
  /** When the work began, by the limiter's clock, in milliseconds. */
  readonly startTime: number
  /** How long the work took, in milliseconds, without its wait in the queue; > 0. */
  readonly rtt: number
  /** How many were in flight when the work began, itself included. */
  readonly inFlight: number
  /** The work was refused or timed out downstream. */
  readonly dropped: boolean
}

/**
 * Decides how many may be in flight: a sample in, a number out. It knows no requests and no clock,
 * so it can be tested with exact numbers. A limiter reads `limit` after each sample, floors it and
 * takes it as at least 1.
 */
export interface LimitAlgorithm {
  readonly limit: number
  /** Returns the limit after the sample. @throws RangeError for an rtt <= 0. */
  onSample(sample: Sample): number
}

/** A clock too coarse for its work would teach a limit that work takes no time. */
export function checkRtt(rtt: number): void {
  checkNumberIn('rtt', rtt, 'milliseconds > 0', (value) => value > 0)
}

/** The most that may count as normal, in milliseconds, > 0, or a function that gives it. */
export type MaxRtt = number | (() => number)

export function maxRttOf(value: MaxRtt): () => number {
  if (typeof value === 'function') return value
  const takes = 'milliseconds > 0, or a function that gives them'
  checkNumberIn('maxRtt', value, takes, (n) => n > 0)
  return () => value
}
