/**
 * Does a limit of two hold, and is it used to the full? Samples may miss a moment in which three
 * run; the throughput can't: more than limit / service time takes more than the limit.
 */
import { allAnswered, noErrors } from '../checks.js'
import { count, percent } from '../format.js'
import type { Scenario } from '../scenario.js'
import { limiterSeries } from '../series.js'

const LIMIT = 2
const TIME_SCALE = 0.01
const SERVICE_SECONDS = 3 * TIME_SCALE
const IDEAL = LIMIT / SERVICE_SECONDS
/** Timers fire up to a millisecond late, and the next one starts after that: about 31 ms of 30. */
const LEAST = 0.8
const LEAST_QUICK = 0.4
const MOST = 1.02

const limited: Scenario = {
  name: 'limited',
  question: 'Does a limit of 2 hold, and is it used to the full?',
  async run({ quick, start, measure }) {
    const server = await start({ TIME_SCALE: String(TIME_SCALE) })
    const watch = server.watch(20)
    const row = await measure(server, {
      path: '/limited',
      connections: 20,
      amount: quick ? 80 : 400,
      body: 'Response from limited handler',
    })
    const snapshots = await watch.stop()
    const samples = snapshots.flatMap(({ limiters }) =>
      limiters.filter(({ name }) => name === 'GET /limited'),
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
        noErrors(row),
        allAnswered(row),
      ],
      series: limiterSeries(snapshots, 'GET /limited'),
    }
  },
}
export default limited
