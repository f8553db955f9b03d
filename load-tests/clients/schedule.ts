/** When requests are due that many independent clients send: exponential gaps, the same each time. */
import { mulberry32 } from '../figures/random.js'

/** @returns milliseconds from the start, ascending; about `rate * seconds` of them */
export function poisson(rate: number, seconds: number, seed: number): number[] {
  const random = mulberry32(seed)
  const due: number[] = []
  for (let at = 0; ; ) {
    at -= (Math.log(1 - random()) / rate) * 1000
    if (at >= seconds * 1000) return due
    due.push(at)
  }
}
