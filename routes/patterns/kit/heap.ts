/** Spawns tasks that wait, all at once, and tells the memory that one of them takes. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'

/** The event loop turns between two batches: so many tasks are made, and let run, in one go. */
const BATCH = 1000

export interface Spawned<T> {
  readonly bytesPerTask: number
  /** Lets them run, and resolves with their results. */
  finish(): Promise<T[]>
}

/**
 * The figure is the median of the batches, so that a collection in the middle of one falls out. An
 * abort rejects with its reason, here or in `finish`: what has not run by then is garbage.
 */
export async function spawn<T>(
  count: number,
  run: (index: number) => T | Promise<T>,
  signal: AbortSignal,
): Promise<Spawned<T>> {
  const tasks: Promise<T>[] = []
  const gates: Gate[] = []
  const sizes: number[] = []
  const task = async (index: number, opened: Promise<void>): Promise<T> => {
    await opened
    return run(index)
  }

  while (tasks.length < count) {
    const size = Math.min(BATCH, count - tasks.length)
    const gate = new Gate()
    gates.push(gate)
    const before = getHeapStatistics().used_heap_size
    for (let made = 0; made < size; made++) tasks.push(task(tasks.length, gate.opened))
    sizes.push((getHeapStatistics().used_heap_size - before) / size)
    await nextTurn()
    signal.throwIfAborted()
  }
  sizes.sort((a, b) => a - b)
  return {
    bytesPerTask: Math.round(sizes[sizes.length >> 1] as number),
    finish: async () => {
      for (const gate of gates) {
        gate.open()
        await nextTurn()
        signal.throwIfAborted()
      }
      return Promise.all(tasks)
    },
  }
}

class Gate {
  open!: () => void
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}
