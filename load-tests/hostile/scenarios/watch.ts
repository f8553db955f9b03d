/** What has to hold at every look, whatever is sent to the server. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Snapshot } from 'fastify-sluice'
import type { Check } from '../../figures/outcome.js'
import { count } from '../../report/format.js'
import { isQuiet } from '../../subjects/server.js'

const EVERY = 50

export class Watch {
  readonly #look: () => Promise<Snapshot>
  readonly #stopped = new AbortController()
  readonly #watching: Promise<void>
  readonly #wrong = new Set<string>()
  #looks = 0
  #unanswered = 0
  /** The most that were in progress at once, the look not counted. */
  peak = 0

  constructor(look: () => Promise<Snapshot>) {
    this.#look = look
    this.#watching = this.#go()
  }

  async stop(): Promise<Check[]> {
    this.#stopped.abort()
    await this.#watching
    const looks = `${count(this.#looks)} looks`
    return [
      {
        name: 'at every look seen = answered + aborted + active, and in flight <= limit',
        ok: this.#wrong.size === 0 && this.#looks > 0,
        detail: [looks, ...[...this.#wrong].slice(0, 3)].join('; '),
      },
      {
        name: 'whoever looks is answered',
        ok: this.#unanswered === 0,
        detail: `${count(this.#unanswered)} of ${looks} were not`,
      },
    ]
  }

  async #go(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      try {
        this.#judge(await this.#look())
      } catch {
        this.#unanswered++
      }
      await sleep(EVERY, undefined, { signal }).catch(() => {})
    }
  }

  #judge({ requests, limiters }: Snapshot): void {
    this.#looks++
    const { total, answered, aborted, active } = requests
    this.peak = Math.max(this.peak, active - 1)
    if (total !== answered + aborted + active) {
      this.#wrong.add(`${total} seen: ${answered} answered, ${aborted} aborted, ${active} active`)
    }
    for (const { name, inFlight, limit } of limiters) {
      if (inFlight > limit) this.#wrong.add(`${name}: ${inFlight} in flight, the limit is ${limit}`)
    }
  }
}

export function quiet(snapshot: Snapshot, seconds: number): Check {
  const out = snapshot.limiters.filter((one) => one.inFlight + one.queued > 0)
  const names = out.map((one) => `${one.name}: ${one.inFlight} in flight, ${one.queued} queued`)
  return {
    name: 'afterwards nothing is in progress, and every permit is back',
    ok: isQuiet(snapshot),
    detail: [
      `${snapshot.requests.active - 1} active after ${seconds.toFixed(1)} s`,
      ...names,
    ].join(),
  }
}

/** What it wrote for an operator to worry about. */
export function nothingUncaught(log: string): Check {
  const lines = log.split('\n').filter((line) => line !== '')
  const bad = lines.filter((line) => !line.startsWith('{') || line.includes('"level":60'))
  return {
    name: 'nothing is uncaught, and nothing warns',
    ok: bad.length === 0,
    detail: bad.length === 0 ? 'no line' : bad.join('\n').slice(0, 1000),
  }
}
