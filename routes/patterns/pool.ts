/** Threads for what computes: none before the first is needed, none once they are long idle or closed. */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import type * as cpu from './cpu.js'

type Work = typeof cpu

export class Pool {
  /** The most threads. */
  readonly size = availableParallelism()
  #piscina: Piscina | undefined

  /** Threads that there are. */
  get threads(): number {
    return this.#piscina?.threads.length ?? 0
  }

  /**
   * Waits for a free thread. An abort stops the thread in the middle of what it computes. Rejects with
   * a 503 where no thread can be had.
   */
  async run<Name extends keyof Work>(
    name: Name,
    input: Parameters<Work[Name]>[0],
    signal: AbortSignal,
  ): Promise<Awaited<ReturnType<Work[Name]>>> {
    this.#piscina ??= this.#open()
    const piscina = this.#piscina
    try {
      return await piscina.run(input, { name, signal })
    } catch (cause) {
      throw piscina === this.#piscina ? cause : new NoThreadError({ cause })
    }
  }

  /** Stops whatever still runs. */
  async close(): Promise<void> {
    await this.#piscina?.destroy()
  }

  #open(): Piscina {
    const piscina = new Piscina({
      filename: fileURLToPath(new URL('./cpu.js', import.meta.url)),
      minThreads: 0,
      maxThreads: this.size,
      idleTimeout: 10_000,
      recordTiming: false,
    })
    // A thread that cannot start, for want of descriptors or memory, is the last that it tries.
    piscina.on('error', () => {
      if (this.#piscina !== piscina) return
      this.#piscina = undefined
      // Those who wait for it are told.
      piscina.destroy().catch(() => {})
    })
    return piscina
  }
}

export class NoThreadError extends Error {
  readonly statusCode = 503

  constructor(options?: ErrorOptions) {
    super('No thread can be started now', options)
  }
}
