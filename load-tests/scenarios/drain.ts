/**
 * Is a request lost when the server is stopped under load? A balancer needs a moment to notice that
 * a server is going: `DRAIN_DELAY_MS` must outlast it. What happens without is shown beside.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Balanced, Balancer, type Target } from '../balancer.js'
import { count, milliseconds } from '../format.js'
import type { Context, Row, Scenario } from '../scenario.js'
import type { TestServer } from '../server.js'

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
    const slowest = Math.max(...graceful.map(({ took }) => took))
    const exits = graceful.map(({ exit }) => exit)
    const active = graceful.map(({ inFlight }) => inFlight)
    const failures = graceful.flatMap((one) => one.failures)
    const codes = [...new Set(failures)].join(', ')
    return {
      rows: [row, rowOf('SIGTERM, no delay: beside', abrupt)],
      checks: [
        {
          name: 'no request fails: no reset, no refusal, no 5xx',
          ok: failures.length === 0 && row.sent === row.answered,
          detail: `${count(failures.length)} of ${count(row.sent)} failed${codes && `: ${codes}`}`,
        },
        {
          name: `the server exits with 0 within DRAIN_TIMEOUT_MS, ${count(TIMEOUT)} ms`,
          ok: exits.every((exit) => exit === 0) && slowest <= TIMEOUT,
          detail: `${exits.join(', ')} in at most ${milliseconds(slowest)}`,
        },
        {
          name: 'it was under load when it was stopped, and the other took over',
          ok: graceful.every((one) => one.inFlight > 0 && one.byFirst > 0 && one.bySecond > 0),
          detail: `${active.join(', ')} in flight; ${count(sum(graceful, 'byFirst'))} answered by it, ${count(sum(graceful, 'bySecond'))} by the other`,
        },
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

/** All stops together; the quantiles are those of the worst one. */
function rowOf(label: string, stops: readonly Stopped[]): Row {
  const seconds = sum(stops, 'seconds')
  const answered = sum(stops, 'answered')
  const worst = (key: keyof Stopped['latency']): number =>
    Math.max(...stops.map(({ latency }) => latency[key]))
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
