/** Servers to be measured beside ours: in their own processes, on the servers' core. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Question, Usage } from './messages.js'

const BUILT = new URL('../../dist/load/load-tests/', import.meta.url)
const FIRST = new URL('subjects/process/tick-object.js', BUILT).href
const MAIN = fileURLToPath(new URL('subjects/main.js', BUILT))
const READY_WITHIN = 10_000
/** Of a second: what Linux counts processor time in, whatever the kernel's own tick is. */
const TICKS = 100

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export interface Place {
  /** To pin it to; undefined: any. */
  readonly core: number | undefined
  readonly signal: AbortSignal
}

export class Subject {
  readonly #child: ChildProcess
  readonly #usage: () => Promise<number>
  readonly url: string

  /** One of subjects/menu.ts, on a free port; `setting` is what it takes there. */
  static async start(
    name: string,
    { core, signal }: Place,
    ...setting: string[]
  ): Promise<Subject> {
    const args = ['--import', FIRST, MAIN, name, ...setting]
    const child = launch(process.execPath, args, core, ['ignore', 'inherit', 'inherit', 'ipc'])
    try {
      const port = (await answerOf(child, signal)) as number
      const subject = new Subject(child, port, async () => (await subject.ask('usage', signal)).cpu)
      return subject
    } catch (error) {
      await kill(child)
      throw error
    }
  }

  /** A program that listens on a port of its own. */
  static async startProgram(file: string, port: number, { core, signal }: Place): Promise<Subject> {
    const child = launch(file, [], core, 'ignore')
    try {
      await reachable(port, child, signal)
      return new Subject(child, port, () => cpuSecondsOf(child.pid))
    } catch (error) {
      await kill(child)
      throw error
    }
  }

  private constructor(child: ChildProcess, port: number, usage: () => Promise<number>) {
    this.#child = child
    this.#usage = usage
    this.url = `http://127.0.0.1:${port}`
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** What the process has spent since its start, all threads; NaN where nobody can tell. */
  cpuSeconds(): Promise<number> {
    return this.#usage()
  }

  /** For how long its main thread wanted a core that others had, since its start; NaN where nobody can tell. */
  async waitedSeconds(): Promise<number> {
    const fields = await readFile(`/proc/${this.pid}/schedstat`, 'utf8').catch(() => '')
    return Number(fields.split(' ')[1] ?? Number.NaN) / 1e9
  }

  /** Only one of the menu can be asked. */
  async ask(question: Question, signal: AbortSignal): Promise<Usage> {
    const answered = answerOf(this.#child, signal)
    this.#child.send(question)
    return (await answered) as Usage
  }

  /** What its operating system may do to it: `SIGSTOP`, `SIGCONT`. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** At once: nothing that it is asked for counts any more. */
  stop(): Promise<void> {
    return kill(this.#child)
  }
}

function launch(
  file: string,
  args: readonly string[],
  core: number | undefined,
  stdio: 'ignore' | ('ignore' | 'inherit' | 'ipc')[],
): ChildProcess {
  const pinned = core === undefined ? [] : ['taskset', '-c', String(core)]
  const [command = file, ...rest] = [...pinned, file, ...args]
  const child = spawn(command, rest, { stdio, env: { PATH: process.env.PATH } })
  running.add(child)
  child.on('exit', () => running.delete(child))
  return child
}

/** @throws if it ends instead; it has said why on stderr. */
async function answerOf(child: ChildProcess, signal: AbortSignal): Promise<unknown> {
  const settled = new AbortController()
  const either = AbortSignal.any([signal, settled.signal])
  const died = once(child, 'exit', { signal: either }).then(([code]) => {
    throw new Error(`${child.spawnargs.at(-1)}: ended with ${code}`)
  })
  try {
    const [answer] = await Promise.race([once(child, 'message', { signal: either }), died])
    return answer
  } finally {
    died.catch(() => {})
    settled.abort()
  }
}

async function reachable(port: number, child: ChildProcess, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_WITHIN
  while (child.exitCode === null && performance.now() < deadline) {
    await sleep(25, undefined, { signal })
    const socket = connect({ port, host: '127.0.0.1' })
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (connected) return
  }
  throw new Error(`${child.spawnfile}: not reachable on port ${port}`)
}

/** Fields 14 and 15 of proc(5)'s stat, counted behind the name, which may hold spaces. */
async function cpuSecondsOf(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
