/**
 * Does a thousand pending requests slow down the others? The same load on `/fast`, with none and
 * with 1,000 of `/slow` pending: those are held by a timer each, so nothing should change.
 */
import { allAnswered, noErrors } from '../checks.js'
import { count, milliseconds } from '../format.js'
import type { Scenario } from '../scenario.js'
import { activeOn } from '../server.js'

const PENDING = 1000
/** `/slow` must outlast its own arrival, the warm-up and the run that counts. */
const full = { seconds: 4, timeScale: 2.4, ratio: 3, floor: 25 }
const short = { seconds: 0.6, timeScale: 0.8, ratio: 10, floor: 250 }

const slowFast: Scenario = {
  name: 'slow-fast',
  question: `Does /fast stay fast while ${count(PENDING)} /slow are pending?`,
  async run({ quick, start, measure, fire }) {
    const { seconds, timeScale, ratio, floor } = quick ? short : full
    const server = await start({ TIME_SCALE: String(timeScale) })
    const load = { path: '/fast', connections: 10, seconds, body: 'Fast response' }
    const idle = await measure(server, { ...load, label: 'GET /fast, none pending' })

    const slow = fire(server, {
      path: '/slow',
      connections: PENDING,
      amount: PENDING,
      body: 'Slow response',
      timeout: 60_000,
    })
    // Awaited below, unless something fails before.
    slow.catch(() => {})
    const before = await server.until((now) => activeOn(now, '/slow') >= PENDING)
    const busy = await measure(server, { ...load, label: `GET /fast, ${count(PENDING)} pending` })
    const after = await server.snapshot()
    const held = await slow

    // None is sent twice, so those pending at both ends were pending all along.
    const pending = Math.min(activeOn(before, '/slow'), activeOn(after, '/slow'))
    const most = Math.max(ratio * idle.p99, floor)
    const rows = [idle, busy, held]
    return {
      rows,
      checks: [
        {
          name: `${count(PENDING)} /slow were pending from the first to the last /fast`,
          ok: pending >= PENDING,
          detail: `${count(pending)} pending`,
        },
        {
          name: `p99 with them is at most ${ratio} times that without, or ${floor} ms`,
          ok: busy.p99 <= most,
          detail: `${milliseconds(busy.p99)}, without ${milliseconds(idle.p99)}`,
        },
        noErrors(...rows),
        allAnswered(...rows),
      ],
    }
  },
}
export default slowFast
