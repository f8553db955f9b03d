/** What a limit algorithm is: samples in, a limit out. */
import { checkNumberIn, show, wrongValue } from '../check.js'
import type { LimitFindings } from './findings.js'

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
  /** The work failed by itself. */
  readonly failed?: boolean
  /** Its caller left before it was done: it would have taken at least so long. */
  readonly censored?: boolean
}

/**
 * Decides how many may be in flight: a sample in, a number out. It knows no requests and no clock,
 * so it can be tested with exact numbers. A limiter reads `limit` after each sample, floors it and
 * takes it as at least 1; one that is no finite number is an error, and the limit stays.
 */
export interface LimitAlgorithm {
  /** How many may be in flight, as of the last sample. */
  readonly limit: number
  /** It is told of work that failed, or whose caller left, too; default false. */
  readonly learnsFromLosses?: boolean
  /** Milliseconds that work takes as long as it waits for no other, if it knows. */
  readonly usualRtt?: number | undefined
  /** What it saw and why it moved, if it can tell. */
  readonly findings?: LimitFindings
  /** Returns the limit after the sample. @throws RangeError for an rtt <= 0. */
  onSample(sample: Sample): number
}

/** An integer >= 1. @throws RangeError for a limit that is no finite number. */
export function readLimit({ limit }: LimitAlgorithm): number {
  if (!Number.isFinite(limit)) {
    const got = `an algorithm whose limit is ${show(limit)}`
    throw wrongValue('limit', got, 'a finite one')
  }
  return Math.max(1, Math.floor(limit))
}

/** A clock too coarse for its work would teach a limit that work takes no time. */
export function checkRtt(rtt: number): void {
  checkNumberIn('rtt', rtt, 'milliseconds > 0', (value) => value > 0)
}
