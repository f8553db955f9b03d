/** An algorithm that learns belongs to one limiter: taught by two, it would find a limit for neither. */
import { show } from '../check.js'
import type { LimitAlgorithm } from './limit.js'

const claimed = new WeakSet<LimitAlgorithm>()

/** @throws RangeError while another limiter has it. */
export function claim(algorithm: LimitAlgorithm): void {
  if (claimed.has(algorithm)) {
    const got = `${show(algorithm)}, which another limiter has`
    throw new RangeError(`limit: got ${got}, takes an algorithm of its own`)
  }
  claimed.add(algorithm)
}

export function disclaim(algorithm: LimitAlgorithm): void {
  claimed.delete(algorithm)
}
