/** The server under test: `node dist/src/server.js` in a process, and on a core, of its own. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Snapshot } from 'fastify-sluice'
import { Client } from 'undici'
import { Child, type End, type Place } from './process/launch.js'

/** How else its process is started. */
export interface Start {
  /** Of Node's own. */
  readonly args?: readonly string[]
  /** A descriptor to write its log to; default: kept here. */
  readonly stdout?: number
}

export type ServerEnv = Readonly<Record<string, string>>

const ENTRY = fileURLToPath(new URL('../../dist/src/server.js', import.meta.url))
const START_WITHIN = 20_000

export class TestServer {
  readonly url: string
  readonly #child: Child
  readonly #signal: AbortSignal
  /** Asks and measures over a connection apart from the load's. */
  readonly #control: Client

  /** Listens on a free port when it resolves. */
  static async start(env: ServerEnv, place: Place, how: Start = {}): Promise<TestServer> {
    if (!existsSync(ENTRY)) throw new Error(`${ENTRY} is missing: npm run build`)
    const server = new TestServer(await freePort(), env, place, how)
    try {
      await server.#child.ready(() => server.#isReady(), START_WITHIN, place.signal)
      return server
    } catch (error) {
      await server.stop('SIGKILL')
      throw error
    }
  }

  private constructor(
    port: number,
    env: ServerEnv,
    { core, signal }: Place,
    { args = [], stdout }: Start,
  ) {
    this.url = `http://127.0.0.1:${port}`
    this.#signal = signal
    this.#child = new Child({
      name: 'the server',
      core,
      command: [process.execPath, ...args, ENTRY],
      // Its own defaults, whatever this process was started with.
      env: { PATH: process.env.PATH, LOG_LEVEL: 'warn', ...env, PORT: String(port) },
      stdio: ['ignore', stdout ?? 'pipe', 'pipe', 'ipc'],
    })
    this.#control = new Client(this.url, { headersTimeout: 10_000, bodyTimeout: 10_000 })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** The last lines it logged: warnings and worse. */
  get log(): string {
    return this.#child.log
  }

  /** Asks what its start has loaded to answer. */
  ask(question: string): Promise<unknown> {
    return this.#child.ask(question, this.#signal)
  }

  async snapshot(): Promise<Snapshot> {
    return JSON.parse(await this.#get('/concurrency')) as Snapshot
  }

  /** The first snapshot that is as wanted; after `within` milliseconds, whatever it is then. */
  async until(wanted: (snapshot: Snapshot) => boolean, within = 5000): Promise<Snapshot> {
    const deadline = performance.now() + within
    let snapshot = await this.snapshot()
    while (!wanted(snapshot) && performance.now() < deadline) {
      await sleep(10)
      snapshot = await this.snapshot()
    }
    return snapshot
  }

  /** Takes a snapshot every so many milliseconds until stopped. */
  watch(interval: number): { stop(): Promise<Snapshot[]> } {
    const stopped = new AbortController()
    const snapshots: Snapshot[] = []
    const watching = (async () => {
      while (!stopped.signal.aborted) {
        snapshots.push(await this.snapshot())
        await sleep(interval, undefined, { signal: stopped.signal }).catch(() => {})
      }
    })()
    // Reported by `stop`, if anyone gets there.
    watching.catch(() => {})
    return {
      stop: async () => {
        stopped.abort()
        await watching
        return snapshots
      },
    }
  }

  /** What the process has spent since its start, all threads. */
  async cpuSeconds(): Promise<number> {
    const metrics = await this.#get('/metrics')
    return Number(/^process_cpu_seconds_total (\S+)/m.exec(metrics)?.[1])
  }

  /** The exit code, or the signal it took. Stopping again gives the same. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<End> {
    await this.#control.destroy()
    return this.#child.stop(this.#signal.aborted ? 'SIGKILL' : signal)
  }

  async #isReady(): Promise<boolean> {
    return (await this.#get('/health/ready').catch(() => undefined)) === 'ready'
  }

  async #get(path: string): Promise<string> {
    const { statusCode, body } = await this.#control.request({
      method: 'GET',
      path,
      signal: this.#signal,
    })
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`GET ${path}: ${statusCode} ${text}`)
    return text
  }
}

/** How many requests of a route run or wait. */
export function activeOn({ routes }: Snapshot, route: string): number {
  return routes.find((known) => known.method === 'GET' && known.route === route)?.active ?? 0
}

/** How many requests of a route have ended. */
export function endedOn({ routes }: Snapshot, route: string): number {
  const found = routes.find((known) => known.method === 'GET' && known.route === route)
  return found === undefined ? 0 : found.total - found.active
}

/** Only the look itself is in progress, and no permit is out. */
export function isQuiet({ requests, limiters }: Snapshot): boolean {
  return requests.active === 1 && limiters.every((one) => one.inFlight + one.queued === 0)
}

/** Not port 0: which one it took the server says at a log level that also logs every request. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
