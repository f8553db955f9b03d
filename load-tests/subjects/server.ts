/** The server under test: `node dist/src/server.js` in a process, and on a core, of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Snapshot } from 'fastify-sluice'
import { Client } from 'undici'

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
/** More than the server's own DRAIN_TIMEOUT_MS. */
const STOP_WITHIN = 15_000
const LOG_LINES = 20

const running = new Set<ChildProcess>()
// Whatever ends this process, an uncaught error too, ends them.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class TestServer {
  readonly url: string
  readonly #child: ChildProcess
  readonly #signal: AbortSignal
  readonly #log: string[] = []
  /** Asks and measures over a connection apart from the load's. */
  readonly #control: Client

  /** Listens on a free port when it resolves. @param core to pin it to */
  static async start(
    env: ServerEnv,
    core: number | undefined,
    signal: AbortSignal,
    how: Start = {},
  ) {
    if (!existsSync(ENTRY)) throw new Error(`${ENTRY} is missing: npm run build`)
    const server = new TestServer(await freePort(), env, core, signal, how)
    try {
      await server.#ready()
      return server
    } catch (error) {
      await server.stop('SIGKILL')
      throw error
    }
  }

  private constructor(
    port: number,
    env: ServerEnv,
    core: number | undefined,
    signal: AbortSignal,
    { args: nodeArgs = [], stdout }: Start,
  ) {
    const command = [process.execPath, ...nodeArgs, ENTRY]
    const [file = '', ...args] =
      core === undefined ? command : ['taskset', '-c', String(core), ...command]
    this.url = `http://127.0.0.1:${port}`
    this.#signal = signal
    this.#child = spawn(file, args, {
      // Its own defaults, whatever this process was started with.
      env: { PATH: process.env.PATH, LOG_LEVEL: 'warn', ...env, PORT: String(port) },
      stdio: ['ignore', stdout ?? 'pipe', 'pipe', 'ipc'],
    })
    running.add(this.#child)
    this.#child.on('exit', () => running.delete(this.#child))
    this.#child.on('error', (error) => this.#note(error.message))
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#note(text))
    }
    this.#control = new Client(this.url, { headersTimeout: 10_000, bodyTimeout: 10_000 })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** The last lines it logged: warnings and worse. */
  get log(): string {
    return this.#log.join('\n')
  }

  /** Asks what its start has loaded to answer. */
  async ask(question: string): Promise<unknown> {
    const answered = once(this.#child, 'message', { signal: this.#signal })
    this.#child.send(question)
    return (await answered)[0]
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
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | string> {
    await this.#control.destroy()
    const child = this.#child
    if (child.pid === undefined) return 'never started'
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit')
      child.kill(this.#signal.aborted ? 'SIGKILL' : signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN)
      await exited
      clearTimeout(timer)
    }
    return child.exitCode ?? child.signalCode ?? 'unknown'
  }

  async #ready(): Promise<void> {
    const deadline = performance.now() + START_WITHIN
    for (;;) {
      await sleep(25, undefined, { signal: this.#signal })
      const answered = await this.#get('/health/ready').catch(() => undefined)
      // Asked after the answer: it may be another process that took the port first.
      const { exitCode, signalCode, pid } = this.#child
      if (exitCode !== null || signalCode !== null || pid === undefined) {
        throw new Error(`the server exited with ${exitCode ?? signalCode}:\n${this.log}`)
      }
      if (answered === 'ready') return
      if (performance.now() > deadline) {
        throw new Error(`the server was not ready in ${START_WITHIN} ms:\n${this.log}`)
      }
    }
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

  #note(text: string): void {
    this.#log.push(...text.trimEnd().split('\n'))
    this.#log.splice(0, Math.max(0, this.#log.length - LOG_LINES))
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

/** Not port 0: which one it took the server says at a log level that also logs every request. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
