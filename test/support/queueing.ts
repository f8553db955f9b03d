/**
 * Routes before one downstream in simulated time, event by event: requests arrive at random, pass a
 * real limiter and its queue, and leave when their client's patience ends; work that has begun goes on.
 */
import {
  type LimitAlgorithm,
  Limiter,
  type LimitOption,
  type Token,
} from '../../src/sluice/index.js'
import { fakeClock } from './clock.js'

export interface Route {
  limit: LimitOption | LimitAlgorithm
  /** Arrivals a second, by the second. */
  rate(at: number): number
  /** What a piece of work takes by itself, in milliseconds. */
  duration(random: () => number, at: number): number
  /** Work fails at once, in a millisecond. */
  fails?(at: number): boolean
}

export interface Downstream {
  /** How many it does at once, by the second; Infinity: all. */
  slots(at: number): number
  /** It does more than that, but all the slower; otherwise the rest queues for it. */
  thrashes?: boolean
  /** In the process's life: milliseconds from, to; nothing happens within. */
  stop?: [number, number]
}

export interface Course {
  /** By the second of arrival. */
  arrived: number[]
  refused: number[]
  /** Done before the client gave up, by the second of their end. */
  good: number[]
  /** Milliseconds from arrival to end of what was done in time. */
  latencies: number[]
  /** Milliseconds in the limiter's queue, of what was let in. */
  waits: number[]
  /** By the tenth of a second. */
  limits: number[]
  goodTenths: number[]
}

interface Event {
  at: number
  act(): void
}

interface Job {
  route: number
  arrivedAt: number
  gone: boolean
  failed: boolean
  token?: Token
}

const CLIENT_PATIENCE = 1000

export async function run(
  routes: Route[],
  { slots, thrashes = false }: Downstream,
  seconds: number,
  random: () => number,
): Promise<Course[]> {
  const clock = fakeClock(1)
  const events = new Heap()
  const inLine: { job: Job; duration: number }[] = []
  let head = 0
  let busy = 0
  let granted = false
  const limiters = routes.map(({ limit }) => new Limiter({ limit, clock }))
  const courses: Course[] = routes.map(() => ({
    arrived: [],
    refused: [],
    good: [],
    latencies: [],
    waits: [],
    limits: [],
    goodTenths: [],
  }))
  const count = (counts: number[], index: number): void => {
    counts[index] = (counts[index] ?? 0) + 1
  }
  const second = (): number => Math.floor(clock() / 1000)

  function begin(job: Job, token: Token): void {
    job.token = token
    const route = routes[job.route] as Route
    const course = courses[job.route] as Course
    course.waits.push(clock() - job.arrivedAt)
    const at = clock() / 1000
    if (route.fails?.(at)) {
      job.failed = true
      events.push({ at: clock() + 1, act: () => end(job) })
      return
    }
    const duration = route.duration(random, at)
    if (thrashes) {
      const crowding = Math.max(1, ++busy / slots(at)) ** 1.3
      events.push({ at: clock() + duration * crowding, act: () => end(job, true) })
    } else {
      inLine.push({ job, duration })
      startNext()
    }
  }

  function leave(job: Job): void {
    job.gone = true
  }

  function startNext(): void {
    while (head < inLine.length && busy < slots(clock() / 1000)) {
      const { job, duration } = inLine[head++] as { job: Job; duration: number }
      busy++
      events.push({ at: clock() + duration, act: () => end(job, true) })
    }
  }

  function end(job: Job, wasBusy = false): void {
    if (wasBusy) busy--
    const course = courses[job.route] as Course
    if (!job.gone && !job.failed) {
      count(course.good, second())
      count(course.goodTenths, Math.floor(clock() / 100))
      course.latencies.push(clock() - job.arrivedAt)
    }
    if ((limiters[job.route] as Limiter).queued > 0) granted = true
    const token = job.token as Token
    token.end(job.failed ? 'failed' : job.gone ? 'aborted' : 'succeeded')
    if (wasBusy && !thrashes) startNext()
  }

  function arrive(route: number): void {
    const { rate } = routes[route] as Route
    const gap = (-Math.log(1 - random()) * 1000) / Math.max(0.001, rate(clock() / 1000))
    events.push({ at: clock() + gap, act: () => arrive(route) })
    const course = courses[route] as Course
    count(course.arrived, second())
    const job: Job = { route, arrivedAt: clock(), gone: false, failed: false }
    const limiter = limiters[route] as Limiter
    const token = limiter.tryAcquire()
    if (token !== undefined) {
      begin(job, token)
      events.push({ at: clock() + CLIENT_PATIENCE, act: () => leave(job) })
      return
    }
    const waiter = limiter.wait(0)
    if (typeof waiter === 'string') return count(course.refused, second())
    waiter.promise.then(
      (token) => begin(job, token),
      () => {
        if (!job.gone) count(course.refused, second())
      },
    )
    events.push({
      at: clock() + CLIENT_PATIENCE,
      act: () => {
        job.gone = true
        waiter.cancel('aborted', undefined)
        granted = true
      },
    })
  }

  for (const index of routes.keys()) arrive(index)
  let tenth = 0
  for (let event = events.pop(); event !== undefined; event = events.pop()) {
    if (event.at > seconds * 1000) break
    while (tenth * 100 <= event.at) {
      for (const [index, { limits }] of courses.entries())
        limits.push((limiters[index] as Limiter).limit)
      tenth++
    }
    clock.advance(event.at - clock())
    event.act()
    if (granted) {
      granted = false
      await undefined
      await undefined
      await undefined
    }
    if (head > 1000) {
      inLine.splice(0, head)
      head = 0
    }
  }
  return courses
}

class Heap {
  readonly #events: Event[] = []

  push(event: Event): void {
    const events = this.#events
    let index = events.length
    while (index > 0) {
      const parent = (index - 1) >> 1
      if ((events[parent] as Event).at <= event.at) break
      events[index] = events[parent] as Event
      index = parent
    }
    events[index] = event
  }

  pop(): Event | undefined {
    const events = this.#events
    const first = events[0]
    const last = events.pop()
    if (last === undefined || last === first) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= events.length) break
      if (
        child + 1 < events.length &&
        (events[child + 1] as Event).at < (events[child] as Event).at
      )
        child++
      if ((events[child] as Event).at >= last.at) break
      events[index] = events[child] as Event
      index = child
    }
    events[index] = last
    return first
  }
}

/** Standard normal. */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
