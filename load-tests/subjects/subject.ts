/** Servers to be measured beside ours: in their own processes, on the servers' core. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Question, Usage } from './messages.js'
import { Child, type Place } from './process/launch.js'

const BUILT = new URL('../../dist/load/load-tests/subjects/', import.meta.url)
const FIRST = new URL('process/tick-object.js', BUILT).href
const MAIN = fileURLToPath(new URL('main.js', BUILT))
const READY_WITHIN = 10_000
/** Of a second: what Linux counts processor time in, whatever the kernel's own tick is. */
const TICKS = 100

export class Subject {
  readonly #child: Child
  readonly #usage: () => Promise<number>
  readonly url: string

  /** One of menu.ts, on a free port; `setting` is what it takes there. */
  static async start(
    name: string,
    { core, signal }: Place,
    ...setting: string[]
  ): Promise<Subject> {
    const child = new Child({
      name,
      core,
      command: [process.execPath, '--import', FIRST, MAIN, name, ...setting],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    try {
      const port = (await child.answer(signal)) as number
      const subject = new Subject(child, port, async () => (await subject.ask('usage', signal)).cpu)
      return subject
    } catch (error) {
      await child.stop()
      throw error
    }
  }

  /** A program that listens on a port of its own. */
  static async startProgram(file: string, port: number, { core, signal }: Place): Promise<Subject> {
    const child = new Child({ name: file, core, command: [file], stdio: 'ignore' })
    try {
      await child.ready(() => isListening(port), READY_WITHIN, signal)
      return new Subject(child, port, () => cpuSecondsOf(child.pid))
    } catch (error) {
      await child.stop()
      throw error
    }
  }

  private constructor(child: Child, port: number, usage: () => Promise<number>) {
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
    return (await this.#child.ask(question, signal)) as Usage
  }

  /** What its operating system may do to it: `SIGSTOP`, `SIGCONT`. */
  signal(name: NodeJS.Signals): void {
    this.#child.signal(name)
  }

  /** At once: nothing that it is asked for counts any more. */
  async stop(): Promise<void> {
    await this.#child.stop()
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  const connected = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return connected
}

/** Fields 14 and 15 of proc(5)'s stat, counted behind the name, which may hold spaces. */
async function cpuSecondsOf(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}
