/** The fallback `share`: all are without the store, at the same time and for any time. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { World } from '../../../load-tests/replicas/world.js'
import { Process } from './process.js'
import { TestStore } from './test-store.js'

const LIMIT = 10
const LEASE = 1000

const pause = fc.record({
  calm: fc.integer({ min: 0, max: 600 }),
  paused: fc.integer({ min: 0, max: 3000 }),
  joins: fc.boolean(),
})

test('G3: in flight stays within the limit while and after a store is paused, if work is short', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(pause, { minLength: 1, maxLength: 4, size: 'max' }),
      fc.integer(),
      async (pauses, seed) => {
        const world = new World()
        const store = new TestStore(world)
        const processes: Process[] = []
        const join = (): void => {
          const options = { limit: LIMIT, lease: LEASE, fallback: 'share' } as const
          processes.push(new Process(world, store, seed + processes.length, options))
        }
        for (let process = 0; process < 3; process++) join()
        let most = 0
        let turn = 0
        const ask = (): void => {
          // One after the other has much to do.
          const busy = processes[Math.floor(turn++ / 40) % processes.length] as Process
          for (let count = 0; count < 4; count++) busy.ask(0, LEASE / 2 - 1)
          processes[turn % processes.length]?.ask(0, 100)
          world.after(10, ask)
        }
        ask()
        world.check = () => {
          most = Math.max(
            most,
            processes.reduce((sum, { limiter }) => sum + limiter.inFlight, 0),
          )
        }
        for (const { calm, paused, joins } of pauses) {
          await world.advance(calm)
          if (joins) join()
          await world.advance(5)
          store.pause()
          await world.advance(paused)
          store.resume()
        }
        await world.advance(LEASE)
        expect(most).toBeLessThanOrEqual(LIMIT)
        expect(store.wrongs).toEqual([])
      },
    ),
    { numRuns: 40 },
  )
}, 120_000)
