/** Which processes run on which core: client and server on one each, so that neither takes the other's time. */
import { spawnSync } from 'node:child_process'

export interface Pinning {
  /** The server's core; undefined: not pinned. */
  readonly core: number | undefined
  /** For the report. */
  readonly description: string
}

/** Pins this process, with all its threads, to the second core that it may use. */
export function pinClient(): Pinning {
  const [server, client] = allowedCores()
  if (server === undefined) return notPinned('taskset does not run here')
  if (client === undefined) return notPinned('there is only one core')
  if (!pinTo(client)) return notPinned('taskset may not')
  return { core: server, description: `server on core ${server}, client on core ${client}` }
}

/** Those that this process may use; none: there is nobody to ask. */
export function allowedCores(): number[] {
  const { error, status, stdout } = taskset('-c', '-p', String(process.pid))
  return error === undefined && status === 0 ? parseCores(stdout) : []
}

/** Keeps this process, with all its threads and those that it will start, on one core, if it may. */
export function pinTo(core: number): boolean {
  return taskset('-a', '-c', '-p', String(core), String(process.pid)).status === 0
}

function taskset(...args: string[]) {
  return spawnSync('taskset', args, { encoding: 'utf8' })
}

/** `pid 7's current affinity list: 0,2-5` */
export function parseCores(answer: string): number[] {
  const list = /:\s*(\S+)\s*$/.exec(answer)?.[1] ?? ''
  return [...list.matchAll(/(\d+)(?:-(\d+))?/g)].flatMap(([, first, last = first]) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i),
  )
}

function notPinned(reason: string): Pinning {
  return { core: undefined, description: `client and server share the cores (${reason})` }
}
