/**
 * What is left of a service when more arrives than it can serve? Requests arrive whatever becomes of
 * them, at 0.5 to 10 times what it can do, a tenth of them over new connections, and each client
 * hangs up after a second. What counts is goodput: answers in time. Two services, one that computes
 * and one that waits for something which thrashes, each bare, behind under-pressure, behind a fixed
 * limit that somebody measured, and behind Sluice, which is told nothing but an algorithm's name.
 * The first of them once more where every request comes over a connection of its own.
 */
import type { Paced } from '../clients/open-loop.js'
import type { Check, Series, Table } from '../figures/outcome.js'
import {
  BARE,
  capacityOf,
  DEADLINE,
  measure,
  middleOf,
  OPERATORS,
  OURS,
  type Point,
  type Workload,
} from '../measures/goodput.js'
import { loadSeries } from '../measures/series.js'
import { unsentNote } from '../measures/unsent.js'
import { count, milliseconds, percent } from '../report/format.js'
import { accounted, dueAndEnded } from './checks.js'
import type { Scenario } from './scenario.js'

const NAMES = {
  cpu: '5 ms of computing',
  io: '50 ms of waiting, 20 slots that thrash',
} as const
const CONTENDERS = [BARE, 'under-pressure', 'fixed limit', OURS] as const

const NEWCOMERS = 0.1
/** Where all are newcomers. */
const CROWD = {
  workload: 'cpu',
  contenders: [BARE, 'under-pressure', OURS],
  factors: [2, 5],
} as const
const LEAST_GOODPUT = 0.9
/** Milliseconds behind its schedule that say that the client was the bottleneck. */
const TOO_LATE = 100
/** Each is the median of so many: what is left at the most is close to its threshold. */
const REPEATS = 3

const full = { factors: [0.5, 1, 2, 5, 10], seconds: 8, warmUp: 3, closed: 400 }
const short = { factors: [5], seconds: 0.8, warmUp: 0.2, closed: 80 }

const overload: Scenario = {
  name: 'overload',
  question: 'What is left when up to 10 times what it can serve arrives?',
  within: 900_000,
  async run({ quick, stand }) {
    const { factors, ...effort } = quick ? short : full
    const points: Point[] = []
    const workloads = Object.keys(NAMES) as Workload[]
    const crowd: Point[] = []
    const total =
      workloads.length * CONTENDERS.length * factors.length +
      (quick ? 0 : CROWD.contenders.length * CROWD.factors.length)
    const stop = stand.progress.start('arriving', total, () => points.length + crowd.length)
    try {
      for (const workload of workloads) {
        const capacity = await capacityOf(workload, effort.closed, stand)
        for (const contender of CONTENDERS) {
          for (const factor of factors) {
            const at = { workload, contender, factor, capacity, share: NEWCOMERS }
            const repeats = !quick && contender === OURS && factor === 10 ? REPEATS : 1
            points.push(await middleOf(at, repeats, effort, stand))
          }
        }
        if (quick || workload !== CROWD.workload) continue
        for (const contender of CROWD.contenders) {
          for (const factor of CROWD.factors) {
            const at = { workload, contender, factor, capacity, share: 1 }
            crowd.push(await measure(at, effort, stand))
          }
        }
      }
    } finally {
      stop()
    }
    const parts = [
      ...workloads.map((workload) => ({ name: NAMES[workload], own: pointsOf(workload, points) })),
      ...(quick ? [] : [{ name: 'all of them newcomers', own: crowd }]),
    ]
    return {
      rows: [],
      tables: parts.map(({ name, own }) => tableOf(name, own)),
      series: parts.flatMap(({ name, own }) => seriesOf(name, own)),
      raw: [...points, ...crowd],
      checks: [
        accounted([...points, ...crowd].map(dueAndEnded)),
        ...(quick ? [] : thresholds(points, crowd)),
      ],
    }
  },
}
export default overload

function pointsOf(workload: Workload, points: readonly Point[]): Point[] {
  return points.filter((point) => point.workload === workload)
}

