/** A world with a store, in which processes join. */
import { World } from '../../../load-tests/replicas/world.js'
import type { SharedLimiterOptions } from '../../../src/sluice/shared/options.js'
import { Process } from './process.js'
import { TestStore } from './test-store.js'

export const LEASE = 1000

export function stage(options: Partial<SharedLimiterOptions> = {}, isFirst = true) {
  const world = new World()
  const store = new TestStore(world, isFirst)
  let seed = 0
  const join = (more = {}) => new Process(world, store, ++seed, { ...options, ...more })
  return { world, store, join }
}

export function inFlight(...processes: Process[]): number[] {
  return processes.map(({ limiter }) => limiter.inFlight)
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

export function ask(process: Process, times: number): void {
  for (let ask = 0; ask < times; ask++) process.ask()
}

export function end(process: Process, times: number): void {
  for (let end = 0; end < times; end++) process.end()
}
