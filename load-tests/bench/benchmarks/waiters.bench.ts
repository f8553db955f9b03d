/**
 * What waiting costs: to leave a long queue, and to stand in one. `npm run bench` has the tables.
 *
 * `cancel-*`: how long it takes to reject all who wait, for each of them, out of 10,000 and out of
 * 100,000. The two figures are the same where cancelling is O(1) and the whole is linear. Queueing
 * them, and collecting what that left behind, comes before; being told, a `catch` each, is measured.
 * `bytes`: what 100,000 of them, with their promises, add to the heap.
 */
import { Limiter } from '../../../src/sluice/core/limiter/limiter.js'
import { Semaphore } from '../../../src/sluice/core/semaphore/semaphore.js'

const TIMEOUT = 5

export const benchmarks = [
  {
    name: 'cancel-shared-signal',
    question: 'What does it cost to cancel those who wait, by one signal for all?',
    unit: 'ns',
    per: 'waiter',
    contenders: sizes((fill) => {
      let controller: AbortController
      return fill({
        options: (index) => {
          if (index === 0) controller = new AbortController()
          return { signal: controller.signal }
        },
        cancel: () => controller.abort(),
      })
    }),
  },
  {
    name: 'cancel-own-signals',
    question: 'And by a signal each, in their order?',
    unit: 'ns',
    per: 'waiter',
    contenders: sizes((fill) => {
      let controllers: AbortController[] = []
      return fill({
        options: (index) => {
          if (index === 0) controllers = []
          const controller = new AbortController()
          controllers.push(controller)
          return { signal: controller.signal }
        },
        cancel() {
          for (const controller of controllers) controller.abort()
        },
      })
    }),
  },
  {
    name: 'cancel-timeout',
    question: 'And by timeouts that are all due?',
    unit: 'ns',
    per: 'waiter',
    contenders: sizes((fill) =>
      fill({
        options: () => ({ timeout: TIMEOUT }),
        queued: () => busy(TIMEOUT + 2),
        cancel: () => {},
      }),
    ),
  },
  {
    name: 'bytes',
    question: 'How much memory does a waiter take?',
    unit: 'bytes',
    per: 'waiter',
    contenders: {
      ours: async () => {
        const semaphore = new Semaphore(0)
        return crowd(() => semaphore.acquire())
      },
      'ours, one signal for all': async () => {
        const semaphore = new Semaphore(0)
        const { signal } = new AbortController()
        return crowd(() => semaphore.acquire({ signal }))
      },
      'ours, with a timeout': async () => {
        const semaphore = new Semaphore(0)
        return crowd(() => semaphore.acquire({ timeout: 1e6 }))
      },
      'ours, a limiter': async () => {
        const limiter = new Limiter({ limit: 1, queue: { size: Number.MAX_SAFE_INTEGER } })
        limiter.tryAcquire()
        return crowd(() => limiter.acquire())
      },
      'async-sema': async () => {
        const { Sema } = await import('async-sema')
        const sema = new Sema(0)
        return crowd(() => sema.acquire())
      },
      'async-mutex': async () => {
        const mutex = await import('async-mutex')
        const semaphore = new mutex.Semaphore(0)
        return crowd(() => semaphore.acquire())
      },
      'p-limit': async () => {
        const { default: pLimit } = await import('p-limit')
        const limit = pLimit(1)
        limit(forever)
        return crowd(() => limit(forever))
      },
      cockatiel: async () => {
        const { bulkhead } = await import('cockatiel')
        const policy = bulkhead(1, Number.POSITIVE_INFINITY)
        policy.execute(forever)
        return crowd(() => policy.execute(forever))
      },
    },
  },
] as const

interface Workload {
  readonly operations: number
  prepare?(operations: number, collect: () => void): unknown
  run(operations: number): unknown
}

interface Way {
  options(index: number): { signal?: AbortSignal; timeout?: number }
  /** After all are in the queue. */
  queued?(): void
  cancel(): void
}

/** The same in both sizes. */
function sizes(
  make: (fill: (way: Way) => Omit<Workload, 'operations'>) => Omit<Workload, 'operations'>,
): Record<string, () => Promise<Workload>> {
  return {
    '10,000 wait': async () => ({ operations: 10_000, ...make(cancelling) }),
    '100,000 wait': async () => ({ operations: 100_000, ...make(cancelling) }),
  }
}

function cancelling({ options, queued, cancel }: Way): Omit<Workload, 'operations'> {
  let told: Promise<void>
  return {
    prepare(operations, collect) {
      const semaphore = new Semaphore(0)
      told = new Promise((resolve) => {
        let left = operations
        const tell = (): void => {
          if (--left === 0) resolve()
        }
        for (let i = 0; i < operations; i++) semaphore.acquire(options(i)).catch(tell)
      })
      collect()
      queued?.()
    },
    run() {
      cancel()
      return told
    },
  }
}

/** Keeps the timers from firing until they are all due. */
function busy(milliseconds: number): void {
  const end = process.hrtime.bigint() + BigInt(milliseconds * 1e6)
  while (process.hrtime.bigint() < end);
}

function crowd(acquire: () => Promise<unknown>): Workload {
  let promises: Promise<unknown>[]
  return {
    operations: 100_000,
    prepare(operations) {
      // What is made once, when the first one comes, is nobody's weight.
      acquire()
      promises = new Array(operations).fill(undefined)
    },
    run(operations) {
      for (let i = 0; i < operations; i++) promises[i] = acquire()
      return promises
    },
  }
}

function forever(): Promise<never> {
  return new Promise(() => {})
}
