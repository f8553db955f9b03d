/**
 * The one way in which load tests start a process: on a core that it is given, with an environment of its
 * own, and ended at the latest when this process ends.
 */
import { type ChildProcess, type Serializable, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Place {
  /** To pin it to; undefined: any. */
  readonly core: number | undefined
  readonly signal: AbortSignal
}

export interface Launch {
  /** What errors call it. */
  readonly name: string
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]]
  readonly core?: number | undefined
  /** Default: the PATH alone, whatever this process was started with. */
  readonly env?: NodeJS.ProcessEnv
  /** What is piped is kept for the log; `ipc` lets it answer. */
  readonly stdio: StdioOptions
}

/** How a process ended: its exit code, the signal it took, or that it never started. */
export type End = number | string

/** Milliseconds between two looks at whether it is ready. */
const POLL = 25
/** Of what is told to end; more than the server's own DRAIN_TIMEOUT_MS. */
const STOP_WITHIN = 15_000
const LOG_LINES = 20

const running = new Set<ChildProcess>()
// Whatever ends this process, an uncaught error too, ends them.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class Child {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #log: string[] = []

  constructor({ name, command, core, env = { PATH: process.env.PATH }, stdio }: Launch) {
    const pinned = core === undefined ? [] : ['taskset', '-c', String(core)]
    const [file, ...args] = [...pinned, ...command] as [string, ...string[]]
    this.#name = name
    this.#child = spawn(file, args, { env, stdio })
    running.add(this.#child)
    this.#child.on('exit', () => running.delete(this.#child))
    this.#child.on('error', (error) => this.#note(error.message))
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#note(text))
    }
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** The last lines of what is piped. */
  get log(): string {
    return this.#log.join('\n')
  }

  /** Undefined: it runs. */
  get end(): End | undefined {
    const { pid, exitCode, signalCode } = this.#child
    return pid === undefined ? 'never started' : (exitCode ?? signalCode ?? undefined)
  }

  /** Resolves once `isReady` says so. @throws if it ends before, or after `within` milliseconds */
  async ready(isReady: () => Promise<boolean>, within: number, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + within
    for (;;) {
      await sleep(POLL, undefined, { signal })
      const ready = await isReady()
      // Looked at after the answer: it may be another process that took the port first.
      if (this.end !== undefined) throw this.#problem(`ended with ${this.end}`)
      if (ready) return
      if (performance.now() > deadline) throw this.#problem(`was not ready in ${within} ms`)
    }
  }

  /** Its next message. @throws if it ends instead */
  async answer(signal?: AbortSignal): Promise<unknown> {
    const settled = new AbortController()
    const either = AbortSignal.any([settled.signal, ...(signal === undefined ? [] : [signal])])
    const died = once(this.#child, 'exit', { signal: either }).then(([code, killedBy]) => {
      throw this.#problem(`ended with ${code ?? killedBy}`)
    })
    try {
      const [answer] = await Promise.race([once(this.#child, 'message', { signal: either }), died])
      return answer
    } finally {
      died.catch(() => {})
      settled.abort()
    }
  }

  /** Its answer to a message. @throws if it ends instead */
  async ask(message: Serializable, signal?: AbortSignal): Promise<unknown> {
    const answered = this.answer(signal)
    this.#child.send(message)
    return await answered
  }

  /** What its operating system may do to it: `SIGSTOP`, `SIGCONT`. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Resolves when it has ended, at the latest by force. Stopping again gives the same. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<End> {
    if (this.end === undefined) {
      const exited = once(this.#child, 'exit')
      this.#child.kill(signal)
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN)
      await exited
      clearTimeout(timer)
    }
    return this.end ?? 'unknown'
  }

  #problem(what: string): Error {
    return new Error([`${this.#name} ${what}`, ...this.#log].join('\n'))
  }

  #note(text: string): void {
    this.#log.push(...text.trimEnd().split('\n'))
    this.#log.splice(0, Math.max(0, this.#log.length - LOG_LINES))
  }
}
