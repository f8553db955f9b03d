/**
 * Does a limit that finds itself find the best one, and does it follow? A service waits for
 * something that thrashes beyond its slots, and twice what it can do arrives. A sweep tells which
 * fixed limit answers most in time, with all slots and with half of them; then the adaptive limit
 * runs by itself while half of the slots go away for a while and come back.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Snapshot } from 'fastify-sluice'
import { Client } from 'undici'
import { type Paced, pace } from '../clients/open-loop.js'
import type { Check, Table } from '../figures/outcome.js'
import { median } from '../figures/statistics.js'
import { limiterSeries } from '../measures/series.js'
import type { Stand } from '../measures/stand.js'
import { count, milliseconds } from '../report/format.js'
import { Subject } from '../subjects/subject.js'
import { accounted, dueAndEnded } from './checks.js'
import type { Scenario } from './scenario.js'

/** Twice what 20 slots of 50 ms can do. */
const RATE = 800
const LOAD = { path: '/work', deadline: 1000, newcomers: 0.1, seed: 20 }
const SLOTS = [20, 10, 20] as const
/** How near the best the limit must come to count as there. */
const NEAR = 0.25
/** Seconds that following may take, down and up. */
const DOWN = 5
const UP = 15
/** How often the limit is looked at, in milliseconds. */
const LOOK = 100
/** The end of a phase, in seconds: the limit is then what it ends at. */
const END = 5

const full = {
  limits: [6, 8, 10, 12, 14, 16, 18, 20, 22, 25, 30, 40],
  sweep: { seconds: 4, warmUp: 1 },
  phase: { seconds: 20, warmUp: 0 },
}
const short: typeof full = {
  limits: [10, 20],
  sweep: { seconds: 0.6, warmUp: 0.2 },
  phase: { seconds: 0.8, warmUp: 0 },
}

const step: Scenario = {
  name: 'step',
  question: 'Does the adaptive limit find the best one, and follow it down and up?',
  within: 600_000,
  async run({ quick, stand }) {
    const { limits, sweep, phase } = quick ? short : full
    let done = 0
    const stop = stand.progress.start('looking', 2 * limits.length + SLOTS.length, () => done)
    try {
      const swept: Swept[] = []
      for (const limit of limits) {
        const [all, half] = [
          await fixed(limit, 20, sweep, stand),
          await fixed(limit, 10, sweep, stand),
        ]
        swept.push({ limit, all, half })
        done += 2
      }
      const best = { 20: bestOf(swept, 'all'), 10: bestOf(swept, 'half') }
      const { phases, snapshots } = await follow(phase, stand, () => done++)
      return {
        rows: [],
        tables: [tableOf(swept), phasesOf(phases, best)],
        series: limiterSeries(snapshots, 'app'),
        checks: [accounted(phases.map(dueAndEnded)), ...(quick ? [] : thresholds(phases, best))],
      }
    } finally {
      stop()
    }
  },
}
export default step

interface Swept {
  readonly limit: number
  /** Answers in time a second, with all slots and with half of them. */
  readonly all: number
  readonly half: number
}

interface Phase extends Paced {
  readonly slots: 10 | 20
  /** Seconds since it began, and the limit then. */
  readonly path: readonly (readonly [number, number])[]
}

async function fixed(
  limit: number,
  slots: number,
  effort: typeof full.sweep,
  stand: Stand,
): Promise<number> {
  const subject = await Subject.start('io, fixed limit', stand, String(limit))
  try {
    await get(subject, `/slots/${slots}`)
    const { all, seconds } = await pace(
      { ...LOAD, ...effort, url: subject.url, rate: RATE },
      stand.signal,
    )
    return all.answered / seconds
  } finally {
    await subject.stop()
  }
}

