/**
 * One run of autocannon, closed loop: a connection sends its next request when it has its answer.
 * Runs are bounded by an amount, because a run that time ends aborts one request a connection; and a
 * connection closed without a response is no error to autocannon, so answers are counted beside what
 * was sent. It rounds latencies to milliseconds and ends at its next sample, hence the own histogram
 * and the own clock.
 */
import { createHistogram } from 'node:perf_hooks'
import autocannon from 'autocannon'

export interface Load {
  url: string
  connections: number
  /** At least one a connection. */
  amount: number
  /** The body that every answer must have, byte for byte. */
  body: string
  /** Milliseconds one request may take; default 10000. */
  timeout?: number
}

export interface Volley {
  readonly sent: number
  readonly answered: number
  /** Failed connections, timeouts, and answers with another status or body than wanted. */
  readonly errors: number
  /** From the first request to the last answer. */
  readonly seconds: number
  /** Answers a second. */
  readonly rate: number
  readonly p50: number
  readonly p99: number
  readonly max: number
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
  const latency = createHistogram()
  let answered = 0
  const startedAt = performance.now()
  let endedAt = startedAt

  const listening = new AbortController()
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const options = {
      url: load.url,
      connections: load.connections,
      amount: load.amount,
      expectBody: load.body,
      timeout: (load.timeout ?? 10_000) / 1000,
      bailout: ENOUGH_ERRORS,
      sampleInt: 20,
    }
    const run = autocannon(options, (error: Error | null, found) => {
      if (error) reject(error)
      else resolve(found)
    })
    signal.addEventListener('abort', () => run.stop(), { signal: listening.signal })
    run.on('response', (_client, _status, _bytes, milliseconds) => {
      answered++
      endedAt = performance.now()
      latency.record(Math.max(1, Math.round(milliseconds * 1000)))
    })
    onStart?.(() => answered)
  }).finally(() => listening.abort())
  signal.throwIfAborted()

  const seconds = (endedAt - startedAt) / 1000
  return {
    sent: result.requests.sent,
    answered,
    // What is not 2xx does not have the wanted body either: one count holds the other.
    errors: result.errors + Math.max(result.non2xx, result.mismatches),
    seconds,
    rate: seconds === 0 ? 0 : answered / seconds,
    p50: answered === 0 ? 0 : latency.percentile(50) / 1000,
    p99: answered === 0 ? 0 : latency.percentile(99) / 1000,
    max: answered === 0 ? 0 : latency.max / 1000,
  }
}
