/**
 * What is left of a service when more arrives than it can serve? Requests arrive whatever becomes of
 * them, at 0.5 to 10 times what it can do, a tenth of them over new connections, and each client
 * hangs up after a second. What counts is goodput: answers in time. Two services, one that computes
 * and one that waits for something which thrashes, each bare, behind under-pressure, and behind a
 * fixed limit with a short queue.
 */
import { Client } from 'undici'
import { count, milliseconds, percent } from '../format.js'
import { fire } from '../load.js'
import { type Paced, pace } from '../paced.js'
import type { Check, Scenario, Stand, Table } from '../scenario.js'
import { Subject } from '../subject.js'

/** By workload: how many at once show what it can do. */
const WORKLOADS = { cpu: 4, io: 20 } as const
type Workload = keyof typeof WORKLOADS
const NAMES = {
  cpu: '5 ms of computing',
  io: '50 ms of waiting, 20 slots that thrash',
} as const
const BARE = 'bare Fastify'
const OURS = 'fixed limit'
const CONTENDERS = [BARE, 'under-pressure', OURS] as const

const DEADLINE = 1000
const NEWCOMERS = 0.1
const SEED = 20
/** How often `/health/live` is asked beside the load, in milliseconds. */
const LOOK = 250
/** Milliseconds behind its schedule that say that the client was the bottleneck. */
const TOO_LATE = 100

const full = { factors: [0.5, 1, 2, 5, 10], seconds: 8, warmUp: 3, closed: 400 }
const short = { factors: [5], seconds: 0.8, warmUp: 0.2, closed: 80 }

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
            points.push(await measure(at, effort, stand))
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
  /** The worst answer to `/health/live`, in milliseconds. */
  readonly health: number
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

async function measure(
  at: At,
  { seconds, warmUp }: { seconds: number; warmUp: number },
  stand: Stand,
): Promise<Point> {
  const { signal } = stand
  const subject = await Subject.start(`${at.workload}, ${at.contender}`, stand)
  const looking = new AbortController()
  try {
    const before = await subject.cpuSeconds()
    const startedAt = performance.now()
    const looks = watchHealth(subject.url, AbortSignal.any([signal, looking.signal]))
    const paced = await pace(
      {
        ...{ url: subject.url, path: '/work', rate: at.capacity * at.factor, seconds, warmUp },
        ...{ deadline: DEADLINE, newcomers: NEWCOMERS, seed: SEED },
      },
      signal,
    )
    const took = (performance.now() - startedAt) / 1000
    looking.abort()
    return {
      ...at,
      ...paced,
      goodput: paced.all.answered / paced.seconds / at.capacity,
      cpu: ((await subject.cpuSeconds()) - before) / took,
      health: await looks,
    }
  } finally {
    looking.abort()
    await subject.stop()
  }
}

/** As a probe does that keeps its connection. */
async function watchHealth(url: string, signal: AbortSignal): Promise<number> {
  const client = new Client(url, { headersTimeout: 0, bodyTimeout: 0 })
  let worst = 0
  let askedAt = performance.now()
  try {
    while (!signal.aborted) {
      askedAt = performance.now()
      const { body } = await client.request({ method: 'GET', path: '/health/live', signal })
      await body.dump()
      worst = Math.max(worst, performance.now() - askedAt)
      await new Promise((resolve) => setTimeout(resolve, LOOK))
    }
  } catch {
    // It was not answered before the load ended.
    worst = Math.max(worst, performance.now() - askedAt)
  } finally {
    await client.destroy()
  }
  return worst
}

function tableOf(workload: Workload, points: readonly Point[]): Table {
  const own = points.filter((point) => point.workload === workload)
  const capacity = own[0]?.capacity ?? 0
  return {
    head: [
      NAMES[workload],
      'load',
      'goodput',
      'p50',
      'p99',
      'refused',
      'hanging',
      'new',
      'CPU',
      'health',
    ],
    rows: own.map(({ contender, factor, goodput, latency, all, newcomers, cpu, health }) => [
      contender,
      `${factor} ×`,
      percent(goodput),
      milliseconds(latency.p50),
      milliseconds(latency.p99),
      percent(all.refused / all.due),
      percent((all.hanging + all.failed) / all.due),
      percent((newcomers.hanging + newcomers.failed) / newcomers.due),
      percent(cpu),
      milliseconds(health),
    ]),
    note: `Load and goodput in ratio to ${count(Math.round(capacity))} a second, what it does in a closed loop; latency of what was answered in time, from when it was due; hanging: neither answered nor refused within ${count(DEADLINE)} ms, and the same of those on new connections; health: the worst answer to /health/live.`,
  }
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
  const most = ours.find(({ workload, factor }) => workload === 'io' && factor === 10)
  const collapsed = points.find(
    ({ workload, contender, factor }) => workload === 'io' && contender === BARE && factor === 10,
  )
  const behind = Math.max(...points.map((point) => point.behind.p99))
  return [
    {
      name: 'at half of capacity nothing is refused',
      ok: half.every(({ all }) => all.refused === 0),
      detail: half.map(({ all }) => count(all.refused)).join(', '),
    },
    {
      name: 'I/O-bound at 10 times capacity: goodput is at least 0.90 of it, where bare Fastify collapses',
      ok: (most?.goodput ?? 0) >= 0.9 && (collapsed?.goodput ?? 1) < 0.5,
      detail: `${percent(most?.goodput ?? 0)}, bare ${percent(collapsed?.goodput ?? 0)}`,
    },
    {
      name: `the client keeps its schedule: p99 at most ${TOO_LATE} ms behind`,
      ok: behind <= TOO_LATE,
      detail: milliseconds(behind),
    },
  ]
}
