/** One service behind one contender under one open-loop load. */
import { setTimeout as sleep } from 'node:timers/promises'
import { courseOf, type Second } from '../../clients/course.js'
import { type Look, look } from '../../clients/looks.js'
import { type Ended, pace } from '../../clients/open-loop.js'
import { uploadOf } from '../../clients/upload.js'
import type { Place } from '../../subjects/process/launch.js'
import type { Contender } from '../subjects/contenders.js'
import { serviceOf } from '../subjects/menu.js'
import type { Parameters, Service, Stream, Trouble, Troubled } from '../subjects/service.js'
import { onStage } from '../subjects/stage.js'
import { declared } from './capacity.js'
import { type Figures, figuresOf } from './figures.js'
import { type Times, timesOf, type Window, windowsOf } from './windows.js'

/** What operators ask beside every load. */
const PROBE: Stream = { name: 'probe', path: '/health/live', rate: 4, steady: true, newcomers: 1 }
const NEWCOMERS = 0.1
export const DEADLINE = 1000
export const SECONDS = 8

export interface At {
  readonly service: string
  readonly parameters: Parameters
  readonly contender: Contender
  /** Of what it can do. */
  readonly factor: number
  /** What it can do: requests a second of the streams that the factor multiplies. */
  readonly capacity: number
  readonly seed: number
  /** That count, behind the warm-up. */
  readonly seconds: number
  readonly warmUp: number
  /** Without the trouble that the service has otherwise. */
  readonly calm?: boolean
}

export interface StreamFigures extends Figures {
  readonly name: string
  /** Answers in time, a second. */
  readonly goodput: number
  /** How many a second could be: what was due, but of what the factor multiplies no more than at 1. */
  readonly possible: number
}

export interface Point extends At {
  /** The last are the probes. */
  readonly streams: readonly StreamFigures[]
  readonly windows: readonly Window[]
  readonly looks: readonly Look[]
  /** The warm-up's and the probes' left out. */
  readonly course: readonly Second[]
  /** How many were due by the schedule. */
  readonly due: number
  /** Of those left hanging, for how many the client had no connection. */
  readonly unsent: number
  /** Of what could be answered: the mean of the streams without the probes. */
  readonly goodput: number
  /** The server's, of one core. */
  readonly cpu: number
  /** For which share of the time others had its core while it wanted it; NaN where nobody can tell. */
  readonly waited: number
  /** How far the client was behind its schedule: p99 in milliseconds. */
  readonly behind: number
}

/** Each stream of a load has arrivals of its own. */
export function scheduleSeed(seed: number, stream: number): number {
  return seed * 100 + stream
}

export async function measure(at: At, place: Place): Promise<Point> {
  const { service: name, parameters, contender, seed, seconds, warmUp } = at
  const service = serviceOf(name, parameters)
  const trouble = at.calm ? undefined : service.trouble
  const times = timesOf(warmUp, seconds)
  return onStage(service, { service: name, parameters, contender, seed }, place, async (on) => {
    const over = new AbortController()
    const signal = AbortSignal.any([place.signal, over.signal])
    const looking = contender.kind === 'sluice' ? look(on.subject.url, signal) : []
    try {
      const [waitedBefore, before] = await spentBy(on)
      const startedAt = performance.now()
      const [loads] = await Promise.all([
        arrive(at, service, on.subject.url, place.signal),
        befall(trouble, times, on, signal),
      ])
      const [waited, spent] = await spentBy(on)
      const took = (performance.now() - startedAt) / 1000
      over.abort()
      const looks = await looking
      const streams = loads.map((one) => streamFigures(one, seconds))
      const work = streams.slice(0, -1)
      const ended = loads.slice(0, -1).flatMap((one) => one.ended)
      return {
        ...{ ...at, streams, looks },
        windows: trouble ? windowsOf(trouble.name, times, ended, looks) : [],
        course: courseOf(ended, times.start, seconds),
        due: loads.reduce((sum, { due }) => sum + due, 0),
        unsent: loads.reduce((sum, { unsent }) => sum + unsent, 0),
        goodput:
          work.reduce((sum, { goodput, possible }) => sum + goodput / possible, 0) / work.length,
        cpu: (spent - before) / took,
        waited: (waited - waitedBefore) / took,
        behind: Math.max(...loads.map(({ behind }) => behind)),
      }
    } finally {
      over.abort()
    }
  })
}

/** What came of a stream. */
interface Arrived {
  readonly name: string
  /** Requests a second at factor 1; Infinity: the factor is none of its. */
  readonly most: number
  readonly due: number
  readonly unsent: number
  readonly ended: readonly Ended[]
  /** Milliseconds, p99. */
  readonly behind: number
}

/** All streams at once, the probes last. */
function arrive(
  { factor, capacity, seed, seconds, warmUp }: At,
  service: Service,
  url: string,
  signal: AbortSignal,
): Promise<Arrived[]> {
  const { streams, deadline = DEADLINE } = service
  const scale = capacity / declared(service)
  return Promise.all(
    [...streams, PROBE].map(async (stream, index) => {
      const { name, path, steady, upload, newcomers = NEWCOMERS } = stream
      const most = steady ? Number.POSITIVE_INFINITY : stream.rate * scale
      const ended: Ended[] = []
      const { behind, all, unsent } = await pace(
        {
          ...{ url, path, deadline, newcomers, warmUp, seconds: warmUp + seconds },
          ...{ rate: steady ? stream.rate : most * factor, seed: scheduleSeed(seed, index) },
          ...(upload ? { upload: uploadOf() } : {}),
          onEnd: (one) => ended.push(one),
        },
        signal,
      )
      return { name, most, due: all.due, unsent, ended, behind: behind.p99 ?? 0 }
    }),
  )
}

function spentBy({ subject }: Troubled): Promise<[waited: number, spent: number]> {
  return Promise.all([subject.waitedSeconds(), subject.cpuSeconds()])
}

async function befall(
  trouble: Trouble | undefined,
  { begin, end }: Times,
  on: Troubled,
  signal: AbortSignal,
): Promise<void> {
  if (trouble === undefined) return
  const startedAt = performance.now()
  const until = (at: number): Promise<void> =>
    sleep(at - (performance.now() - startedAt), undefined, { signal })
  try {
    await until(begin)
    await trouble.begin(on)
    await until(end)
    await trouble.end(on)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function streamFigures({ name, most, ended }: Arrived, seconds: number): StreamFigures {
  const figures = figuresOf(ended)
  return {
    name,
    ...figures,
    goodput: figures.counts.answered / seconds,
    possible: Math.max(Math.min(figures.due / seconds, most), Number.MIN_VALUE),
  }
}
