/** Ways to keep one limit over many replicas. */
import { fairLevel } from '../../src/sluice/shared/fair-level.js'
import type { SharedMode } from '../../src/sluice/shared/membership.js'
import { type StoreState, sync } from '../../src/sluice/shared/memory-store.js'
import type { Push, SharedStore } from '../../src/sluice/shared/protocol.js'
import type { Case } from './case.js'
import { CountedReplica, type Replica, SharedReplica } from './replica.js'
import type { World } from './world.js'

export interface Fleet {
  readonly replicas: readonly Replica[]
  /** Calls to a store, or to whoever decides. */
  calls(): number
}

export interface Strategy {
  readonly name: string
  /** It is to use nearly all of the limit, and never more. */
  readonly isOurs: boolean
  start(world: World, one: Case): Fleet
}

export const strategies: readonly Strategy[] = [
  shared('loans'),
  shared('strict'),
  rebalanced(100),
  rebalanced(500),
  {
    name: 'static shares',
    isOurs: false,
    start: (world, one) => ({
      replicas: counted(world, one),
      calls: () => 0,
    }),
  },
]

function counted(world: World, { replicas, limit, pause }: Case): CountedReplica[] {
  const even = Math.floor(limit / replicas)
  return Array.from({ length: replicas }, (_, seed) => new CountedReplica(world, seed, even, pause))
}

/** Somebody asks all how many they want, and tells each its max-min fair part. */
function rebalanced(period: number): Strategy {
  return {
    name: `rebalanced every ${period} ms`,
    isOurs: false,
    start(world, one) {
      const { limit } = one
      const replicas = counted(world, one)
      let calls = 0
      const rebalance = (): void => {
        calls += replicas.length
        const level = fairLevel(
          replicas.map(({ busy }) => busy),
          limit,
        )
        for (const replica of replicas) {
          world.send(Math.min(level, replica.busy), (part) => {
            replica.limit = part
          })
        }
        world.after(period, rebalance)
      }
      rebalance()
      return { replicas, calls: () => calls }
    },
  }
}

function shared(mode: SharedMode): Strategy {
  return {
    name: mode,
    isOurs: true,
    start(world, { replicas: count, limit, pause }) {
      const state: StoreState = { run: '', isFirst: true, groups: new Map() }
      const listeners = new Map<string, (push: Push) => void>()
      let calls = 0
      const store: SharedStore = {
        sync: (batch) =>
          new Promise((resolve) =>
            world.send(batch, (message) => {
              calls++
              const { reply, pushes } = sync(state, message, world.now)
              world.send(reply, resolve)
              for (const [member, told] of pushes) {
                for (const push of told) world.send(push, (heard) => listeners.get(member)?.(heard))
              }
            }),
          ),
        listen(member, callback) {
          listeners.set(member, callback)
          return { [Symbol.dispose]: () => void listeners.delete(member) }
        },
        close: () => {},
      }
      const replicas = Array.from(
        { length: count },
        (_, seed) =>
          new SharedReplica(world, seed, pause, { name: 'simulated', limit, store, mode }),
      )
      return { replicas, calls: () => calls }
    },
  }
}
