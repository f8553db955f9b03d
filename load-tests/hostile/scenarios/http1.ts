/** HTTP/1.1 as it should be and as it should not: does the server answer each, and live? */
import { count } from '../../report/format.js'
import type { Scenario } from '../../scenarios/scenario.js'
import { isQuiet } from '../../subjects/server.js'
import type { Dice } from '../clients/dice.js'
import { Friend, served } from '../clients/friend.js'
import { type Case, fuzz } from '../clients/fuzz.js'
import { requests, rightRequest } from '../clients/grammar.js'
import type { Settings } from '../settings.js'
import { nothingUncaught, quiet, Watch } from './watch.js'

const env = {
  LIMIT: '10',
  QUEUE_SIZE: '100',
  TIME_SCALE: '0.002',
  PRESSURE: 'true',
  ADMIN_TOKEN: 'hostile-clients-do-not-know-it',
}
const QUIET_WITHIN = 60_000
/** Refusals, and a deadline. */
const EXPECTED = [503, 504]

export function http1({ seed, seconds }: Settings): Scenario {
  return {
    name: 'http1',
    question: 'Does the server stand whatever is sent to it as HTTP/1.1?',
    within: seconds * 1000 + QUIET_WITHIN + 60_000,
    async run({ start, signal, stand: { progress } }) {
      const server = await start(env)
      const port = Number(new URL(server.url).port)
      const statuses = new Map<string, number>()
      const watch = new Watch(() => server.snapshot())
      const friend = new Friend(port, '/health/live', signal)
      friend.count()
      const make = (dice: Dice): Case => (dice.once(8) ? right(dice) : wrong(dice, statuses))
      const label = 'HTTP/1.1 from a grammar'
      const found = await fuzz({ port, seed, seconds, label, make, signal, progress })
      const endedAt = performance.now()
      const friendship = await friend.stop()
      const end = await server.until(isQuiet, QUIET_WITHIN)
      return {
        rows: [],
        tables: [
          {
            head: ['sent', 'cases', 'KB', 'answers by status'],
            rows: [
              [
                `seed ${seed}`,
                count(found.cases),
                count(Math.round(found.bytes / 1024)),
                [...statuses]
                  .sort()
                  .map(([status, n]) => `${status}: ${count(n)}`)
                  .join(' '),
              ],
            ],
          },
        ],
        checks: [
          {
            name: 'no 5xx but refusals, and what is right is answered as it should be',
            ok: found.problems.length === 0 && found.cases > 0,
            detail: found.problems.slice(0, 3).join('\n') || `${count(found.cases)} cases`,
          },
          {
            name: 'somebody else’s /health/live is answered all the while',
            ok: friendship.others.length === 0 && friendship.answered > 0,
            detail: served(friendship),
          },
          ...(await watch.stop()),
          quiet(end, (performance.now() - endedAt) / 1000),
          nothingUncaught(server.log),
        ],
      }
    },
  }
}

function right(dice: Dice): Case {
  const count = dice.once(3) ? 1 + dice.below(5) : 1
  const bytes = Buffer.concat(Array.from({ length: count }, () => rightRequest(dice)))
  return {
    bytes,
    until: (answer) => statusesOf(answer).length >= count,
    judge(answer) {
      const got = statusesOf(answer)
      return got.length === count && got.every((status) => status === 200 || status === 503)
        ? undefined
        : `${count} right requests, answered ${got.join() || 'not at all'}`
    },
  }
}

function wrong(dice: Dice, tally: Map<string, number>): Case {
  return {
    bytes: requests(dice),
    judge(answer) {
      const got = statusesOf(answer)
      for (const status of got) tally.set(`${status}`, (tally.get(`${status}`) ?? 0) + 1)
      const bad = got.find((status) => status >= 500 && !EXPECTED.includes(status))
      return bad === undefined ? undefined : `answered ${bad}`
    },
  }
}

function statusesOf(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n(?=[\w-]+: )/g)].map(([, status]) =>
    Number(status),
  )
}
