/** One worker as its primary has it, from its fork to its exit. */
import type { Serializable } from 'node:child_process'
import type { Worker } from 'node:cluster'
import type { FromPrimary, FromWorker } from './messages.js'
import type { Asked } from './survey.js'

/** Node's own, between the primary and a worker. */
interface Internal {
  readonly act?: string
  readonly seq?: number
  readonly ack?: number
}

export class Member implements Asked {
  readonly id: number
  readonly bornAt: number = performance.now()
  /** Whether another takes its place if it dies. */
  isWanted: boolean
  /** It takes requests, or did until it drained. */
  isListening = false
  /** It began before the last request for new ones. */
  isOld = false
  isDraining = false
  /** Resolves when it listens, with false if it never will. */
  readonly ready: Promise<boolean>
  readonly exited: Promise<number>
  readonly #worker: Worker
  #setReady: (listens: boolean) => void = () => {}

  constructor(worker: Worker, isWanted: boolean) {
    this.id = worker.id
    this.isWanted = isWanted
    this.#worker = worker
    this.ready = new Promise((resolve) => {
      this.#setReady = resolve
    })
    this.exited = new Promise((resolve) => {
      // A signal leaves no code.
      worker.once('exit', (code: number | null) => resolve(code ?? 1))
    })
    this.exited.then(() => {
      this.#setReady(false)
    })
    closeUntaken(worker)
  }

  get pid(): number | undefined {
    return this.#worker.process.pid
  }

  get signal(): NodeJS.Signals | null {
    return this.#worker.process.signalCode
  }

  hear(callback: (message: FromWorker) => void): void {
    this.#worker.on('message', callback)
  }

  send(message: FromPrimary): boolean {
    if (!this.#worker.isConnected()) return false
    // It may go at any moment.
    this.#worker.send(message as Serializable, () => {})
    return true
  }

  setListening(): void {
    this.isListening = true
    this.#setReady(true)
  }

  /** One that does not listen yet has nothing to lose. @param timeout milliseconds until it is killed */
  drain(takesOver: boolean, timeout: number): void {
    if (this.isDraining) return
    this.isDraining = true
    this.isWanted = false
    if (!this.isListening || !this.send({ type: 'drain', takesOver })) this.kill()
    const timer = setTimeout(() => this.kill(), Math.min(timeout, 2 ** 31 - 1))
    this.exited.then(() => clearTimeout(timer))
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }
}

/**
 * A connection on its way to a worker that dies before it takes it: Node would keep it open in the
 * primary, unheard, for as long as that lives. It is closed instead, as the worker's others are.
 */
function closeUntaken({ process: child }: Worker): void {
  const untaken = new Map<number | undefined, { close?(): void }>()
  const send = child.send as (message: Internal, ...rest: unknown[]) => boolean
  child.send = ((message: Internal, handle?: { close?(): void }, ...rest: unknown[]) => {
    if (message.act === 'newconn' && handle) untaken.set(message.seq, handle)
    return send.call(child, message, handle, ...rest)
  }) as typeof child.send
  child.on('internalMessage', ({ ack }: Internal) => untaken.delete(ack))
  child.once('exit', () => {
    for (const handle of untaken.values()) handle.close?.()
  })
}
