/** Looks at a limiter beside a load, several times a second. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'undici'
import type { Snapshot } from '../../src/index.js'

export interface Look {
  /** Milliseconds since the first was wanted. */
  readonly at: number
  readonly limit: number
  readonly inFlight: number
  readonly queued: number
}

const EVERY = 250
/** A process that is stopped answers nobody. */
const PATIENCE = 1000

/** Resolves when the signal aborts. */
export async function look(url: string, signal: AbortSignal): Promise<Look[]> {
  const looks: Look[] = []
  const startedAt = performance.now()
  while (!signal.aborted) {
    const snapshot = await ask(url, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]))
    const limiters = snapshot?.limiters ?? []
    const limiter = limiters.find(({ name }) => name === 'app') ?? limiters.at(-1)
    if (limiter !== undefined) {
      const { limit, inFlight, queued } = limiter
      looks.push({ at: performance.now() - startedAt, limit, inFlight, queued })
    }
    await sleep(EVERY, undefined, { signal }).catch(() => {})
  }
  return looks
}

async function ask(url: string, signal: AbortSignal): Promise<Snapshot | undefined> {
  const client = new Client(url)
  try {
    const { body } = await client.request({ method: 'GET', path: '/concurrency', signal })
    return (await body.json()) as Snapshot
  } catch {
    return undefined
  } finally {
    client.destroy().catch(() => {})
  }
}
