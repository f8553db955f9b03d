import { checkInteger } from '../check.js'
import type { LimitAlgorithm } from './limit.js'

/** A limit that stays as it is, whatever the samples say. */
export class FixedLimit implements LimitAlgorithm {
  readonly limit: number

  /** @throws RangeError unless `limit` is an integer >= 1, TypeError for no number. */
  constructor(limit: number) {
    checkInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER)
    this.limit = limit
  }

  onSample(): number {
    return this.limit
  }
}
