/** Crowds of slow and dead clients: can anybody else be served, and what is left of them? */
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Check } from '../../figures/outcome.js'
import type { Stand } from '../../measures/stand.js'
import { count, milliseconds } from '../../report/format.js'
import type { Scenario } from '../../scenarios/scenario.js'
import { isQuiet, type TestServer } from '../../subjects/server.js'
import { Crowd } from '../clients/crowd.js'
import { Friend, type Friendship, served } from '../clients/friend.js'
import { type Kind, kinds } from '../clients/kinds.js'
import type { Settings } from '../settings.js'
import { peakMegabytes } from '../subjects/memory.js'
import { nothingUncaught, quiet, Watch } from './watch.js'

export const LIMIT = 10
const env = { LIMIT: String(LIMIT), TIME_SCALE: '0.01' }
/** Milliseconds until others must be served, and of their p99 from then on. */
const SERVED_WITHIN = 15_000
const P99 = 250
/** On a machine that runs other tests beside it. */
const P99_QUICK = 1000
const MEGABYTES = 300
const GONE_WITHIN = 60_000

interface Seen {
  readonly kind: string
  readonly size: number
  readonly friendship: Friendship
  readonly ended: number
  readonly peak: number
  readonly megabytes: number | undefined
  readonly goneAfter: number
  readonly checks: readonly Check[]
}

export function crowds({ connections, seconds }: Settings): Scenario {
  return {
    name: 'crowds',
    question: `With a limit of ${LIMIT} and ${count(connections)} clients of one kind, who else is served?`,
    within: kinds.length * (SERVED_WITHIN + GONE_WITHIN + seconds * 1000 + 15_000),
    async run({ quick, start, stand }) {
      // Each that sleeps or asks listens to it, and Node warns at the eleventh.
      setMaxListeners(0, stand.signal)
      const seen: Seen[] = []
      // A server each, so that its memory is of this kind; in a hurry one after the other meets the same.
      const shared = quick ? await start(env) : undefined
      for (const kind of kinds) {
        const end = stand.progress.start(`${count(connections)} ${kind.name}`, 1, () => 0)
        const server = shared ?? (await start(env))
        seen.push(await meet(server, kind, { connections, seconds, quick }, stand))
        // All of them at the end would be many.
        if (shared === undefined) await server.stop()
        end()
      }
      return { rows: [], checks: judge(seen, quick ? P99_QUICK : P99), tables: [tableOf(seen)] }
    },
  }
}

async function meet(
  server: TestServer,
  kind: Kind,
  { connections, seconds, quick }: Omit<Settings, 'seed'> & { quick: boolean },
  { signal }: Stand,
): Promise<Seen> {
  const port = Number(new URL(server.url).port)
  const watch = new Watch(() => server.snapshot())
  const crowd = new Crowd(port, kind)
  const friend = new Friend(port, '/fast', signal)
  try {
    await crowd.gather(connections)
    if (quick) await friend.settled(SERVED_WITHIN)
    else await sleep(SERVED_WITHIN, undefined, { signal })
    friend.count()
    await sleep(seconds * 1000, undefined, { signal })
  } finally {
    crowd.leave()
  }
  const size = crowd.size
  const leftAt = performance.now()
  const friendship = await friend.stop()
  const end = await server.until(isQuiet, GONE_WITHIN)
  const goneAfter = performance.now() - leftAt
  const checks = [
    ...(await watch.stop()),
    quiet(end, goneAfter / 1000),
    nothingUncaught(server.log),
  ]
  const megabytes = peakMegabytes(server.pid)
  const { ended } = crowd
  const { peak } = watch
  return { kind: kind.name, size, friendship, ended, peak, megabytes, goneAfter, checks }
}

function judge(seen: readonly Seen[], p99: number): Check[] {
  const each = (name: string, fails: (one: Seen) => string | false): Check => {
    const failed = seen.flatMap((one) => {
      const problem = fails(one)
      return problem === false ? [] : [`${one.kind}: ${problem}`]
    })
    return { name, ok: failed.length === 0, detail: failed.join('; ') || `${seen.length} kinds` }
  }
  const names = seen[0]?.checks.map(({ name }) => name) ?? []
  return [
    each(`/fast of others is answered within ${SERVED_WITHIN / 1000} s`, ({ friendship }) => {
      const { firstAfter } = friendship
      return firstAfter !== undefined && firstAfter <= SERVED_WITHIN
        ? false
        : `after ${firstAfter === undefined ? 'never' : milliseconds(firstAfter)}`
    }),
    each(`and then with 200, its p99 at most ${p99} ms`, ({ friendship }) => {
      const { others, latency } = friendship
      const isServed = others.length === 0 && (latency.p99 ?? Number.POSITIVE_INFINITY) <= p99
      return isServed ? false : served(friendship)
    }),
    each(`memory stays under ${MEGABYTES} MB`, ({ megabytes }) =>
      megabytes === undefined || megabytes < MEGABYTES ? false : `${megabytes} MB`,
    ),
    ...names.map((name, index) =>
      each(name, ({ checks }) =>
        checks[index]?.ok ? false : (checks[index]?.detail ?? 'not seen'),
      ),
    ),
  ]
}

function tableOf(seen: readonly Seen[]) {
  return {
    head: [
      'a crowd of',
      'others from',
      'p99',
      'served',
      'ended',
      'in progress',
      'memory',
      'quiet after',
    ],
    rows: seen.map(({ kind, friendship, ended, peak, megabytes, goneAfter }) => {
      const { firstAfter, latency, answered, others } = friendship
      return [
        kind,
        firstAfter === undefined ? 'never' : milliseconds(firstAfter),
        milliseconds(latency.p99),
        `${answered} of ${answered + others.length}`,
        count(ended),
        count(peak),
        megabytes === undefined ? '' : `${megabytes} MB`,
        milliseconds(goneAfter),
      ]
    }),
    note: 'Of each kind: when the first other client got its /fast, and p99 and share of those served from 15 s on (or as soon as five in a row were, in a quick run); how many of the crowd the server ended; the most that were in progress; its most memory; and how long until nothing was in progress when they had left.',
  }
}
