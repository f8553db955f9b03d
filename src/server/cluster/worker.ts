/** A worker's half: it answers the primary about itself, and asks it about all workers. */
import cluster, { type Worker } from 'node:cluster'
import { Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { ClusterStore, type SharedStore } from 'fastify-sluice'
import { serversOf } from '../listener.js'
import type { Orders } from '../process.js'
import { aggregatorsOf, toOpenMetrics } from './merge-metrics.js'
import type { ServerSnapshot } from './merge-snapshots.js'
import type { FromPrimary, FromWorker, Question } from './messages.js'

/** Milliseconds that the primary has to answer; it gives the others less. */
const PATIENCE = 2000
/** Milliseconds in which a connection's next answer is its last, when another takes over. */
export const HAND_OVER = 1000

interface Call {
  resolve(value: unknown): void
  reject(error: Error): void
  readonly timer: NodeJS.Timeout
}

/** All workers, as one of them sees them. Its promises reject when the primary does not answer. */
export class Whole {
  readonly store: SharedStore = new ClusterStore()
  readonly #worker: Worker = cluster.worker as Worker
  readonly #calls = new Map<number, Call>()
  #count = 0
  #app: FastifyInstance | undefined
  #leave = (): void => {}

  constructor() {
    this.#worker.on('message', (message: FromPrimary) => void this.#hear(message))
  }

  async metrics(open: boolean): Promise<string> {
    const text = (await this.#ask({ about: 'metrics' })) as string
    return open ? toOpenMetrics(text) : text
  }

  /** @param maxAge milliseconds that it may be old */
  async snapshot(maxAge = 0): Promise<ServerSnapshot> {
    return (await this.#ask({ about: 'snapshot' }, maxAge)) as ServerSnapshot
  }

  /** Of each worker, and of those to come. */
  async setLimit(limiter: string, limit: number): Promise<void> {
    await this.#ask({ about: 'limit', limiter, limit })
  }

  /** It takes requests. */
  listening(app: FastifyInstance, url: string, operators: string): void {
    this.#app = app
    const aggregators = aggregatorsOf(app.concurrency.registry.getMetricsAsArray())
    this.#send({ type: 'listening', url, operators, aggregators })
  }

  /** What ends it: the primary's word, or that there is none any more. */
  readonly orders: Orders = {
    attach: (app, { delay }, drain) => {
      this.#app = app
      // The terminal tells all of a group, and the primary them.
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {})
      this.#worker.on('message', (message: FromPrimary) => {
        if (message.type !== 'drain') return
        if (message.takesOver) for (const server of serversOf(app)) stopListening(server)
        drain(message.takesOver ? Math.max(delay, HAND_OVER) : delay)
      })
      this.#worker.on('disconnect', () => {
        // Otherwise Node ends it at once.
        this.#worker.exitedAfterDisconnect = true
        drain(delay)
      })
    },
    end: (why) => this.#send({ type: 'end', why }),
    closed: async () => {
      const metrics = (await this.#app?.concurrency.registry.metrics()) ?? ''
      const snapshot = this.#app?.concurrency.snapshot()
      if (snapshot === undefined || !this.#worker.isConnected()) return
      await new Promise<void>((resolve) => {
        this.#leave = resolve
        setTimeout(resolve, PATIENCE)
        this.#worker.once('disconnect', resolve)
        this.#send({ type: 'leaving', account: { metrics, snapshot } })
      })
    },
  }

  async #hear(message: FromPrimary): Promise<void> {
    if (message.type === 'question') {
      const value = await this.#answer(message.question)
      this.#send({ type: 'answer', call: message.call, value })
    } else if (message.type === 'answer') this.#settle(message.call)?.resolve(message.value)
    else if (message.type === 'failure') {
      this.#settle(message.call)?.reject(new Error(message.message))
    } else if (message.type === 'leave') this.#leave()
  }

  async #answer(question: Question): Promise<unknown> {
    const { concurrency } = this.#app as FastifyInstance
    if (question.about === 'metrics') return concurrency.registry.metrics()
    if (question.about === 'snapshot') return concurrency.snapshot()
    const limiter = concurrency.limiters.find(({ name }) => name === question.limiter)
    if (limiter?.isFixed) limiter.setLimit(question.limit)
    return undefined
  }

  #ask(question: Question, maxAge = 0): Promise<unknown> {
    const call = ++this.#count
    return new Promise((resolve, reject) => {
      const late = () => this.#settle(call)?.reject(new Error('The primary does not answer'))
      const timer = setTimeout(late, PATIENCE).unref()
      this.#calls.set(call, { resolve, reject, timer })
      this.#send({ type: 'ask', call, question, maxAge })
    })
  }

  #settle(number: number): Call | undefined {
    const call = this.#calls.get(number)
    clearTimeout(call?.timer)
    this.#calls.delete(number)
    return call
  }

  #send(message: FromWorker): void {
    if (this.#worker.isConnected()) this.#worker.send(message, () => {})
  }
}

/** Connections stay: a server of Node's HTTP would end those that are idle. */
function stopListening(server: Server): void {
  Server.prototype.close.call(server)
}
