/**
 * G6: a store is split. The old primary goes on for those that are cut off with it, for as long as it
 * accepts writes without its replica (`min-replicas-max-lag`); the replica takes over after `down-after`,
 * with what it had. It begins with a lease of learning; the last sync that the old one answered is good for
 * half a lease. So the same permits are never used twice where maxLag + lease / 2 < downAfter + lease, by
 * work that ends within the difference of those after its last valid instant.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mulberry32 } from '../../../load-tests/figures/random.js'
import { World } from '../../../load-tests/replicas/world.js'
import { wrongs } from './guarantees.js'
import { Process } from './process.js'
import { TestStore } from './test-store.js'

const LIMIT = 10
const LEASE = 1000

interface Case {
  readonly maxLag: number
  readonly downAfter: number
  /** Milliseconds that the replica is behind. */
  readonly age: number
  /** Processes whose bit is set are on the side of the old primary. */
  readonly isolated: number
  readonly seed: number
}

/** Four processes that always have work. @param most milliseconds that it takes */
async function split(one: Case, most: number): Promise<string[]> {
  const world = new World()
  const store = new TestStore(world)
  const random = mulberry32(one.seed)
  const processes = Array.from(
    { length: 4 },
    (_, seed) =>
      new Process(world, store, seed, { limit: LIMIT, lease: LEASE, fallback: 'closed' }),
  )
  const found = new Set<string>()
  world.check = () => {
    for (const wrong of wrongs(processes, store, LIMIT, LEASE / 2 + most)) found.add(wrong)
  }
  const ask = (): void => {
    for (const process of processes) {
      if (process.limiter.queued < 5) process.ask(0, most * random())
    }
    world.after(10, ask)
  }
  ask()
  const replicate = (): void => {
    store.replicate()
    world.after(100, replicate)
  }
  replicate()
  await world.advance(2 * LEASE)
  const isolated = processes.filter((_, index) => (one.isolated >> index) & 1)
  store.split({ ...one, isolated: isolated.map(({ member }) => member) })
  await world.advance(Math.max(one.maxLag, one.downAfter) + 2 * LEASE)
  store.unite()
  await world.advance(2 * LEASE)
  expect(processes.every(({ limiter }) => limiter.inFlight > 0)).toBe(true)
  return [...found]
}

const one = fc.record({
  maxLag: fc.integer({ min: 0, max: 3000 }),
  downAfter: fc.integer({ min: 0, max: 3000 }),
  age: fc.nat(1500),
  isolated: fc.integer({ min: 1, max: 14 }),
  seed: fc.nat(),
})

test('G6: split brain is safe where maxLag + lease / 2 < downAfter + lease', async () => {
  await fc.assert(
    fc.asyncProperty(one, async (one) => {
      const spare = one.downAfter + LEASE - (one.maxLag + LEASE / 2)
      fc.pre(spare > 0)
      expect(await split(one, Math.min(LEASE / 2, spare))).toEqual([])
    }),
    { numRuns: 40, seed: 1, endOnFailure: true },
  )
}, 120_000)

test('where it is not, both primaries grant the same permits', async () => {
  const wrong = { maxLag: 2500, downAfter: 500, age: 100, isolated: 0b0011, seed: 1 }
  expect(await split(wrong, 50)).toContainEqual(expect.stringContaining('G3: '))
})
