/**
 * Do ten thousand pending requests slow down the others, and what does each of them take? Bare
 * Fastify and the same behind the plugin's limits, each in processes of their own and in turn: the
 * same load on `/fast` with none and with all of them pending, and the live memory before and after.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fire } from '../clients/closed-loop.js'
import { hold } from '../clients/hold.js'
import type { Quantiles } from '../figures/latency.js'
import type { Check, Row, Table, Volley } from '../figures/outcome.js'
import { median, middle } from '../figures/statistics.js'
import type { Stand } from '../measures/stand.js'
import { count, milliseconds } from '../report/format.js'
import { Subject } from '../subjects/subject.js'
import type { Scenario } from './scenario.js'

const BARE = 'bare Fastify'
const PLUGIN = 'plugin with limits and queues'
const CONNECTIONS = 10
const MOST_BYTES = 1024
const MOST_P99 = 1.2

const full = { pending: 10_000, generations: 7, amount: 60_000, warmUp: 40_000 }
const short = { pending: 300, generations: 1, amount: 1000, warmUp: 1000 }

const slowFast: Scenario = {
  name: 'slow-fast',
  question: 'Does /fast stay fast beside 10,000 pending /slow, and what do those take?',
  within: 600_000,
  async run({ quick, stand }) {
    const effort = quick ? short : full
    const { generations, pending } = effort
    const bare: Found[] = []
    const plugin: Found[] = []
    const stop = stand.progress.start(
      'taking turns',
      2 * generations,
      () => bare.length + plugin.length,
    )
    try {
      for (let generation = 0; generation < generations; generation++) {
        // Whoever comes first has the machine as the one before left it.
        const turns = generation % 2 === 0 ? [BARE, PLUGIN] : [PLUGIN, BARE]
        for (const name of turns) {
          ;(name === BARE ? bare : plugin).push(await measure(name, effort, stand))
        }
      }
    } finally {
      stop()
    }
    const all = [...bare, ...plugin]
    const bytes = median(plugin.map((one, index) => one.bytes - (bare[index]?.bytes ?? 0)))
    const p99 = median(
      plugin.map(({ busy: { p99: own = Number.POSITIVE_INFINITY } }, index) => {
        return own / (bare[index]?.busy.p99 ?? 0)
      }),
    )
    return {
      rows: [...rows('bare', bare, pending), ...rows('plugin', plugin, pending)],
      tables: [tableOf(bare, plugin)],
      checks: [
        {
          name: `${count(pending)} /slow were pending from the first to the last /fast`,
          ok: all.every((one) => one.pending === pending && one.connected >= pending),
          detail: `at least ${count(Math.min(...all.map((one) => one.pending)))} in ${all.length} runs`,
        },
        everyAnswer(all),
        ...(quick
          ? []
          : [
              {
                name: `a pending request takes at most ${count(MOST_BYTES)} bytes more than with ${BARE}`,
                ok: bytes <= MOST_BYTES,
                detail: `${count(Math.round(bytes))} bytes`,
              },
              {
                name: `p99 of /fast is at most ${MOST_P99} of that of ${BARE} in the same state`,
                ok: p99 <= MOST_P99,
                detail: p99.toFixed(2),
              },
            ]),
      ],
    }
  },
}
export default slowFast

interface Found {
  readonly idle: Volley
  readonly busy: Volley
  /** Of a pending request. */
  readonly bytes: number
  /** As its clients see it, after the last `/fast`. */
  readonly pending: number
  /** As the server sees it. */
  readonly connected: number
}

async function measure(
  name: string,
  { pending, amount, warmUp }: typeof full,
  stand: Stand,
): Promise<Found> {
  const { signal } = stand
  const subject = await Subject.start(name, stand)
  try {
    const load = { url: `${subject.url}/fast`, connections: CONNECTIONS, body: 'Fast response' }
    await fire({ ...load, amount: warmUp }, signal)
    const idle = await fire({ ...load, amount }, signal)
    const before = await subject.ask('live memory', signal)
    const held = await hold(subject.url, '/slow', pending, signal)
    try {
      // A loop turn accepts about one connection: the last are far behind their clients.
      for (let look = 0; look < 1000; look++) {
        if ((await subject.ask('usage', signal)).connections >= pending) break
        await sleep(20, undefined, { signal })
      }
      const { memory, connections } = await subject.ask('live memory', signal)
      const busy = await fire({ ...load, amount }, signal)
      const bytes = (memory - before.memory) / pending
      return { idle, busy, bytes, pending: held.pending(), connected: connections }
    } finally {
      held.end()
    }
  } finally {
    await subject.stop()
  }
}

/** Medians of the generations. */
function rows(name: string, found: readonly Found[], pending: number): Row[] {
  const row = (label: string, volleys: readonly Volley[]): Row => {
    const typical = (key: 'rate' | 'seconds'): number => median(volleys.map((one) => one[key]))
    const latency = (key: keyof Quantiles): number | undefined =>
      middle(volleys.map((volley) => volley[key]))
    const total = (key: 'sent' | 'answered' | 'errors'): number =>
      volleys.reduce((sum, volley) => sum + volley[key], 0)
    return {
      label,
      connections: CONNECTIONS,
      ...{ sent: total('sent'), answered: total('answered'), errors: total('errors') },
      ...{ seconds: typical('seconds'), rate: typical('rate') },
      ...{ p50: latency('p50'), p99: latency('p99'), max: latency('max') },
    }
  }
  return [
    row(
      `${name}, none pending`,
      found.map(({ idle }) => idle),
    ),
    row(
      `${name}, ${count(pending)} pending`,
      found.map(({ busy }) => busy),
    ),
  ]
}

function tableOf(bare: readonly Found[], plugin: readonly Found[]): Table {
  const line = (label: string, found: readonly Found[]): string[] => {
    const bytes = found.map((one) => one.bytes).toSorted((a, b) => a - b)
    return [
      label,
      count(Math.round(median(bytes))),
      `${count(Math.round(bytes[0] ?? 0))} to ${count(Math.round(bytes.at(-1) ?? 0))}`,
      milliseconds(middle(found.map(({ busy }) => busy.p99))),
    ]
  }
  return {
    head: ['', 'bytes a pending request', 'min to max', 'p99 of /fast beside them'],
    rows: [line(BARE, bare), line(PLUGIN, plugin)],
    note: 'Live JavaScript objects and what they hold, after a collection; medians of processes made anew.',
  }
}

function everyAnswer(found: readonly Found[]): Check {
  const volleys = found.flatMap(({ idle, busy }) => [idle, busy])
  const sent = volleys.reduce((sum, volley) => sum + volley.sent, 0)
  const lost = volleys.filter((volley) => volley.sent !== volley.answered || volley.errors > 0)
  return {
    name: 'every /fast is answered as it should be',
    ok: lost.length === 0 && sent > 0,
    detail: `${count(sent)} sent, ${lost.length === 0 ? 'none' : 'some'} lost`,
  }
}