async function follow(
  effort: typeof full.phase,
  stand: Stand,
  onPhase: () => void,
): Promise<{ phases: Phase[]; snapshots: Snapshot[] }> {
  const subject = await Subject.start('io, Sluice', stand)
  const snapshots: Snapshot[] = []
  const phases: Phase[] = []
  const looking = new AbortController()
  const signal = AbortSignal.any([stand.signal, looking.signal])
  const looks = (async () => {
    while (!signal.aborted) {
      snapshots.push((await get(subject, '/concurrency')) as Snapshot)
      await sleep(LOOK, undefined, { signal }).catch(() => {})
    }
  })()
  try {
    for (const slots of SLOTS) {
      await get(subject, `/slots/${slots}`)
      const first = snapshots.length
      const paced = await pace({ ...LOAD, ...effort, url: subject.url, rate: RATE }, stand.signal)
      phases.push({ ...paced, slots, path: pathOf(snapshots.slice(first)) })
      onPhase()
    }
    return { phases, snapshots }
  } finally {
    looking.abort()
    await looks.catch(() => {})
    await subject.stop()
  }
}

async function get(subject: Subject, path: string): Promise<unknown> {
  const client = new Client(subject.url)
  try {
    const { body } = await client.request({ method: 'GET', path })
    return await body.json()
  } finally {
    await client.destroy()
  }
}

function pathOf(snapshots: readonly Snapshot[]): Phase['path'] {
  const start = snapshots[0]?.uptime ?? 0
  return snapshots.map(({ uptime, limiters }) => [
    uptime - start,
    limiters.find(({ name }) => name === 'app')?.limit ?? 0,
  ])
}

function bestOf(swept: readonly Swept[], key: 'all' | 'half'): number {
  return swept.reduce((best, one) => (one[key] > best[key] ? one : best)).limit
}

/** What the limit is at the end of a phase. */
function settled({ path }: Phase): number {
  const end = path.at(-1)?.[0] ?? 0
  return median(path.filter(([at]) => at >= end - END).map(([, limit]) => limit))
}

/** Seconds until the limit is for the first time as near to the best as it must come. */
function reached({ path }: Phase, best: number): number {
  return path.find(([, limit]) => isNear(limit, best))?.[0] ?? Number.POSITIVE_INFINITY
}

function isNear(limit: number, best: number): boolean {
  return Math.abs(limit - best) <= NEAR * best
}

type Best = Readonly<Record<10 | 20, number>>

function tableOf(swept: readonly Swept[]): Table {
  return {
    head: ['fixed limit', ...swept.map(({ limit }) => count(limit))],
    rows: [
      ['20 slots', ...swept.map(({ all }) => count(Math.round(all)))],
      ['10 slots', ...swept.map(({ half }) => count(Math.round(half)))],
    ],
    note: `Answers in time a second, where ${RATE} arrive.`,
  }
}

function phasesOf(phases: readonly Phase[], best: Best): Table {
  return {
    head: ['adaptive', 'best fixed', 'limit at the end', 'near after', 'in time/s', 'p99'],
    rows: phases.map((phase) => [
      `${phase.slots} slots`,
      count(best[phase.slots]),
      settled(phase).toFixed(1),
      `${reached(phase, best[phase.slots]).toFixed(1)} s`,
      count(Math.round(phase.all.answered / phase.seconds)),
      milliseconds(phase.latency.p99),
    ]),
    note: `Near: within ${NEAR * 100} % of the best fixed limit; the end of a phase are its last ${END} s.`,
  }
}

function thresholds(phases: readonly Phase[], best: Best): Check[] {
  const [, down, up] = phases as [Phase, Phase, Phase]
  return [
    {
      name: `the limit ends within ${NEAR * 100} % of the best fixed one`,
      ok: phases.every((phase) => isNear(settled(phase), best[phase.slots])),
      detail: phases.map((phase) => `${settled(phase)} of ${best[phase.slots]}`).join(', '),
    },
    within('it follows the step down', reached(down, best[10]), DOWN),
    within('it follows the step up', reached(up, best[20]), UP),
  ]
}

function within(name: string, seconds: number, most: number): Check {
  return {
    name: `${name} within ${most} s`,
    ok: seconds <= most,
    detail: `${seconds.toFixed(1)} s`,
  }
}
