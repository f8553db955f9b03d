/**
 * What is left of a service when more arrives than it can serve? Requests arrive whatever becomes of
 * them, at 0.5 to 10 times what it can do, a tenth of them over new connections, and each client
 * hangs up after a second. What counts is goodput: answers in time. Two services, one that computes
 * and one that waits for something which thrashes, each bare, behind under-pressure, behind a fixed
 * limit that somebody measured, and behind Sluice, which is told nothing but an algorithm's name.
 */
import { count, milliseconds, percent } from '../format.js'
import { fire } from '../load.js'
import { type Paced, pace } from '../paced.js'
import { probe } from '../probe.js'
import type { Check, Scenario, Stand, Table } from '../scenario.js'
import { median } from '../statistics.js'
import { Subject } from '../subject.js'

/** By workload: how many at once show what it can do. */
const WORKLOADS = { cpu: 4, io: 20 } as const
type Workload = keyof typeof WORKLOADS
const NAMES = {
  cpu: '5 ms of computing',
  io: '50 ms of waiting, 20 slots that thrash',
} as const
const BARE = 'bare Fastify'
const OURS = 'Sluice'
const CONTENDERS = [BARE, 'under-pressure', 'fixed limit', OURS] as const
const OPERATORS = ['/health/live', '/metrics']

const DEADLINE = 1000
const NEWCOMERS = 0.1
const SEED = 20
/** Milliseconds behind its schedule that say that the client was the bottleneck. */
const TOO_LATE = 100
/** Each is the median of so many: what is left at the most is close to its threshold. */
const REPEATS = 3

const full = { factors: [0.5, 1, 2, 5, 10], seconds: 8, warmUp: 3, closed: 400 }
const short = { factors: [5], seconds: 0.8, warmUp: 0.2, closed: 80 }
type Effort = Omit<typeof full, 'factors'>

const overload: Scenario = {
  name: 'overload',
  question: 'What is left when up to 10 times what it can serve arrives?',
  within: 900_000,
  async run({ quick, stand }) {
    const { factors, ...effort } = quick ? short : full
    const points: Point[] = []
    const workloads = Object.keys(WORKLOADS) as Workload[]
    const total = workloads.length * CONTENDERS.length * factors.length
    const stop = stand.progress.start('arriving', total, () => points.length)
    try {
      for (const workload of workloads) {
        const capacity = await capacityOf(workload, effort.closed, stand)
        for (const contender of CONTENDERS) {
          for (const factor of factors) {
            const at = { workload, contender, factor, capacity }
            const repeats = !quick && contender === OURS && factor === 10 ? REPEATS : 1
            points.push(await middleOf(at, repeats, effort, stand))
          }
        }
      }
    } finally {
      stop()
    }
    return {
      rows: [],
      tables: workloads.map((workload) => tableOf(workload, points)),
      checks: [accounted(points), ...(quick ? [] : thresholds(points))],
    }
  },
}
export default overload

interface At {
  readonly workload: Workload
  readonly contender: string
  readonly factor: number
  /** Answers a second, closed loop. */
  readonly capacity: number
}

interface Point extends At, Paced {
  /** Of capacity. */
  readonly goodput: number
  /** Of one core. */
  readonly cpu: number
  /** The worst answers to operators, in milliseconds. */
  readonly operators: readonly number[]
}

async function capacityOf(workload: Workload, amount: number, stand: Stand): Promise<number> {
  const subject = await Subject.start(`${workload}, ${BARE}`, stand)
  try {
    const url = `${subject.url}/work`
    const load = { url, connections: WORKLOADS[workload], body: 'done' }
    await fire({ ...load, amount: amount / 2 }, stand.signal)
    return (await fire({ ...load, amount }, stand.signal)).rate
  } finally {
    await subject.stop()
  }
}

/** The repeat whose goodput is the median. */
async function middleOf(at: At, repeats: number, effort: Effort, stand: Stand): Promise<Point> {
  const points: Point[] = []
  while (points.length < repeats) points.push(await measure(at, effort, stand))
  const middle = median(points.map(({ goodput }) => goodput))
  return points.find(({ goodput }) => goodput === middle) as Point
}

