/**
 * Is a request lost when the server is stopped under load? A balancer needs a moment to notice that
 * a server is going: `DRAIN_DELAY_MS` must outlast it. What happens without is shown beside.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Balanced, Balancer, type Target } from '../clients/balancer.js'
import type { Check, Row, Table } from '../figures/outcome.js'
import { count, milliseconds } from '../report/format.js'
import type { TestServer } from '../subjects/server.js'
import type { Context, Scenario } from './scenario.js'

const TIME_SCALE = '0.05'
const DELAY = 500
const TIMEOUT = 5000
const CLIENTS: readonly Target[] = [
  ...Array<Target>(16).fill({ path: '/fast', body: 'Fast response' }),
  ...Array<Target>(4).fill({ path: '/delay', body: 'Delayed Response' }),
]
/** Milliseconds under load before the signal, and after the exit. */
const full = { before: 1500, after: 500, stops: 3 }
const short = { before: 400, after: 200, stops: 1 }

const drain: Scenario = {
  name: 'drain',
  question: 'Is a request lost when the server is stopped under load?',
  async run(context) {
    const { stops } = context.quick ? short : full
    const second = await context.start({ TIME_SCALE })
    const graceful: Stopped[] = []
    const abrupt: Stopped[] = []
    for (let i = 0; i < stops; i++) {
      graceful.push(await stopUnderLoad(context, second, DELAY))
      abrupt.push(await stopUnderLoad(context, second, 0))
    }
    const row = rowOf(`SIGTERM, ready 503 ${DELAY} ms`, graceful)
    return {
      rows: [row],
      tables: [tableOf(graceful, abrupt)],
      checks: [
        noneFails(row, graceful),
        exitsInTime(graceful),
        underLoad(graceful),
        // One stop may find the balancer just looking.
        ...(context.quick ? [] : [lossIsSeen(abrupt)]),
      ],
    }
  },
}
export default drain

interface Stopped extends Balanced {
  /** When the signal was sent. */
  readonly inFlight: number
  readonly exit: number | string
  /** Milliseconds from the signal to the exit. */
  readonly took: number
  readonly seconds: number
}

async function stopUnderLoad(
  { quick, signal, start }: Context,
  second: TestServer,
  delay: number,
): Promise<Stopped> {
  const { before, after } = quick ? short : full
  const first = await start({
    TIME_SCALE,
    DRAIN_DELAY_MS: String(delay),
    DRAIN_TIMEOUT_MS: String(TIMEOUT),
  })
  const balancer = new Balancer(first.url, second.url, signal)
  const startedAt = performance.now()
  balancer.start(CLIENTS)
  await sleep(before, undefined, { signal })
  const { inFlight } = balancer
  const signalledAt = performance.now()
  const exit = await first.stop()
  const took = performance.now() - signalledAt
  await sleep(after, undefined, { signal })
  const balanced = await balancer.stop()
  return { ...balanced, inFlight, exit, took, seconds: (performance.now() - startedAt) / 1000 }
}

function tableOf(graceful: readonly Stopped[], abrupt: readonly Stopped[]): Table {
  const line =
    (delay: number) =>
    (one: Stopped): string[] => [
      `ready 503 for ${delay} ms`,
      ...[one.sent, one.byFirst, one.bySecond, one.failures.length].map(count),
      milliseconds(one.took),
      String(one.exit),
    ]
  return {
    head: ['stop', 'sent', 'by it', 'by the other', 'failed', 'exit after', 'code'],
    rows: [...graceful.map(line(DELAY)), ...abrupt.map(line(0))],
    note: 'The balancer looks every 50 ms. Without a delay it sends to a server that is gone: what fails there shows that a loss is seen.',
  }
}

function noneFails(row: Row, stops: readonly Stopped[]): Check {
  const failures = stops.flatMap((one) => one.failures)
  const codes = [...new Set(failures)].join(', ')
  return {
    name: 'no request fails: no reset, no refusal, no 5xx',
    ok: failures.length === 0 && row.sent === row.answered,
    detail: `${count(failures.length)} of ${count(row.sent)} failed${codes && `: ${codes}`}`,
  }
}

function exitsInTime(stops: readonly Stopped[]): Check {
  const times = stops.map(({ took }) => took)
  const exits = stops.map(({ exit }) => exit)
  return {
    name: `it serves for ${DELAY} ms more, and exits with 0 within ${count(TIMEOUT)} ms`,
    ok:
      exits.every((exit) => exit === 0) &&
      Math.min(...times) >= DELAY &&
      Math.max(...times) <= TIMEOUT,
    detail: `${exits.join(', ')} after ${times.map(milliseconds).join(', ')}`,
  }
}

function underLoad(stops: readonly Stopped[]): Check {
  const active = stops.map(({ inFlight }) => inFlight)
  const [first, second] = [sum(stops, 'byFirst'), sum(stops, 'bySecond')]
  return {
    name: 'it was under load when it was stopped, and the other took over',
    ok: stops.every((one) => one.inFlight > 0 && one.byFirst > 0 && one.bySecond > 0),
    detail: `${active.join(', ')} in flight; ${count(first)} answered by it, ${count(second)} by the other`,
  }
}

/** Otherwise that none fails would say nothing. */
function lossIsSeen(abrupt: readonly Stopped[]): Check {
  const failed = abrupt.reduce((total, { failures }) => total + failures.length, 0)
  return {
    name: 'without the delay some do fail, and are seen',
    ok: failed > 0,
    detail: `${count(failed)} of ${count(sum(abrupt, 'sent'))} failed`,
  }
}

/** All stops together; the quantiles are those of the worst one. */
function rowOf(label: string, stops: readonly Stopped[]): Row {
  const seconds = sum(stops, 'seconds')
  const answered = sum(stops, 'answered')
  const worst = (key: keyof Stopped['latency']): number | undefined => {
    const known = stops.flatMap(({ latency }) => latency[key] ?? [])
    return known.length === 0 ? undefined : Math.max(...known)
  }
  return {
    label,
    connections: CLIENTS.length,
    sent: sum(stops, 'sent'),
    answered,
    errors: stops.reduce((total, { failures }) => total + failures.length, 0),
    seconds,
    rate: answered / seconds,
    ...{ p50: worst('p50'), p90: worst('p90'), p99: worst('p99') },
    ...{ p999: worst('p999'), max: worst('max') },
  }
}

function sum(
  stops: readonly Stopped[],
  key: 'sent' | 'answered' | 'byFirst' | 'bySecond' | 'seconds',
): number {
  return stops.reduce((total, stop) => total + stop[key], 0)
}
