/** How many of the cheapest requests does one process answer a second, and how soon? */
import { allAnswered, noErrors } from './checks.js'
import type { Scenario } from './scenario.js'

const fast: Scenario = {
  name: 'fast',
  question: 'How many of the cheapest requests does it answer a second, and how soon?',
  async run({ quick, start, measure }) {
    const server = await start()
    const row = await measure(server, {
      path: '/fast',
      connections: 50,
      seconds: quick ? 0.8 : 5,
      body: 'Fast response',
    })
    return { rows: [row], checks: [noErrors(row), allAnswered(row)] }
  },
}
export default fast
