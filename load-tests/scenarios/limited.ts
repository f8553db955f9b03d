/**
 * Does a limit of two hold, in order, and is it used to the full? Samples may miss a moment in which three
 * run; the throughput can't: more than limit / service time takes more than the limit.
 */
import { Client } from 'undici'
import type { Check } from '../figures/outcome.js'
import { limiterSeries } from '../measures/series.js'
import { count, percent } from '../report/format.js'
import type { TestServer } from '../subjects/server.js'
import { allAnswered, noErrors } from './checks.js'
import type { Scenario } from './scenario.js'

const LIMIT = 2
const NAME = 'GET /limited'
const TIME_SCALE = 0.01
const SERVICE_SECONDS = 3 * TIME_SCALE
const IDEAL = LIMIT / SERVICE_SECONDS
/** Timers fire up to a millisecond late, and the next one starts after that: about 31 ms of 30. */
const LEAST = 0.8
const LEAST_QUICK = 0.4
const MOST = 1.02
/** Steps of the staircase: two requests each. */
const STEPS = 4

const limited: Scenario = {
  name: 'limited',
  question: 'Does a limit of 2 hold, in order, and is it used to the full?',
  async run({ quick, start, measure }) {
    const server = await start({ TIME_SCALE: String(TIME_SCALE) })
    const stairs = await staircase(server)
    const watch = server.watch(20)
    const row = await measure(server, {
      path: '/limited',
      connections: 20,
      amount: quick ? 80 : 400,
      body: 'Response from limited handler',
    })
    const snapshots = await watch.stop()
    const samples = snapshots.flatMap(({ limiters }) =>
      limiters.filter(({ name }) => name === NAME),
    )
    const inFlight = Math.max(...samples.map((sample) => sample.inFlight))
    const queued = Math.max(...samples.map((sample) => sample.queued))
    const used = row.rate / IDEAL
    const least = quick ? LEAST_QUICK : LEAST
    return {
      rows: [row],
      checks: [
        {
          name: `in flight never passes ${LIMIT}, while others queue`,
          ok: inFlight === LIMIT && queued > 0,
          detail: `at most ${inFlight}, ${queued} queued (${count(samples.length)} samples)`,
        },
        {
          name: `throughput is ${percent(least)} to ${percent(MOST)} of limit / service time`,
          ok: used >= least && used <= MOST,
          detail: `${row.rate.toFixed(1)} of ${IDEAL.toFixed(1)} a second, ${percent(used)}`,
        },
        stairs,
        noErrors(row),
        allAnswered(row),
      ],
      series: limiterSeries(snapshots, NAME),
    }
  },
}
export default limited

/** Asked one behind the other, they end two by two, in the same order. */
async function staircase(server: TestServer): Promise<Check> {
  const clients = Array.from({ length: 2 * STEPS }, () => new Client(server.url))
  const ended: { turn: number; after: number }[] = []
  const startedAt = performance.now()
  try {
    const answers = []
    for (const [turn, client] of clients.entries()) {
      const answer = client.request({ method: 'GET', path: '/limited' })
      answers.push(
        answer.then(async ({ body }) => {
          await body.dump()
          ended.push({ turn, after: performance.now() - startedAt })
        }),
      )
      // The next one asks when this one is in, or in line.
      await server.until(({ limiters }) => {
        const { admitted = 0, queued = 0 } = limiters.find(({ name }) => name === NAME) ?? {}
        return admitted + queued > turn
      })
    }
    await Promise.all(answers)
  } finally {
    await Promise.all(clients.map((client) => client.destroy()))
  }
  const step = ({ turn }: { turn: number }): number => Math.floor(turn / 2)
  return {
    name: 'those that wait are served two by two, in the order in which they came',
    ok: ended.every((one, place) => step(one) === Math.floor(place / 2)),
    detail: ended
      .map(({ after }) => `${Math.round(after)}`)
      .join(', ')
      .concat(' ms'),
  }
}
