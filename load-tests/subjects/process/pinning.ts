/** Client and server on a core each, so that neither takes the other's time. */
import { spawnSync } from 'node:child_process'

export interface Pinning {
  /** The server's core; undefined: not pinned. */
  readonly core: number | undefined
  /** For the report. */
  readonly description: string
}

/** Pins this process, with all its threads, to the second core that it may use. */
export function pinClient(): Pinning {
  const pid = String(process.pid)
  const asked = spawnSync('taskset', ['-c', '-p', pid], { encoding: 'utf8' })
  if (asked.error !== undefined || asked.status !== 0) return notPinned('taskset does not run here')
  const [server, client] = parseCores(asked.stdout)
  if (server === undefined || client === undefined) return notPinned('there is only one core')
  const pinned = spawnSync('taskset', ['-a', '-c', '-p', String(client), pid])
  if (pinned.status !== 0) return notPinned('taskset may not')
  return { core: server, description: `server on core ${server}, client on core ${client}` }
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
