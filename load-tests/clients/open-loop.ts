/**
 * Open loop: requests are sent when they are due, whatever became of those before, as a crowd does
 * that knows nothing of one another. Each has a deadline from when it was due, not from when it was
 * sent, so that a client that falls behind counts as slowness and not as a pause. At its deadline it
 * hangs up, as people do. Part of the requests come over new connections, since a busy server keeps
 * newcomers waiting in a queue that nobody sees; the others never wait for a connection behind one
 * another.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'undici'
import { Latency, type Quantiles } from '../figures/latency.js'
import { mulberry32 } from '../figures/random.js'
import { Connections, MOST_CONNECTIONS } from './connections.js'
import { poisson } from './schedule.js'

export interface PacedLoad {
  readonly url: string
  readonly path: string
  /** Requests a second. */
  readonly rate: number
  readonly seconds: number
  /** Seconds at the beginning that are not counted. */
  readonly warmUp: number
  /** Milliseconds. */
  readonly deadline: number
  /** Of the requests, in [0, 1]: those that come over a connection of their own. */
  readonly newcomers: number
  readonly seed: number
  /** Default: a GET. */
  readonly upload?: Upload
  /** Hears of each that is counted, once, in no order. */
  readonly onEnd?: (ended: Ended) => void
}

export interface Upload {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** What became of one request; times are milliseconds. */
export interface Ended {
  /** Since the load began, its warm-up included. */
  readonly due: number
  readonly outcome: Outcome
  readonly newcomer: boolean
  /** From when it was due. */
  readonly took: number
}

/** All of them within the deadline, but the last. */
export interface Counts {
  readonly due: number
  /** A 200. */
  readonly answered: number
  /** A 503. */
  readonly refused: number
  /** Another status, or no connection. */
  readonly failed: number
  /** Neither an answer nor a refusal when the deadline came. */
  readonly hanging: number
}

export interface Paced {
  readonly seconds: number
  readonly all: Counts
  readonly newcomers: Counts
  /** Of the answered and of the refused, from when they were due. */
  readonly latency: Quantiles
  readonly refusals: Quantiles
  /** How far behind its schedule the client sent: above some milliseconds it was the bottleneck. */
  readonly behind: Quantiles
  /** Of those left hanging, for how many there was no connection. */
  readonly unsent: number
}

export type Outcome = Exclude<keyof Counts, 'due'>
type Tally = { -readonly [key in keyof Counts]: number }

interface Flight {
  readonly due: number
  /** Undefined: all were taken. */
  readonly client: Client | undefined
  readonly newcomer: boolean
  readonly counted: boolean
  settled: boolean
}

/** How often deadlines are looked after, in milliseconds. */
const SWEEP = 5

/** @param most connections at once; what would need another one is left hanging */
export async function pace(
  load: PacedLoad,
  signal: AbortSignal,
  most = MOST_CONNECTIONS,
): Promise<Paced> {
  const crowd = new Crowd(load, most)
  try {
    await crowd.run(signal)
    return crowd.result()
  } finally {
    await crowd.end()
  }
}

class Crowd {
  readonly #load: PacedLoad
  readonly #random: () => number
  readonly #connections: Connections
  /** In the order of their deadlines. */
  readonly #flights: Flight[] = []
  readonly #all = tally()
  readonly #newcomers = tally()
  readonly #answered = new Latency()
  readonly #refused = new Latency()
  readonly #behind = new Latency()
  #unsent = 0
  #startedAt = 0

  constructor(load: PacedLoad, most: number) {
    this.#load = load
    this.#random = mulberry32(load.seed + 1)
    this.#connections = new Connections(load.url, most)
  }

  async run(signal: AbortSignal): Promise<void> {
    const { rate, seconds, warmUp, seed } = this.#load
    const schedule = poisson(rate, seconds, seed)
    const startedAt = performance.now()
    this.#startedAt = startedAt
    let swept = startedAt
    for (let next = 0; next < schedule.length || this.#flights.length > 0; ) {
      signal.throwIfAborted()
      const now = performance.now()
      while (next < schedule.length && startedAt + (schedule[next] as number) <= now) {
        const at = schedule[next++] as number
        this.#send(startedAt + at, at >= warmUp * 1000)
      }
      if (now - swept >= SWEEP) {
        this.#sweep(now)
        swept = now
      }
      const wait = next < schedule.length ? startedAt + (schedule[next] as number) - now : SWEEP
      await sleep(Math.min(Math.max(wait, 0), SWEEP))
    }
  }

  result(): Paced {
    const { seconds, warmUp } = this.#load
    return {
      seconds: seconds - warmUp,
      all: this.#all,
      newcomers: this.#newcomers,
      latency: this.#answered.quantiles(),
      refusals: this.#refused.quantiles(),
      behind: this.#behind.quantiles(),
      unsent: this.#unsent,
    }
  }

  end(): Promise<void> {
    return this.#connections.end()
  }

  #send(due: number, counted: boolean): void {
    const newcomer = this.#random() < this.#load.newcomers
    const client = this.#connections.take(newcomer)
    const flight: Flight = { due, client, newcomer, counted, settled: false }
    this.#flights.push(flight)
    if (counted) {
      this.#behind.record(performance.now() - due)
      this.#count(flight, 'due')
    }
    if (client === undefined) {
      if (counted) this.#unsent++
      return
    }
    const { path, upload } = this.#load
    const method = upload === undefined ? 'GET' : 'POST'
    client
      .request({ method, path, ...upload })
      .then(async ({ statusCode, body }) => {
        // Unlike `dump`, it fails where the answer is cut.
        await body.arrayBuffer()
        this.#settle(flight, outcomeOf(statusCode))
      })
      .catch(() => this.#settle(flight, 'failed'))
  }

  #settle(flight: Flight, outcome: Outcome): void {
    if (flight.settled) return
    flight.settled = true
    const { client, due, newcomer, counted } = flight
    if (client !== undefined) this.#release(client, newcomer, outcome)
    if (!counted) return
    this.#count(flight, outcome)
    const took = performance.now() - due
    if (outcome === 'answered') this.#answered.record(took)
    if (outcome === 'refused') this.#refused.record(took)
    this.#load.onEnd?.({ due: due - this.#startedAt, outcome, newcomer, took })
  }

  #release(client: Client, newcomer: boolean, outcome: Outcome): void {
    const isOver = newcomer || outcome === 'failed' || outcome === 'hanging'
    if (isOver) this.#connections.drop(client)
    else this.#connections.giveBack(client)
  }

  #sweep(now: number): void {
    const { deadline } = this.#load
    let past = 0
    for (const flight of this.#flights) {
      if (!flight.settled && now - flight.due < deadline) break
      this.#settle(flight, 'hanging')
      past++
    }
    this.#flights.splice(0, past)
  }

  #count({ newcomer }: Flight, key: keyof Counts): void {
    this.#all[key]++
    if (newcomer) this.#newcomers[key]++
  }
}

function outcomeOf(status: number): Outcome {
  if (status === 200) return 'answered'
  return status === 503 ? 'refused' : 'failed'
}

function tally(): Tally {
  return { due: 0, answered: 0, refused: 0, failed: 0, hanging: 0 }
}
