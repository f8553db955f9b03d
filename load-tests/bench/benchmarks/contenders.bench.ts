/** Semaphores, ours and others', as the benchmarks use them; each loads its own library only. */
import { Semaphore } from '../../../src/sluice/core/semaphore/semaphore.js'

/** May be taken and given back. */
export interface Lock<Held = unknown> {
  acquire(): Promise<Held>
  release(held: Held): void
}

/** Runs a function when it may run. */
export type Wrapper = (work: () => unknown) => Promise<unknown>

export const contenders: Readonly<Record<string, (permits: number) => Promise<Lock | Wrapper>>> = {
  async ours(permits) {
    const semaphore = new Semaphore(permits)
    return lock(
      () => semaphore.acquire(),
      (permit) => permit.release(),
    )
  },
  async 'ours, using'(permits) {
    const semaphore = new Semaphore(permits)
    return async (work) => {
      using _permit = await semaphore.acquire()
      return await work()
    }
  },
  async 'async-sema'(permits) {
    const { Sema } = await import('async-sema')
    const sema = new Sema(permits)
    return lock(
      () => sema.acquire(),
      () => sema.release(),
    )
  },
  async 'async-mutex'(permits) {
    const mutex = await import('async-mutex')
    const semaphore = new mutex.Semaphore(permits)
    return lock(
      () => semaphore.acquire(),
      ([, release]) => release(),
    )
  },
  async 'p-limit'(permits) {
    const { default: pLimit } = await import('p-limit')
    return pLimit(permits)
  },
  async cockatiel(permits) {
    const { bulkhead } = await import('cockatiel')
    const policy = bulkhead(permits, Number.POSITIVE_INFINITY)
    return (work) => policy.execute(work)
  },
  async 'bare promises'(permits) {
    return bare(permits)
  },
}

/** What is held differs from library to library; each gets back its own only. */
function lock<Held>(acquire: () => Promise<Held>, release: (held: Held) => void): Lock {
  return { acquire, release: release as (held: unknown) => void }
}

/** No more than keeps the count: it checks nothing and cannot cancel. */
function bare(permits: number): Lock<unknown> {
  let free = permits
  let waiting: (() => void)[] = []
  let next = 0
  return {
    acquire() {
      if (free === 0) {
        return new Promise<void>((resolve) => waiting.push(resolve))
      }
      free--
      return Promise.resolve()
    },
    release() {
      const wake = waiting[next++]
      if (wake !== undefined) return wake()
      free++
      waiting = []
      next = 0
    },
  }
}
