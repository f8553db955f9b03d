/**
 * What runs on a thread of the pool, and on the loop beside it. JavaScript, because threads load it as
 * it is: compiled, tested or watched, without the loader of the thread that started them.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Computes all the while: BigInt, because the sum for a million is beyond what a number holds exactly.
 * @param {number} n
 * @returns {bigint} 0² + 1² + ... + (n - 1)²
 */
export function sumOfSquares(n) {
  const end = BigInt(n)
  let sum = 0n
  for (let x = 0n; x < end; x++) sum += x * x
  return sum
}

/**
 * @param {number} index
 * @returns {string}
 */
export function hello(index) {
  return `Hello from thread ${index}`
}

/**
 * Tasks that sleep side by side on the thread's own event loop.
 * @param {{ indexes: number[], ms: number }} tasks
 * @returns {Promise<string[]>}
 */
export function sleepers({ indexes, ms }) {
  return Promise.all(
    indexes.map(async (index) => {
      await sleep(ms)
      return `Task ${index} done`
    }),
  )
}
