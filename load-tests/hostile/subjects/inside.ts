/**
 * Loaded into a server's process before it (`--import`): tells its parent what it holds on to, when asked.
 * Node's own table of handles is the only one that has the servers and their listeners.
 */
import { collectAll } from '../../subjects/process/collect.js'

export interface Inside {
  /** Megabytes of live objects. */
  readonly heap: number
  /** Node's active resources, by kind; without those of this channel, and of who asks. */
  readonly resources: Readonly<Record<string, number>>
  /** Listeners of the process and of its servers, all events. */
  readonly listeners: number
}

interface Emitter {
  eventNames(): (string | symbol)[]
  listenerCount(name: string | symbol): number
}

process.on('message', () => {
  collectAll()
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  const { _getActiveHandles: handles } = process as typeof process & {
    _getActiveHandles(): (Emitter & { listening?: boolean })[]
  }
  const emitters: Emitter[] = [process, ...handles.call(process).filter((one) => one.listening)]
  const listeners = emitters.reduce(
    (sum, one) => one.eventNames().reduce((all, name) => all + one.listenerCount(name), sum),
    0,
  )
  const inside: Inside = { heap: process.memoryUsage().heapUsed / 2 ** 20, resources, listeners }
  process.send?.(inside)
})
// To be asked keeps nobody alive.
process.channel?.unref()
