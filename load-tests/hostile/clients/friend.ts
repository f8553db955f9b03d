/**
 * Somebody else who asks meanwhile, on a connection of their own each time and whatever became of
 * those before: what hostile clients do to the others is all that counts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../clients/storm.js'
import { Latency, type Quantiles } from '../../figures/latency.js'
import { milliseconds } from '../../report/format.js'

/** Milliseconds between two requests, and how many in a row are an answer to "is it served?". */
const EVERY = 40
const IN_A_ROW = 5

export interface Friendship {
  /** Milliseconds until the first answer with 200; undefined: never. */
  readonly firstAfter: number | undefined
  /** From the start of the calm on: of all that were answered with 200. */
  readonly latency: Quantiles
  readonly answered: number
  /** What else came from then on, in words. */
  readonly others: readonly string[]
}

/** What became of those that count, in words. */
export function served({ latency: { p99 }, answered, others }: Friendship): string {
  return [
    `${answered} of ${answered + others.length} served`,
    ...(p99 === undefined ? [] : [`p99 ${milliseconds(p99)}`]),
    ...[...new Set(others)].slice(0, 3),
  ].join(', ')
}

export class Friend {
  readonly #port: number
  readonly #path: string
  readonly #startedAt = performance.now()
  readonly #stopped = new AbortController()
  readonly #pending = new Set<Promise<void>>()
  readonly #asking: Promise<void>
  #latency = new Latency()
  #others: string[] = []
  #answered = 0
  #inARow = 0
  #firstAfter: number | undefined
  /** Requests of before this are not counted. */
  #countsFrom = 0

  constructor(port: number, path: string, signal: AbortSignal) {
    this.#port = port
    this.#path = path
    this.#asking = this.#go(signal)
  }

  /** Resolves as soon as several in a row were served, or after so many milliseconds. */
  async settled(within: number): Promise<void> {
    while (this.#inARow < IN_A_ROW && performance.now() - this.#startedAt < within) {
      await sleep(EVERY)
    }
  }

  /** Counts from now on. */
  count(): void {
    this.#countsFrom = performance.now()
  }

  /** Waits for what is still to be answered. */
  async stop(): Promise<Friendship> {
    this.#stopped.abort()
    await this.#asking
    await Promise.all(this.#pending)
    return {
      firstAfter: this.#firstAfter,
      latency: this.#latency.quantiles(),
      answered: this.#answered,
      others: this.#others,
    }
  }

  async #go(signal: AbortSignal): Promise<void> {
    const { signal: stopped } = this.#stopped
    while (!(stopped.aborted || signal.aborted)) {
      const asked = this.#ask(signal).finally(() => this.#pending.delete(asked))
      this.#pending.add(asked)
      await sleep(EVERY, undefined, { signal: stopped }).catch(() => {})
    }
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const sentAt = performance.now()
    const outcome = await ask(this.#port, this.#path, signal).catch((error: Error) => error.message)
    const now = performance.now()
    if (outcome === 200) {
      this.#firstAfter ??= now - this.#startedAt
      this.#inARow++
    } else this.#inARow = 0
    if (sentAt < this.#countsFrom || this.#countsFrom === 0) return
    if (outcome === 200) {
      this.#answered++
      this.#latency.record(now - sentAt)
    } else this.#others.push(String(outcome))
  }
}
