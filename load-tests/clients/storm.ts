/**
 * Clients that leave in every bad way, over raw sockets, between patient ones that wait for their
 * answer. A reset, a FIN and a vanished pipeline reach the server as different events, and each has
 * leaked permits somewhere.
 */
import { once, setMaxListeners } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Latency, type Quantiles } from '../figures/latency.js'

export interface StormOptions {
  readonly port: number
  readonly clients: number
  readonly atOnce: number
  /** What they ask for, each path as often. */
  readonly paths: readonly string[]
  /** The longest that a leaving client stays, in milliseconds. */
  readonly stay: number
  /** The path of those that leave while they are queued. */
  readonly queueing: string
}

/** What the patient ones got. */
export interface Patience {
  readonly sent: number
  /** How many answers had which status. */
  readonly statuses: ReadonlyMap<number, number>
  /** Why those without an answer have none. */
  readonly failures: readonly string[]
  readonly latency: Quantiles
}

type Leave = (socket: Socket) => Promise<void>

const PATIENT_WITHIN = 30_000

export async function storm(options: StormOptions, signal: AbortSignal): Promise<Patience> {
  // Each sleeping client listens to it, and Node warns at the eleventh.
  setMaxListeners(0, signal)
  const { port, clients, atOnce, paths, stay, queueing } = options
  const statuses = new Map<number, number>()
  const failures: string[] = []
  const latency = new Latency()
  const some = (): string => paths[Math.floor(Math.random() * paths.length)] ?? queueing
  const pause = (): Promise<unknown> => sleep(Math.random() * stay, undefined, { signal })

  const leaving: Leave[] = [
    async function reset(socket) {
      socket.write(get(some()))
      await pause()
      socket.resetAndDestroy()
    },
    async function resetAtOnce(socket) {
      socket.write(get(some()))
      socket.resetAndDestroy()
    },
    async function finInTheHandler(socket) {
      socket.end(get(some()))
      await pause()
    },
    async function pipelinedAndDestroyed(socket) {
      socket.write(Array.from({ length: 6 }, () => get(some())).join(''))
      await pause()
    },
    async function halfAHeader(socket) {
      socket.write(get(some()).slice(0, 20))
      await pause()
    },
    async function halfABody(socket) {
      socket.write(
        'POST /fast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
      )
      await pause()
    },
    async function whileQueued(socket) {
      socket.write(get(queueing))
      await pause()
    },
  ]

  const patient = async (path: string): Promise<void> => {
    const sentAt = performance.now()
    try {
      const status = await ask(port, path, signal)
      latency.record(performance.now() - sentAt)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    } catch (error) {
      failures.push(`${path}: ${(error as Error).message}`)
    }
  }

  let started = 0
  let sent = 0
  const worker = async (): Promise<void> => {
    while (started < clients) {
      signal.throwIfAborted()
      const turn = started++
      // Every third is patient, and every path gets as many of those.
      if (turn % 3 === 0) {
        await patient(paths[sent++ % paths.length] ?? queueing)
      } else {
        const leave = leaving[turn % leaving.length] as Leave
        await withSocket(port, leave)
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { sent, statuses, failures, latency: latency.quantiles() }
}

/** The status of the answer to one request on a connection of its own. */
export async function ask(port: number, path: string, signal: AbortSignal): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1' })
  const late = AbortSignal.any([signal, AbortSignal.timeout(PATIENT_WITHIN)])
  const destroy = (): unknown => socket.destroy(late.reason)
  late.addEventListener('abort', destroy, { once: true })
  try {
    socket.write(get(path, 'Connection: close\r\n'))
    let answer = ''
    for await (const chunk of socket.setEncoding('latin1')) answer += chunk
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]
    if (status === undefined) throw new Error('closed without an answer')
    return Number(status)
  } finally {
    late.removeEventListener('abort', destroy)
    socket.destroy()
  }
}

async function withSocket(port: number, leave: Leave): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  // What the server does to a client that behaves like this is no news.
  socket.on('error', () => {})
  socket.resume()
  try {
    await leave(socket)
  } finally {
    socket.destroy()
  }
}

function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`
}
