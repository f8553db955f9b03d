/**
 * Guarantee 10: what is over keeps nothing. Beside one that hangs, a hundred thousand come and go, in
 * every way that there is; neither they nor the heap that they took are left.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { KeyedLimiters } from '../../../src/sluice/core/limiter/keyed-limiters.js'
import type { Waiter } from '../../../src/sluice/core/queue/waiter.js'
import { Limiter, Semaphore, type Token } from '../../../src/sluice/index.js'
import { turns } from '../../support/deferred.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const MEGABYTE = 2 ** 20
/** Of a thousand each. */
const ROUNDS = 50

/**
 * What is left of two times so many rounds: of every tenth thing that they gave, and of heap the
 * smaller growth, since a leak is in both and what the runtime does for itself once is not.
 */
async function leftBy(round: () => object[] | Promise<object[]>) {
  const refs: WeakRef<object>[] = []
  const run = async (keep: boolean): Promise<void> => {
    const given = await round()
    for (let n = 0; keep && n < given.length; n += 10) refs.push(new WeakRef(given[n] as object))
  }
  const heap = async (): Promise<number> => {
    // What a WeakRef was made of lives until its turn is over.
    await turns()
    collect()
    collect()
    return process.memoryUsage().heapUsed
  }
  for (let n = 0; n < 10; n++) await run(true)
  const used = [await heap()]
  for (let half = 0; half < 2; half++) {
    for (let n = 0; n < ROUNDS; n++) await run(false)
    used.push(await heap())
  }
  const [before = 0, middle = 0, after = 0] = used
  return {
    alive: refs.filter((ref) => ref.deref() !== undefined).length,
    grown: Math.min(middle - before, after - middle),
  }
}

const many = <T>(make: (n: number) => T): T[] => Array.from({ length: 1000 }, (_, n) => make(n))

async function settled<T extends object>(promises: Promise<T>[]): Promise<object[]> {
  await Promise.allSettled(promises)
  return promises
}

/** What hangs is kept from being collected, and is seen to hang. */
let hanging: { over: boolean }
function hang(promise: Promise<unknown>): void {
  const state = { over: false }
  hanging = state
  const end = (): void => {
    state.over = true
  }
  promise.then(end, end)
}

describe.each<[string, () => () => Promise<object[]>]>([
  [
    'a semaphore: aborted, each by its own signal',
    () => {
      const semaphore = new Semaphore(0)
      hang(semaphore.acquire())
      return () => {
        const controllers = many(() => new AbortController())
        const waiting = controllers.map(({ signal }) => semaphore.acquire({ signal }))
        for (const controller of controllers) controller.abort()
        return settled(waiting)
      }
    },
  ],
  [
    'a semaphore: granted, with the signal of the one that hangs',
    () => {
      const semaphore = new Semaphore(1)
      const { signal } = new AbortController()
      hang(semaphore.acquire({ signal, permits: 2 }))
      return async () => {
        const held = await semaphore.acquire({ priority: 1 })
        const waiting = many(() =>
          semaphore.acquire({ signal, priority: 1, timeout: 60_000 }).then((permit) => {
            permit.release()
            return permit
          }),
        )
        held.release()
        return [...(await Promise.all(waiting)), ...waiting]
      }
    },
  ],
  [
    'a semaphore: timed out',
    () => {
      const semaphore = new Semaphore(0)
      hang(semaphore.acquire())
      return () => settled(many(() => semaphore.acquire({ timeout: 0.5 })))
    },
  ],
  [
    'a limiter: granted, newest first',
    () => {
      const limiter = new Limiter({ limit: 1, queue: { order: 'lifo', size: 5000 } })
      const first = limiter.tryAcquire() as Token
      hang(limiter.acquire())
      let held = first
      return async () => {
        const waiting = many(() => limiter.acquire())
        let next = held
        for (const each of waiting.toReversed()) {
          next.succeed()
          next = await each
        }
        held = next
        return waiting.slice(1)
      }
    },
  ],
  [
    'a limiter: granted in turn, beside one whose place is kept by whoever had it',
    () => {
      const limiter = new Limiter({ limit: 1, queue: { size: 5000 } })
      let held = limiter.tryAcquire() as Token
      hang(new Limiter({ limit: 1 }).acquire().then(() => new Promise(() => {})))
      const kept = limiter.wait(0) as Waiter<Token>
      let last = kept
      return async () => {
        const waiters = many(() => limiter.wait(0) as Waiter<Token>)
        for (const { promise } of [last, ...waiters.slice(0, -1)]) {
          held.succeed()
          held = await promise
        }
        last = waiters.pop() as Waiter<Token>
        expect(kept.cancelled).toBeUndefined()
        return [...waiters, ...waiters.map(({ promise }) => promise)]
      }
    },
  ],
  [
    'a limiter: given up for what is more important',
    () => {
      const limiter = new Limiter({ limit: 1, queue: { size: 2 } })
      limiter.tryAcquire()
      hang(limiter.acquire({ priority: Number.POSITIVE_INFINITY }))
      let priority = 0
      return async () => {
        const waiting = many(() => limiter.acquire({ priority: priority++ }))
        // Until the next round comes.
        waiting.pop()?.catch(() => {})
        return settled(waiting)
      }
    },
  ],
  [
    'a limiter: too late for its deadline',
    () => {
      let now = 1
      const limiter = new Limiter({ limit: 1, clock: () => now, queue: { size: 5000 } })
      let held = limiter.tryAcquire() as Token
      const wait = (priority: number, deadline: number): Waiter<Token> => {
        const waiter = limiter.wait(priority, deadline)
        if (typeof waiter === 'string') throw new Error(waiter)
        return waiter
      }
      hang(wait(0, Number.POSITIVE_INFINITY).promise)
      return async () => {
        const waiters = many(() => wait(1, now + 1))
        const promises = waiters.map(({ promise }) => promise)
        const next = wait(1, Number.POSITIVE_INFINITY)
        now += 2
        held.succeed()
        await Promise.allSettled(promises)
        held = await next.promise
        return [...promises, ...waiters]
      }
    },
  ],
  [
    'limiters of keys: each with a key of its own, beside one that is busy',
    () => {
      const keyed = new KeyedLimiters({ name: 'key', limit: 1, maxKeys: 10 })
      keyed.take('busy')?.tryAcquire()
      hang(keyed.take('busy')?.acquire() as Promise<Token>)
      let key = 0
      return async () => {
        const limiters = many(() => {
          const name = `${key++}`
          const limiter = keyed.take(name)
          limiter?.tryAcquire()?.succeed()
          keyed.settle(name)
          return limiter as Limiter
        })
        // As many as there are places stay, ready for their next call.
        return limiters.slice(0, -10)
      }
    },
  ],
])('%s', (_, create) => {
  test('those that are over are gone, and so is what they took', async () => {
    const { alive, grown } = await leftBy(create())
    expect(hanging.over).toBe(false)
    expect(alive).toBe(0)
    expect(grown).toBeLessThan(MEGABYTE)
  }, 60_000)
})

test('nothing keeps the last that waited', async () => {
  const refs: WeakRef<object>[] = []
  const run = async (): Promise<void> => {
    const controller = new AbortController()
    const semaphore = new Semaphore(0)
    const reason = {}
    const waiting = semaphore.acquire({ signal: controller.signal })
    controller.abort(reason)
    await waiting.catch(() => {})
    refs.push(...[semaphore, waiting, reason, controller.signal].map((one) => new WeakRef(one)))
  }
  await run()
  await turns()
  collect()
  expect(refs.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined, undefined])
})
