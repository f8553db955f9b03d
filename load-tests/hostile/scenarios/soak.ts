/** Clients that come and leave in every bad way, round after round: does anything grow? */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { storm } from '../../clients/storm.js'
import { count } from '../../report/format.js'
import type { Scenario } from '../../scenarios/scenario.js'
import { isQuiet, type TestServer } from '../../subjects/server.js'
import type { Settings } from '../settings.js'
import type { Inside } from '../subjects/inside.js'
import { nothingUncaught, quiet, Watch } from './watch.js'

const INSIDE = new URL('../../../dist/load/load-tests/hostile/subjects/inside.js', import.meta.url)
const env = { LIMIT: '20', QUEUE_SIZE: '100', TIME_SCALE: '0.004' }
const PATHS = [
  '/limited',
  '/fast',
  '/slow',
  '/counter',
  '/file',
  '/public/data.txt',
  '/no',
  '/patterns/race',
]
/** The first is none of them: what it leaves is there for good. */
const ROUNDS = 3
/** Of a storm, each. */
const BATCH = 150
const AT_ONCE = 40
/**
 * Megabytes by which the heap may grow in the round in which it grows least, as a leak grows in all: so
 * much for each client, but what a server is still learning in a short round is no leak.
 */
const GROWTH = { client: 1 / 1024, least: 0.4, most: 3 }
const QUIET_WITHIN = 60_000
/** Milliseconds in which pools let go of what is idle, and sockets of what is gone. */
const SETTLE = 1200

export function soak({ seconds }: Settings): Scenario {
  return {
    name: 'soak',
    question: 'Do heap, handles or listeners grow, round after round of clients that leave?',
    within: (ROUNDS + 1) * (seconds * 1000 + QUIET_WITHIN) + 60_000,
    async run({ start, signal, stand: { progress } }) {
      const server = await start(env, { args: ['--import', fileURLToPath(INSIDE)] })
      const port = Number(new URL(server.url).port)
      const watch = new Watch(() => server.snapshot())
      const rounds: Inside[] = []
      let clients = 0
      for (let round = 0; round <= ROUNDS; round++) {
        const until = performance.now() + seconds * 1000
        const end = progress.start(`round ${round} of ${ROUNDS}`, 1, () => 0)
        while (performance.now() < until) {
          const some = { clients: BATCH, atOnce: AT_ONCE, stay: 20 }
          await storm({ port, ...some, paths: PATHS, queueing: '/limited' }, signal)
          clients += BATCH
        }
        end()
        await server.until(isQuiet, QUIET_WITHIN)
        await sleep(SETTLE, undefined, { signal })
        rounds.push(await look(server))
      }
      const end = await server.until(isQuiet, QUIET_WITHIN)
      const [first, ...others] = rounds as [Inside, ...Inside[]]
      const steps = others.map(({ heap }, at) => heap - (rounds[at] as Inside).heap)
      const { client, least, most } = GROWTH
      const allowed = Math.min(most, Math.max(least, (clients / rounds.length) * client))
      const heaps = rounds.map(({ heap }) => `${heap.toFixed(1)} MB`).join(', ')
      const last = rounds.at(-1) as Inside
      // Of timers some of the server's own come and go.
      const grown = Object.entries(last.resources).filter(
        ([kind, n]) => kind !== 'Timeout' && n > (first.resources[kind] ?? 0),
      )
      return {
        rows: [],
        tables: [
          {
            head: ['after round', 'heap', 'listeners', 'resources'],
            rows: rounds.map(({ heap, listeners, resources }, round) => [
              String(round),
              `${heap.toFixed(1)} MB`,
              count(listeners),
              Object.entries(resources)
                .map(([kind, n]) => `${kind} ${n}`)
                .join(' '),
            ]),
            note: `${count(clients)} clients; live objects only; round 0 warms up.`,
          },
        ],
        checks: [
          { name: 'the heap returns', ok: Math.min(...steps) < allowed, detail: heaps },
          {
            name: 'handles and other resources return',
            ok: grown.length === 0,
            detail: grown.map(([kind, n]) => `${kind}: ${n}`).join() || 'as many as before',
          },
          {
            name: 'listeners return',
            ok: last.listeners === first.listeners,
            detail: rounds.map(({ listeners }) => listeners).join(', '),
          },
          ...(await watch.stop()),
          quiet(end, 0),
          nothingUncaught(server.log),
        ],
      }
    },
  }
}

async function look(server: TestServer): Promise<Inside> {
  return (await server.ask('what is inside')) as Inside
}
