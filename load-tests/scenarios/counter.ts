/** Does the count of active requests rise to what runs at once, and return to nothing? */
import { count } from '../report/format.js'
import { allAnswered, noErrors, onlyTheAsker } from './checks.js'
import type { Scenario } from './scenario.js'

/** Of 100 ms: long enough for all connections to be in one, however late the last is accepted. */
const TIME_SCALE = '0.05'

const counter: Scenario = {
  name: 'counter',
  question: 'Does the count of active requests rise to what runs at once, and back to 0?',
  async run({ quick, start, measure }) {
    const connections = quick ? 100 : 200
    const server = await start({ TIME_SCALE })
    const row = await measure(server, {
      path: '/counter',
      connections,
      amount: connections * (quick ? 8 : 40),
      body: 'Done',
    })
    const end = await server.snapshot()
    const { peak } = end.requests
    return {
      rows: [row],
      checks: [
        {
          name: 'the peak is the number of connections',
          ok: peak === connections,
          detail: `peak ${count(peak)}, connections ${count(connections)}`,
        },
        onlyTheAsker(end),
        noErrors(row),
        allAnswered(row),
      ],
    }
  },
}
export default counter
