/** Real processes that share a limit, what is done to them, and what their merged logs say. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MEMBER = new URL('member.mjs', import.meta.url).pathname

export interface Settings {
  readonly limit: number
  readonly lease: number
  /** Milliseconds of the longest work. */
  readonly most: number
  readonly callers: number
}

interface Event {
  /** Milliseconds of the machine's monotonic clock. */
  readonly at: number
  readonly who: number
  readonly what: 'in' | 'out' | 'killed' | 'frozen'
  readonly which: string
}

export interface Verdict {
  /** In flight over all processes; without what was in flight in one that stopped for half a lease. */
  readonly most: number
  readonly admitted: number
  /** Milliseconds of work done, of those that the limit allows, in 0..1. */
  readonly used: number
}

export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export class Fleet {
  readonly #settings: Settings
  readonly #folder = mkdtempSync(join(tmpdir(), 'fleet-'))
  readonly #children: ChildProcess[] = []
  readonly #events: Event[] = []

  constructor(settings: Settings) {
    this.#settings = settings
  }

  /** @returns its number */
  start(url: string): number {
    const who = this.#children.length
    const mode = who % 2 === 0 ? 'loans' : 'strict'
    const settings = { ...this.#settings, url, mode, log: join(this.#folder, `${who}`) }
    const stdio = ['ignore', 'ignore', 'inherit'] as const
    this.#children.push(
      spawn(process.execPath, [MEMBER, JSON.stringify(settings)], { stdio: [...stdio] }),
    )
    return who
  }

  /** -9 */
  async kill(who: number): Promise<void> {
    await this.#end(who, 'SIGKILL')
    this.#events.push({ at: now(), who, what: 'killed', which: '' })
  }

  /** SIGSTOP, and SIGCONT after so many milliseconds. */
  async stop(who: number, ms: number): Promise<void> {
    const child = this.#children[who] as ChildProcess
    child.kill('SIGSTOP')
    const frozen = now() + this.#settings.lease / 2
    this.#events.push({ at: frozen, who, what: 'frozen', which: '' })
    await new Promise((resolve) => setTimeout(resolve, ms))
    child.kill('SIGCONT')
  }

  /** It drains, leaves and ends. */
  leave(who: number): Promise<void> {
    return this.#end(who, 'SIGTERM')
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map((_, who) => this.#end(who, 'SIGKILL')))
    rmSync(this.#folder, { recursive: true })
  }

  /** Who was let in since then, by process. */
  admissions(since: number): number[] {
    const counts = this.#children.map(() => 0)
    for (const { at, who, what } of this.#log()) {
      if (what === 'in' && at >= since) counts[who] = (counts[who] as number) + 1
    }
    return counts
  }

  verdict(since: number, until: number): Verdict {
    const inFlight = new Map<number, Set<string>>()
    let [most, admitted, busy, last] = [0, 0, 0, since]
    const count = () => [...inFlight.values()].reduce((sum, { size }) => sum + size, 0)
    for (const { at, who, what, which } of this.#log()) {
      if (at > until) break
      if (at > since) {
        busy += count() * (at - last)
        last = at
      }
      const own = inFlight.get(who) ?? new Set()
      inFlight.set(who, own)
      if (what === 'in') own.add(which)
      else if (what === 'out') own.delete(which)
      else own.clear()
      if (at >= since) {
        most = Math.max(most, count())
        if (what === 'in') admitted++
      }
    }
    return { most, admitted, used: busy / ((until - since) * this.#settings.limit) }
  }

  /** All that happened, in its order; what ends comes before what begins at the same time. */
  #log(): Event[] {
    const events = this.#children.flatMap((_, who) => {
      // Whoever has not begun has no log.
      const text = (() => {
        try {
          return readFileSync(join(this.#folder, `${who}`), 'utf8')
        } catch {
          return ''
        }
      })()
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) => {
          const [at, what, which] = line.split(' ') as [string, Event['what'], string]
          return { at: Number(at) / 1e6, who, what, which }
        })
    })
    return [...events, ...this.#events].sort((a, b) => a.at - b.at)
  }

  async #end(who: number, signal: NodeJS.Signals): Promise<void> {
    const child = this.#children[who] as ChildProcess
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }
}

export interface Path {
  readonly url: string
  /** Nothing goes through any more, and nobody is told. */
  swallow(): void
  /** What was swallowed arrives. */
  heal(): void
  close(): void
}

/** A way to a port that can turn into a black hole. */
export async function pathTo(port: number): Promise<Path> {
  const sockets = new Set<Socket>()
  let isHole = false
  const server = createServer((socket) => {
    const other = connect(port, '127.0.0.1')
    for (const each of [socket, other]) {
      sockets.add(each)
      if (isHole) each.pause()
      each
        .on('error', () => {})
        .once('close', () => {
          sockets.delete(each)
          socket.destroy()
          other.destroy()
        })
    }
    socket.on('data', (data) => other.write(data))
    other.on('data', (data) => socket.write(data))
    if (isHole) for (const each of [socket, other]) each.pause()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    swallow() {
      isHole = true
      for (const socket of sockets) socket.pause()
    },
    heal() {
      isHole = false
      for (const socket of sockets) socket.resume()
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
