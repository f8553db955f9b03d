/** The primary's half of `ClusterStore`: the store itself, for all workers there are and will be. */
import { type Answer, answer, isOurs, type Question } from './cluster-store.js'
import { MemoryStore } from './memory-store.js'
import type { Batch, SharedStore } from './protocol.js'

/** A worker as its primary has it; those of `node:cluster` are ones. */
export interface ClusterWorker {
  /** Its channel is open. */
  isConnected(): boolean
  /** @param callback hears of what could not be sent */
  send(message: object, callback: (error: Error | null) => void): unknown
  /** What it sends. */
  on(event: 'message', listener: (message: unknown) => void): unknown
  /** It is gone. */
  once(event: 'exit', listener: () => void): unknown
  /** Ends `on`. */
  off(event: 'message', listener: (message: unknown) => void): unknown
  /** Ends `once`. */
  off(event: 'exit', listener: () => void): unknown
}

/** `node:cluster` is one. */
export interface Cluster {
  /** Those that there are. */
  readonly workers?: NodeJS.Dict<ClusterWorker> | undefined
  /** Each that is forked from now on. */
  on(event: 'fork', listener: (worker: ClusterWorker) => void): unknown
  /** Ends `on`. */
  off(event: 'fork', listener: (worker: ClusterWorker) => void): unknown
}

/**
 * To be called in the primary, best before it forks: answers the `ClusterStore` of each worker until it
 * is disposed of. A worker that has exited leaves: its permits are back at once. One that is cut off, or
 * stopped, keeps them for its lease.
 */
export function serveClusterStore(
  cluster: Cluster,
  store: SharedStore = new MemoryStore(),
): Disposable {
  const served = new Map<ClusterWorker, Service>()
  const serve = (worker: ClusterWorker): void => {
    const service = new Service(worker, store, () => served.delete(worker))
    served.set(worker, service)
  }
  for (const worker of Object.values(cluster.workers ?? {})) if (worker) serve(worker)
  cluster.on('fork', serve)
  return {
    [Symbol.dispose]: () => {
      cluster.off('fork', serve)
      for (const service of served.values()) service.end()
      store.close()
    },
  }
}

/** One worker, from its fork to its exit. */
class Service {
  readonly #worker: ClusterWorker
  readonly #store: SharedStore
  readonly #onExit: () => void
  readonly #listening = new Map<string, Disposable>()
  /** The last of each member, by which it can be told to have left. */
  readonly #last = new Map<string, Batch>()

  constructor(worker: ClusterWorker, store: SharedStore, onExit: () => void) {
    this.#worker = worker
    this.#store = store
    this.#onExit = onExit
    worker.on('message', this.#hear)
    worker.once('exit', this.#leave)
  }

  end(): void {
    this.#worker.off('message', this.#hear)
    this.#worker.off('exit', this.#leave)
    for (const each of this.#listening.values()) each[Symbol.dispose]()
    this.#listening.clear()
  }

  readonly #hear = (message: unknown): void => {
    if (!isOurs<Question>(message)) return
    if ('batch' in message) this.#sync(message.call, message.batch)
    else this.#listen(message.member, message.listens)
  }

  #sync(call: number, batch: Batch): void {
    const id = `${batch.name} ${batch.member}`
    if (batch.leaving) this.#last.delete(id)
    else this.#last.set(id, batch)
    this.#store.sync(batch).then(
      (reply) => {
        const last = this.#last.get(id)
        if (last) this.#last.set(id, { ...last, generation: reply.generation })
        this.#send(answer({ call, reply }))
      },
      (error: unknown) => this.#send(answer({ call, error: String(error) })),
    )
  }

  #listen(member: string, listens: boolean): void {
    this.#listening.get(member)?.[Symbol.dispose]()
    this.#listening.delete(member)
    if (!listens) return
    const tell = this.#store.listen(member, (push) => this.#send(answer({ member, push })))
    this.#listening.set(member, tell)
  }

  /** What has exited holds nothing, and can hold nothing again. */
  readonly #leave = (): void => {
    this.end()
    this.#onExit()
    for (const last of this.#last.values()) {
      // Whoever is told by the store alone has its lease.
      const claims = last.claims.map((claim) => ({ ...claim, want: 0, spare: 0 }))
      this.#store.sync({ ...last, seq: last.seq + 1, leaving: true, claims }).catch(() => {})
    }
  }

  /** A worker may go at any moment; what it is not told does no harm. */
  #send(message: Answer): void {
    if (this.#worker.isConnected()) this.#worker.send(message, () => {})
  }
}
