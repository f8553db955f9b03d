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

  /** Waits for a free thread. An abort stops the thread in the middle of what it computes. */
  run<Name extends keyof Work>(
    name: Name,
    input: Parameters<Work[Name]>[0],
    signal: AbortSignal,
  ): Promise<Awaited<ReturnType<Work[Name]>>> {
    this.#piscina ??= new Piscina({
      filename: fileURLToPath(new URL('./cpu.js', import.meta.url)),
      minThreads: 0,
      maxThreads: this.size,
      idleTimeout: 10_000,
      recordTiming: false,
    })
    return this.#piscina.run(input, { name, signal })
  }

  /** Stops whatever still runs. */
  async close(): Promise<void> {
    await this.#piscina?.destroy()
  }
}
