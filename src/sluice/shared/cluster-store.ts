/**
 * The store of one machine's workers: it lies in the primary of `node:cluster`, which calls
 * `serveClusterStore(cluster)`, and each worker has a `new ClusterStore()`. One message a sync, and one
 * for its answer.
 */
import { checkTimeout } from '../core/check.js'
import type { Batch, Push, Reply, SharedStore } from './protocol.js'

/** Marks what is this store's among the messages of a channel. */
const MARK = 'fastify-sluice'
/** Milliseconds. */
const TIMEOUT = 1000
/** Node fires a longer timer at once. */
const LONGEST = 2 ** 31 - 1

/** What a worker says. */
export type Question = { readonly [MARK]: 'store' } & (
  | { readonly call: number; readonly batch: Batch }
  | { readonly member: string; readonly listens: boolean }
)

/** What it is told. */
export type Answer = { readonly [MARK]: 'store' } & (
  | { readonly call: number; readonly reply: Reply }
  | { readonly call: number; readonly error: string }
  | { readonly member: string; readonly push: Push }
)

/** A worker's channel to its primary; `process` is one. */
export interface ClusterChannel {
  /** The primary can be reached. */
  readonly connected: boolean
  /** Optional as in `process`: only a child process has it. */
  send?(message: object): unknown
  /** What the primary sends. */
  on(event: 'message', listener: (message: unknown) => void): unknown
  /** It is gone. */
  on(event: 'disconnect', listener: () => void): unknown
  /** Ends `on`. */
  off(event: 'message', listener: (message: unknown) => void): unknown
  /** Ends `on`. */
  off(event: 'disconnect', listener: () => void): unknown
}

/** Options of `new ClusterStore(options)`. */
export interface ClusterStoreOptions {
  /** Milliseconds >= 0 that an answer may take; Infinity: for ever; default 1000. */
  timeout?: number | undefined
  /** Default `process`. */
  channel?: ClusterChannel | undefined
}

interface Call {
  resolve(reply: Reply): void
  reject(error: Error): void
  readonly timer: NodeJS.Timeout
}

/** A worker's half. It keeps no process alive beyond what the channel does. */
export class ClusterStore implements SharedStore {
  readonly #channel: ClusterChannel
  readonly #timeout: number
  readonly #calls = new Map<number, Call>()
  readonly #listeners = new Map<string, (push: Push) => void>()
  #count = 0
  #closed = false

  /** Throws a TypeError in a process that is no worker, and a RangeError for a bad time-out. */
  constructor({ timeout = TIMEOUT, channel = process }: ClusterStoreOptions = {}) {
    checkTimeout('timeout', timeout)
    if (channel.send === undefined) {
      throw new TypeError('channel: got a process without a parent, takes a worker of node:cluster')
    }
    this.#channel = channel
    this.#timeout = timeout
    channel.on('message', this.#hear)
    channel.on('disconnect', this.#lose)
  }

  /** Rejects when it is closed, when the primary is gone, and when that takes too long. */
  sync(batch: Batch): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new Error('The store is closed')
      if (!this.#channel.connected) throw gone()
      const call = ++this.#count
      const late = () =>
        this.#settle(call)?.reject(new Error(`The primary took longer than ${this.#timeout} ms`))
      const timer = setTimeout(late, Math.min(this.#timeout, LONGEST)).unref()
      this.#calls.set(call, { resolve, reject, timer })
      this.#send({ [MARK]: 'store', call, batch })
    })
  }

  listen(member: string, callback: (push: Push) => void): Disposable {
    this.#listeners.set(member, callback)
    this.#send({ [MARK]: 'store', member, listens: true })
    return {
      [Symbol.dispose]: () => {
        if (this.#listeners.delete(member)) this.#send({ [MARK]: 'store', member, listens: false })
      },
    }
  }

  close(): void {
    this.#closed = true
    this.#listeners.clear()
    this.#channel.off('message', this.#hear)
    this.#channel.off('disconnect', this.#lose)
    this.#rejectAll(new Error('The store is closed'))
  }

  #send(question: Question): void {
    if (this.#channel.connected) this.#channel.send?.(question)
  }

  readonly #hear = (message: unknown): void => {
    if (!isOurs<Answer>(message)) return
    if ('push' in message) this.#listeners.get(message.member)?.(message.push)
    else if ('reply' in message) this.#settle(message.call)?.resolve(message.reply)
    else this.#settle(message.call)?.reject(new Error(message.error))
  }

  readonly #lose = (): void => this.#rejectAll(gone())

  /** Takes it off those that wait; undefined if it does not any more. */
  #settle(number: number): Call | undefined {
    const call = this.#calls.get(number)
    clearTimeout(call?.timer)
    this.#calls.delete(number)
    return call
  }

  #rejectAll(error: Error): void {
    for (const number of [...this.#calls.keys()]) this.#settle(number)?.reject(error)
  }
}

function gone(): Error {
  return new Error('The primary is gone')
}

/** Whether a message, of whomever, is one of this store's. */
export function isOurs<Message extends Question | Answer>(message: unknown): message is Message {
  return (message as Message | null)?.[MARK] === 'store'
}

/** Marks it as this store's. */
export function answer<Rest extends object>(rest: Rest): Rest & { readonly [MARK]: 'store' } {
  return { [MARK]: 'store', ...rest }
}