/** Of the highest load. */
export function seriesOf(name: string, own: readonly Point[]): Series[] {
  const factor = Math.max(...own.map((point) => point.factor))
  const most = own.filter((point) => point.factor === factor)
  return loadSeries(`${name}, ${factor} ×`, most)
}

export function tableOf(name: string, own: readonly Point[]): Table {
  const capacity = own[0]?.capacity ?? 0
  const unsent = own.map((point) => ({
    where: `${point.contender} ${point.factor} ×`,
    unsent: point.unsent,
  }))
  return {
    head: [
      name,
      ...['load', 'goodput', 'p50', 'p99', 'refused', 'hanging', 'new', 'overhead', 'probes'],
    ],
    rows: own.map((point) => [
      point.contender,
      `${point.factor} ×`,
      percent(point.goodput),
      milliseconds(point.latency.p50),
      milliseconds(point.latency.p99),
      percent(point.all.refused / point.all.due),
      percent(hanging(point.all)),
      percent(hanging(point.newcomers)),
      overheadOf(point),
      milliseconds(Math.max(...point.operators)),
    ]),
    note: `Load and goodput in ratio to ${count(Math.round(capacity))} a second, what it does in a closed loop; latency of what was answered in time, from when it was due; hanging: neither answered nor refused within ${count(DEADLINE)} ms, and the same of those on new connections; overhead: the server's processor time a request, answered or refused, beyond the work itself, probes included; probes: the worst answer to ${OPERATORS.join(' and ')}.${unsentNote(unsent)}`,
  }
}

/** Known where all were answered or refused: what hangs has been worked for, too, or not. */
function overheadOf({ all, overhead }: Point): string {
  return hanging(all) > 0.01 ? '' : `${Math.round(overhead)} µs`
}

function hanging(counts: Paced['all']): number {
  return (counts.hanging + counts.failed) / counts.due
}

export function thresholds(points: readonly Point[], crowd: readonly Point[]): Check[] {
  const isOurs = ({ contender }: Point): boolean => contender === OURS
  const half = points.filter((point) => isOurs(point) && point.factor === 0.5)
  const most = points.filter((point) => isOurs(point) && point.factor === 10)
  return [
    {
      name: 'at half of capacity nothing is refused',
      ok: half.every(({ all }) => all.refused === 0),
      detail: half.map(({ all }) => count(all.refused)).join(', '),
    },
    atLeast('at 10 times capacity goodput', most, LEAST_GOODPUT),
    atLeast('where all are newcomers goodput', crowd.filter(isOurs), LEAST_GOODPUT),
    atMost('p99 of what is answered', most, ({ latency }) => latency.p99, 500),
    {
      name: 'at most 1 % are left hanging, of newcomers too',
      ok: most.every(({ all, newcomers }) => hanging(all) <= 0.01 && hanging(newcomers) <= 0.01),
      detail: most.map(({ all }) => `${(hanging(all) * 100).toFixed(2)} %`).join(', '),
    },
    atMost('operators are answered', most, ({ operators }) => Math.max(...operators), 250),
    atMost(
      'the client is behind its schedule, p99',
      [...points, ...crowd],
      // On time, where nothing was due.
      ({ behind: { p99 = 0 } }) => p99,
      TOO_LATE,
    ),
  ]
}

function atLeast(what: string, points: readonly Point[], least: number): Check {
  return {
    name: `${what} is at least ${least.toFixed(2)} of it`,
    ok: points.every(({ goodput }) => goodput >= least),
    detail: points.map(({ goodput }) => goodput.toFixed(3)).join(', '),
  }
}

function atMost(
  what: string,
  points: readonly Point[],
  value: (point: Point) => number | undefined,
  most: number,
): Check {
  const values = points.map(value).map((one = Number.POSITIVE_INFINITY) => one)
  const worst = Math.max(...values)
  const detail = worst === Number.POSITIVE_INFINITY ? 'nobody was answered' : milliseconds(worst)
  return { name: `${what}: at most ${most} ms`, ok: worst <= most, detail }
}
