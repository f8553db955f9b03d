/** An algorithm that learns belongs to one limiter: taught by two, it would find a limit for neither. */
import { show, wrongValue } from '../check.js'
import type { LimitAlgorithm } from './limit.js'

const claimed = new WeakSet<LimitAlgorithm>()

/** @throws RangeError while another limiter has it. */
export function claim(algorithm: LimitAlgorithm): void {
  if (claimed.has(algorithm)) {
    const got = `${show(algorithm)}, which another limiter has`
    throw wrongValue('limit', got, 'an algorithm of its own')
  }
  claimed.add(algorithm)
}

export function disclaim(algorithm: LimitAlgorithm): void {
  claimed.delete(algorithm)
}
