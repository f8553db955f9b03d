/** The primary asks all workers, makes one answer of theirs, and keeps the counts of those that ended. */
import type { Snapshot } from 'fastify-sluice'
import { type Aggregator, countsOf as countsOfText, mergeMetrics } from './merge-metrics.js'
import { countsOf, mergeSnapshots, type ServerSnapshot } from './merge-snapshots.js'
import type { Account, FromPrimary, Question } from './messages.js'

/** Milliseconds that a worker has to answer. */
const PATIENCE = 1000

/** A worker, as it can be asked. */
export interface Asked {
  readonly id: number
  /** False: it is gone. */
  send(message: FromPrimary): boolean
}

interface Call {
  /** Those whose answer is awaited. */
  readonly waiting: Set<number>
  readonly answers: Map<number, unknown>
  readonly end: () => void
}

type Answers = Pick<Call, 'answers'> & { readonly silent: number }

export class Survey {
  readonly #workers: () => readonly Asked[]
  readonly #aggregators: () => Readonly<Record<string, Aggregator>>
  readonly #calls = new Map<number, Call>()
  /** What each said last: all that is left of one that is killed. */
  readonly #last = new Map<number, Partial<Account>>()
  /** Of those that ended. */
  #past: Partial<Account> = {}
  #count = 0
  #recent: { readonly at: number; readonly snapshot: Promise<ServerSnapshot> } | undefined

  /** @param workers those that take requests now */
  constructor(
    workers: () => readonly Asked[],
    aggregators: () => Readonly<Record<string, Aggregator>>,
  ) {
    this.#workers = workers
    this.#aggregators = aggregators
  }

  async metrics(): Promise<string> {
    const { answers, silent } = await this.#ask({ about: 'metrics' })
    for (const [id, metrics] of answers) this.#keep(id, { metrics: metrics as string })
    const texts = [...answers.values(), this.#past.metrics ?? ''] as string[]
    for (const { metrics } of this.#silent(answers)) if (metrics) texts.push(countsOfText(metrics))
    return `${mergeMetrics(texts, this.#aggregators())}
# HELP sluice_workers Workers of this server, by whether their numbers are in this answer.
# TYPE sluice_workers gauge
sluice_workers{state="told"} ${answers.size}
sluice_workers{state="silent"} ${silent}
`
  }

  /** @param maxAge milliseconds that the answer may be old: of many that ask, one asks the workers */
  snapshot(maxAge: number): Promise<ServerSnapshot> {
    const at = performance.now()
    if (this.#recent === undefined || at - this.#recent.at > maxAge) {
      this.#recent = { at, snapshot: this.#takeSnapshot() }
    }
    return this.#recent.snapshot
  }

  /** Resolves with how many have set it. */
  async setLimit(limiter: string, limit: number): Promise<number> {
    const { answers } = await this.#ask({ about: 'limit', limiter, limit })
    return answers.size
  }

  answered(worker: number, call: number, value: unknown): void {
    const known = this.#calls.get(call)
    if (known?.waiting.delete(worker) !== true) return
    known.answers.set(worker, value)
    if (known.waiting.size === 0) known.end()
  }

  /** A worker ends; @param account what it said at the end, if it could */
  ended(worker: number, account?: Account): void {
    const { metrics, snapshot } = { ...this.#last.get(worker), ...account }
    this.#last.delete(worker)
    const { metrics: texts = '', snapshot: before } = this.#past
    if (metrics !== undefined) {
      const counts = [texts, countsOfText(metrics)]
      this.#past = { ...this.#past, metrics: mergeMetrics(counts, this.#aggregators()) }
    }
    if (snapshot !== undefined) {
      const counts = countsOf(snapshot)
      this.#past = { ...this.#past, snapshot: before ? mergeSnapshots([before, counts]) : counts }
    }
    for (const call of this.#calls.values()) {
      if (call.waiting.delete(worker) && call.waiting.size === 0) call.end()
    }
  }

  async #takeSnapshot(): Promise<ServerSnapshot> {
    const { answers, silent } = await this.#ask({ about: 'snapshot' })
    const snapshots = [...answers.values()] as Snapshot[]
    for (const [id, snapshot] of answers) this.#keep(id, { snapshot: snapshot as Snapshot })
    if (snapshots.length === 0) throw new Error('No worker has answered')
    if (this.#past.snapshot) snapshots.push(this.#past.snapshot)
    for (const { snapshot } of this.#silent(answers))
      if (snapshot) snapshots.push(countsOf(snapshot))
    return { ...mergeSnapshots(snapshots), workers: { told: answers.size, silent } }
  }

  /** What those said last that have not answered: counts do not go down for that. */
  #silent(answers: ReadonlyMap<number, unknown>): Partial<Account>[] {
    return [...this.#last].filter(([id]) => !answers.has(id)).map(([, said]) => said)
  }

  #keep(id: number, said: Partial<Account>): void {
    // One that has ended meanwhile is in the past.
    if (this.#workers().some((worker) => worker.id === id)) {
      this.#last.set(id, { ...this.#last.get(id), ...said })
    }
  }

  #ask(question: Question): Promise<Answers> {
    const call = ++this.#count
    return new Promise((resolve) => {
      const asked = this.#workers()
      const waiting = new Set(asked.map(({ id }) => id))
      const answers = new Map<number, unknown>()
      const end = (): void => {
        clearTimeout(timer)
        this.#calls.delete(call)
        resolve({ answers, silent: waiting.size })
      }
      const timer = setTimeout(end, PATIENCE)
      this.#calls.set(call, { waiting, answers, end })
      for (const worker of asked) {
        if (!worker.send({ type: 'question', call, question })) waiting.delete(worker.id)
      }
      if (waiting.size === 0) end()
    })
  }
}
