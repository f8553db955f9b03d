/**
 * Threads for what computes: none before the first is needed, none once they are long idle or closed.
 * A thread that cannot start, or dies, ends its whole pool, which by its own rules starts no other: the
 * next work finds a new one.
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { Unavailable } from '../../kit/faults.js'
import type * as cpu from './cpu.js'

type Work = typeof cpu

export class Pool {
  /** The most threads. */
  readonly size = availableParallelism()
  #piscina: Piscina | undefined
  /** Of pools that were given up: why. */
  readonly #failures = new WeakMap<Piscina, unknown>()
  readonly #ending = new Set<Promise<void>>()
  #closed = false

  /** Threads that there are. */
  get threads(): number {
    return this.#piscina?.threads.length ?? 0
  }

  /**
   * Waits for a free thread. An abort stops the thread in the middle of what it computes, and rejects
   * with its reason. Whatever else keeps the work from its end is the thread's failure, as the work
   * has none of its own: it rejects with a 503.
   */
  async run<Name extends keyof Work>(
    name: Name,
    input: Parameters<Work[Name]>[0],
    signal: AbortSignal,
  ): Promise<Awaited<ReturnType<Work[Name]>>> {
    if (this.#closed) throw new Unavailable('The threads are closed')
    this.#piscina ??= this.#create()
    const piscina = this.#piscina
    try {
      return await piscina.run(input, { name, signal })
    } catch (error) {
      signal.throwIfAborted()
      this.#giveUp(piscina, error)
      throw new Unavailable('No thread', { cause: this.#failures.get(piscina) })
    }
  }

  /** Stops whatever still runs. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#piscina !== undefined) this.#giveUp(this.#piscina, new Error('closed'))
    await Promise.all(this.#ending)
  }

  #create(): Piscina {
    const piscina = new Piscina({
      filename: fileURLToPath(new URL('./cpu.js', import.meta.url)),
      minThreads: 0,
      maxThreads: this.size,
      idleTimeout: 10_000,
      recordTiming: false,
    })
    // For a thread that failed while it had no work; what waits for one would wait for ever.
    piscina.on('error', (error) => this.#giveUp(piscina, error))
    return piscina
  }

  /** Rejects all its work. */
  #giveUp(piscina: Piscina, error: unknown): void {
    if (this.#failures.has(piscina)) return
    this.#failures.set(piscina, error)
    if (this.#piscina === piscina) this.#piscina = undefined
    const ended = piscina
      .destroy()
      .catch(() => {})
      .finally(() => this.#ending.delete(ended))
    this.#ending.add(ended)
  }
}
