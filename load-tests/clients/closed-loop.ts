/**
 * One run of autocannon, closed loop: a connection sends its next request when it has its answer.
 * Runs are bounded by an amount, because a run that time ends aborts one request a connection; and a
 * connection closed without a response is no error to autocannon, so answers are counted beside what
 * was sent. It rounds latencies to milliseconds and ends at its next sample, hence the own histogram
 * and the own clock.
 */
import autocannon from 'autocannon'
import { Latency } from '../figures/latency.js'
import type { Volley } from '../figures/outcome.js'

export interface Load {
  url: string
  connections: number
  /** At least one a connection. */
  amount: number
  /** The body that every answer must have, byte for byte; undefined: every answer must be a 503. */
  body: string | undefined
  headers?: Readonly<Record<string, string>>
  /** Milliseconds one request may take; default 10000. */
  timeout?: number
}

/** A server that answers nothing is not worth waiting for. */
const ENOUGH_ERRORS = 100

/** @param onStart is given what tells how many answers have come */
export async function fire(
  load: Load,
  signal: AbortSignal,
  onStart?: (answered: () => number) => void,
): Promise<Volley> {
  signal.throwIfAborted()
  const latency = new Latency()
  let answered = 0
  let refused = 0
  let startedAt = performance.now()
  let endedAt = startedAt

  const listening = new AbortController()
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const options = {
      url: load.url,
      connections: load.connections,
      amount: load.amount,
      ...(load.headers === undefined ? {} : { headers: load.headers }),
      timeout: (load.timeout ?? 10_000) / 1000,
      sampleInt: 20,
      // What is not 2xx counts as an error of the kind that ends the run.
      ...(load.body === undefined ? {} : { expectBody: load.body, bailout: ENOUGH_ERRORS }),
    }
    const run = autocannon(options, (error: Error | null, found) => {
      if (error) reject(error)
      else resolve(found)
    })
    signal.addEventListener('abort', () => run.stop(), { signal: listening.signal })
    run.on('response', (_client, status, _bytes, milliseconds) => {
      endedAt = performance.now()
      // Connecting is no part of it.
      if (answered === 0) startedAt = endedAt - milliseconds
      answered++
      if (status === 503) refused++
      latency.record(milliseconds)
    })
    onStart?.(() => answered)
  }).finally(() => listening.abort())
  signal.throwIfAborted()

  const seconds = (endedAt - startedAt) / 1000
  // What is not 2xx does not have the wanted body either: one count holds the other.
  const unwanted =
    load.body === undefined ? answered - refused : Math.max(result.non2xx, result.mismatches)
  return {
    sent: result.requests.sent,
    answered,
    errors: result.errors + unwanted,
    seconds,
    rate: seconds === 0 ? 0 : answered / seconds,
    ...latency.quantiles(),
  }
}