async function measure(at: At, { seconds, warmUp }: Effort, stand: Stand): Promise<Point> {
  const { signal } = stand
  const subject = await Subject.start(`${at.workload}, ${at.contender}`, stand)
  const probing = new AbortController()
  try {
    const before = await subject.cpuSeconds()
    const startedAt = performance.now()
    const probed = probe(subject.url, OPERATORS, AbortSignal.any([signal, probing.signal]))
    const paced = await pace(
      {
        ...{ url: subject.url, path: '/work', rate: at.capacity * at.factor, seconds, warmUp },
        ...{ deadline: DEADLINE, newcomers: NEWCOMERS, seed: SEED },
      },
      signal,
    )
    const took = (performance.now() - startedAt) / 1000
    probing.abort()
    return {
      ...at,
      ...paced,
      goodput: paced.all.answered / paced.seconds / at.capacity,
      cpu: ((await subject.cpuSeconds()) - before) / took,
      operators: await probed,
    }
  } finally {
    probing.abort()
    await subject.stop()
  }
}

function tableOf(workload: Workload, points: readonly Point[]): Table {
  const own = points.filter((point) => point.workload === workload)
  const capacity = own[0]?.capacity ?? 0
  return {
    head: [
      NAMES[workload],
      ...['load', 'goodput', 'p50', 'p99', 'refused', 'hanging', 'new', 'a refusal', 'probes'],
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
      costOfRefusal(point, own),
      milliseconds(Math.max(...point.operators)),
    ]),
    note: `Load and goodput in ratio to ${count(Math.round(capacity))} a second, what it does in a closed loop; latency of what was answered in time, from when it was due; hanging: neither answered nor refused within ${count(DEADLINE)} ms, and the same of those on new connections; a refusal: the server's processor time for one, its connection and whatever else went on included; probes: the worst answer to ${OPERATORS.join(' and ')}.`,
  }
}

/** What the answers took is known from the run in which nothing was refused. */
function costOfRefusal(point: Point, own: readonly Point[]): string {
  const { all, seconds, cpu, contender } = point
  const calm = own.find((one) => one.contender === contender && one.factor === 0.5)
  if (calm === undefined || all.refused < all.due / 10) return ''
  const ofAnAnswer = calm.cpu / (calm.all.answered / calm.seconds)
  const left = cpu - (all.answered / seconds) * ofAnAnswer
  return `${Math.max(0, Math.round((left / (all.refused / seconds)) * 1e6))} µs`
}

function hanging(counts: Paced['all']): number {
  return (counts.hanging + counts.failed) / counts.due
}

function accounted(points: readonly Point[]): Check {
  const wrong = points.filter(
    ({ all }) => all.due !== all.answered + all.refused + all.failed + all.hanging,
  )
  const due = points.reduce((sum, { all }) => sum + all.due, 0)
  return {
    name: 'every request that was due is answered, refused, failed or hanging',
    ok: wrong.length === 0 && due > 0,
    detail: count(due),
  }
}

function thresholds(points: readonly Point[]): Check[] {
  const ours = points.filter(({ contender }) => contender === OURS)
  const half = ours.filter(({ factor }) => factor === 0.5)
  const most = ours.filter(({ factor }) => factor === 10)
  const each = (
    name: string,
    value: (point: Point) => number,
    ok: (value: number) => boolean,
    show: (value: number) => string,
  ): Check => ({
    name,
    ok: most.every((point) => ok(value(point))),
    detail: most.map((point) => `${show(value(point))} (${point.workload})`).join(', '),
  })
  const behind = Math.max(...points.map((point) => point.behind.p99))
  return [
    {
      name: 'at half of capacity nothing is refused',
      ok: half.every(({ all }) => all.refused === 0),
      detail: half.map(({ all }) => count(all.refused)).join(', '),
    },
    each(
      'at 10 times capacity goodput is at least 0.90 of it',
      ({ goodput }) => goodput,
      (value) => value >= 0.9,
      (value) => value.toFixed(3),
    ),
    each(
      'p99 of what is answered: at most 500 ms',
      ({ latency }) => latency.p99,
      (value) => value <= 500,
      milliseconds,
    ),
    each(
      'at most 1 % are left hanging, of newcomers too',
      ({ all, newcomers }) => Math.max(hanging(all), hanging(newcomers)),
      (value) => value <= 0.01,
      (value) => `${(value * 100).toFixed(2)} %`,
    ),
    each(
      'operators are answered in less than 250 ms',
      ({ operators }) => Math.max(...operators),
      (value) => value < 250,
      milliseconds,
    ),
    {
      name: `the client keeps its schedule: p99 at most ${TOO_LATE} ms behind`,
      ok: behind <= TOO_LATE,
      detail: milliseconds(behind),
    },
  ]
}
