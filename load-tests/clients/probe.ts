/** Asks what operators ask, beside a load, as a probe does that keeps its connection. */
import { Client } from 'undici'

/** How often each path is asked, in milliseconds. */
const EVERY = 250

/** Resolves when the signal aborts, with the longest that each path took, in milliseconds. */
export function probe(
  url: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<number[]> {
  return Promise.all(paths.map((path) => worstOf(url, path, signal)))
}

async function worstOf(url: string, path: string, signal: AbortSignal): Promise<number> {
  const client = new Client(url, { headersTimeout: 0, bodyTimeout: 0 })
  let worst = 0
  let askedAt = performance.now()
  try {
    while (!signal.aborted) {
      askedAt = performance.now()
      const { body } = await client.request({ method: 'GET', path, signal })
      await body.dump()
      worst = Math.max(worst, performance.now() - askedAt)
      await new Promise((resolve) => setTimeout(resolve, EVERY))
    }
  } catch {
    // It was not answered before the load ended.
    worst = Math.max(worst, performance.now() - askedAt)
  } finally {
    await client.destroy()
  }
  return worst
}
