/**
 * What a limit costs that many processes share, where the permits are at hand: no call to the store,
 * but two clocks to read, since the process may have been stopped.
 */
import { Limiter } from '../../../src/sluice/core/limiter/limiter.js'
import type { Token } from '../../../src/sluice/core/limiter/token.js'
import { MemoryStore } from '../../../src/sluice/shared/memory-store.js'
import { SharedLimiter } from '../../../src/sluice/shared/shared-limiter.js'

const OPERATIONS = 10_000
const LIMIT = 10

export const benchmarks = [
  {
    name: 'shared',
    question: 'What does a local admission of a shared limit cost?',
    unit: 'ns',
    per: 'tryAcquire and its end',
    contenders: {
      'not shared': async () => repeat(new Limiter({ limit: LIMIT })),
      shared: async () => {
        const limiter = new SharedLimiter({ name: 'bench', limit: LIMIT, store: new MemoryStore() })
        // Whoever has had work holds its permit until a beat goes by without any.
        const token = await limiter.acquire()
        token.succeed()
        return repeat(limiter, async () => (await limiter.acquire()).succeed())
      },
    },
  },
] as const

interface Admitting {
  tryAcquire(): Token | undefined
}

function repeat(limiter: Admitting, prepare?: () => unknown) {
  return {
    operations: OPERATIONS,
    ...(prepare && { prepare }),
    run(operations: number): void {
      for (let i = 0; i < operations; i++) {
        const token = limiter.tryAcquire()
        if (token === undefined) throw new Error('no permit is at hand')
        token.succeed()
      }
    },
  }
}
