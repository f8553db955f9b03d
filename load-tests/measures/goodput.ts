/**
 * One service under one open-loop load: what of its capacity is answered in time, and what that
 * takes of the server.
 */
import { fire } from '../clients/closed-loop.js'
import { courseOf, type Second } from '../clients/course.js'
import { type Look, look } from '../clients/looks.js'
import { type Ended, type Paced, pace } from '../clients/open-loop.js'
import { probe } from '../clients/probe.js'
import { median } from '../figures/statistics.js'
import { Subject } from '../subjects/subject.js'
import type { Stand } from './stand.js'

/** By workload: how many at once show what it can do. */
const WORKLOADS = { cpu: 4, io: 20 } as const
export type Workload = keyof typeof WORKLOADS
/** Seconds that the work of one answer keeps the processor. */
const WORK = { cpu: 0.005, io: 0 } as const
export const BARE = 'bare Fastify'
export const OURS = 'Sluice'
/** What operators ask beside the load. */
export const OPERATORS: readonly string[] = ['/health/live', '/metrics']
/** Milliseconds after which a client hangs up. */
export const DEADLINE = 1000
const SEED = 20

export interface Effort {
  readonly seconds: number
  readonly warmUp: number
}

export interface At {
  readonly workload: Workload
  readonly contender: string
  readonly factor: number
  /** Answers a second, closed loop. */
  readonly capacity: number
  /** Of newcomers. */
  readonly share: number
}

export interface Point extends At, Paced {
  /** Of capacity. */
  readonly goodput: number
  /** Of one core. */
  readonly cpu: number
  /** Microseconds of it a request, answered or refused, beyond the work of the answers. */
  readonly overhead: number
  /** The worst answers to operators, in milliseconds. */
  readonly operators: readonly number[]
  /** Behind the warm-up. */
  readonly course: readonly Second[]
  /** At ours, from the beginning on. */
  readonly looks: readonly Look[]
}

export async function capacityOf(
  workload: Workload,
  amount: number,
  stand: Stand,
): Promise<number> {
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
export async function middleOf(
  at: At,
  repeats: number,
  effort: Effort,
  stand: Stand,
): Promise<Point> {
  const points: Point[] = []
  while (points.length < repeats) points.push(await measure(at, effort, stand))
  const middle = median(points.map(({ goodput }) => goodput))
  return points.find(({ goodput }) => goodput === middle) as Point
}

export async function measure(at: At, { seconds, warmUp }: Effort, stand: Stand): Promise<Point> {
  const { signal } = stand
  const subject = await Subject.start(`${at.workload}, ${at.contender}`, stand)
  const over = new AbortController()
  const loaded = AbortSignal.any([signal, over.signal])
  const ended: Ended[] = []
  try {
    const before = await subject.cpuSeconds()
    const startedAt = performance.now()
    const probed = probe(subject.url, OPERATORS, loaded)
    const looked = at.contender === OURS ? look(subject.url, loaded) : []
    const paced = await pace(
      {
        ...{ url: subject.url, path: '/work', rate: at.capacity * at.factor, seconds, warmUp },
        ...{ deadline: DEADLINE, newcomers: at.share, seed: SEED },
        onEnd: (one) => ended.push(one),
      },
      signal,
    )
    const took = (performance.now() - startedAt) / 1000
    const spent = (await subject.cpuSeconds()) - before
    over.abort()
    // The processor was watched from the beginning, the requests from behind the warm-up.
    const { due, answered } = paced.all
    const whole = seconds / paced.seconds
    const overhead = (spent - answered * whole * WORK[at.workload]) / (due * whole)
    return {
      ...at,
      ...paced,
      goodput: paced.all.answered / paced.seconds / at.capacity,
      cpu: spent / took,
      overhead: overhead * 1e6,
      operators: await probed,
      course: courseOf(ended, warmUp * 1000, paced.seconds),
      looks: await looked,
    }
  } finally {
    over.abort()
    await subject.stop()
  }
}
