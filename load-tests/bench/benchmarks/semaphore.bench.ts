/**
 * What a permit costs, beside what others' cost. `npm run bench` has the tables.
 *
 * `try`, `uncontended`: take one and give it back, in a loop, with nobody else about.
 * `contended`, `contended-10`: 1,000 callers ask at once where 1 (or 10) may run; each gives back as
 * soon as it has got. Counted is a caller's whole life: asking, queueing, hand-off, going on.
 * `hand-off`: the same 1,000 are in the queue when the clock starts, as callbacks and not as async
 * functions: left is to give back, to choose the next and to wake it.
 *
 * Who offers acquire and release is measured by them; p-limit and cockatiel only take a function to
 * run, so beside them stands our own semaphore around a function, as `using` makes it. Whoever has
 * bounds or options for its queue has none set. `bare promises` is no semaphore but the floor under
 * each: the same promises and callbacks, kept in an array and resolved one by one.
 */

import { Semaphore } from '../../../src/sluice/core/semaphore/semaphore.js'
import { contenders, type Lock, type Wrapper } from './contenders.bench.js'

interface Workload {
  readonly operations: number
  prepare?(operations: number): unknown
  run(operations: number): unknown
}

const WAITERS = 1000
const TURNS = 10_000

export const benchmarks = [
  {
    name: 'try',
    question: 'What does a permit cost that is free, without a promise?',
    unit: 'ns',
    per: 'tryAcquire and release',
    contenders: {
      ours: async () => {
        const semaphore = new Semaphore(10)
        return repeat(() => semaphore.tryAcquire()?.release())
      },
      'async-sema': async () => {
        const { Sema } = await import('async-sema')
        const sema = new Sema(10)
        return repeat(() => {
          if (sema.tryAcquire() !== undefined) sema.release()
        })
      },
    },
  },
  {
    name: 'uncontended',
    question: 'What does a permit cost that is free?',
    unit: 'ns',
    per: 'acquire and release',
    contenders: each(10, loop, wrappedLoop),
  },
  {
    name: 'contended',
    question: 'What does a permit cost that 1,000 ask for at once?',
    unit: 'ns',
    per: 'caller',
    contenders: each(1, crowd, wrappedCrowd),
  },
  {
    name: 'contended-10',
    question: 'And ten permits?',
    unit: 'ns',
    per: 'caller',
    contenders: each(10, crowd, wrappedCrowd),
  },
  {
    name: 'hand-off',
    question: 'What does it cost to pass a permit on to the next in the queue?',
    unit: 'ns',
    per: 'hand-off',
    contenders: each(1, queue, wrappedQueue),
  },
] as const

function loop(lock: Lock): Workload {
  return {
    operations: TURNS,
    async run(operations) {
      for (let i = 0; i < operations; i++) {
        const held = await lock.acquire()
        lock.release(held)
      }
    },
  }
}

function wrappedLoop(wrap: Wrapper): Workload {
  return {
    operations: TURNS,
    async run(operations) {
      for (let i = 0; i < operations; i++) await wrap(nothing)
    },
  }
}

function crowd(lock: Lock): Workload {
  async function caller(): Promise<void> {
    const held = await lock.acquire()
    lock.release(held)
  }
  return {
    operations: WAITERS,
    run: (operations) => Promise.all(Array.from({ length: operations }, caller)),
  }
}

function wrappedCrowd(wrap: Wrapper): Workload {
  return {
    operations: WAITERS,
    run: (operations) => Promise.all(Array.from({ length: operations }, () => wrap(nothing))),
  }
}

function queue(lock: Lock): Workload {
  const release = (held: unknown): void => lock.release(held)
  let first: unknown
  let last: Promise<unknown> | undefined
  return {
    operations: WAITERS,
    async prepare(operations) {
      first = await lock.acquire()
      for (let i = 0; i < operations; i++) last = lock.acquire().then(release)
    },
    run() {
      release(first)
      return last
    },
  }
}

function wrappedQueue(wrap: Wrapper): Workload {
  let open: () => void
  let last: Promise<unknown> | undefined
  return {
    operations: WAITERS,
    async prepare(operations) {
      const gate = new Promise<void>((resolve) => {
        open = resolve
      })
      await new Promise<void>((started) => {
        wrap(() => {
          started()
          return gate
        })
      })
      for (let i = 0; i < operations; i++) last = wrap(nothing)
    },
    run() {
      open()
      return last
    },
  }
}

function each(
  permits: number,
  ofLock: (lock: Lock) => Workload,
  ofWrapper: (wrapper: Wrapper) => Workload,
): Record<string, () => Promise<Workload>> {
  const workloads = Object.entries(contenders).map(([name, make]) => {
    const workload = async (): Promise<Workload> => {
      const made = await make(permits)
      return typeof made === 'function' ? ofWrapper(made) : ofLock(made)
    }
    return [name, workload] as const
  })
  return Object.fromEntries(workloads)
}

function repeat(take: () => void): Workload {
  return {
    operations: 100_000,
    run(operations) {
      for (let i = 0; i < operations; i++) take()
    },
  }
}

function nothing(): void {}
