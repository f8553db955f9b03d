/** The last five minutes, a row a second, so that whoever opens the page sees what led to now. */
import type { RejectReason, Snapshot } from 'fastify-sluice'

const ROWS = 300
/** Whoever watches is a request that stays. */
const STREAM = '/concurrency/stream'

const REASONS = [
  'queue_full',
  'queue_timeout',
  'deadline',
  'pressure',
  'closed',
  'aborted',
] as const satisfies readonly RejectReason[]

/**
 * Epoch milliseconds; active requests, streams of this kind left out; totals of the answered, the
 * aborted and the rejected; the event loop's utilization and p99 delay; the total of each reason;
 * and of each limiter its limit, in flight and queued.
 */
export type Row = readonly number[]

export class History {
  readonly #rows: Row[] = []
  #limiters: readonly string[] = []

  add({ requests, limiters, routes, eventLoop }: Snapshot): Row {
    const streams = routes.find(({ route }) => route === STREAM)?.active ?? 0
    const row = [
      Math.round(performance.timeOrigin + performance.now()),
      requests.active - streams,
      requests.answered,
      requests.aborted,
      requests.rejected,
      round(eventLoop.utilization, 1000),
      round(eventLoop.delayMs.p99, 100),
      ...REASONS.map((reason) => limiters.reduce((sum, one) => sum + one.rejected[reason], 0)),
      ...limiters.flatMap(({ limit, inFlight, queued }) => [limit, inFlight, queued]),
    ]
    this.#limiters = limiters.map(({ name }) => name)
    this.#rows.push(row)
    if (this.#rows.length > ROWS) this.#rows.shift()
    return row
  }

  toJSON(): { reasons: readonly string[]; limiters: readonly string[]; rows: readonly Row[] } {
    return { reasons: REASONS, limiters: this.#limiters, rows: this.#rows }
  }
}

function round(value: number, steps: number): number {
  return Math.round(value * steps) / steps
}
