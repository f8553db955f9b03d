/** Looks at limiters beside a load, several times a second. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Snapshot } from 'fastify-sluice'
import { Client } from 'undici'

export interface Look {
  /** Milliseconds since the first was wanted. */
  readonly at: number
  /** The limiter's. */
  readonly name: string
  readonly limit: number
  readonly inFlight: number
  readonly queued: number
}

const EVERY = 250
/** A process that is stopped answers nobody. */
const PATIENCE = 1000

/** Resolves when the signal aborts, with the looks at each limiter there is. */
export async function look(url: string, signal: AbortSignal): Promise<Look[]> {
  const looks: Look[] = []
  const startedAt = performance.now()
  while (!signal.aborted) {
    const snapshot = await ask(url, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]))
    const at = performance.now() - startedAt
    for (const { name, limit, inFlight, queued } of snapshot?.limiters ?? []) {
      looks.push({ at, name, limit, inFlight, queued })
    }
    await sleep(EVERY, undefined, { signal }).catch(() => {})
  }
  return looks
}

/** At the app's limiter, or where it has none at the last there is. */
export function mainOf(looks: readonly Look[]): Look[] {
  const main = looks.find(({ name }) => name === 'app') ?? looks.at(-1)
  return looks.filter(({ name }) => name === main?.name)
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
