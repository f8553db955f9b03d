/**
 * Measures the contenders of a benchmark in rounds, A B C, B C A, ..., so that what disturbs the
 * machine for a while disturbs all of them, and compares within a round only. The first one runs
 * twice, as two contenders: how far the second is from 1 is how far the others may be by chance.
 * All processes are made anew a few times, because two of the same program differ lastingly (by up
 * to 10 %, seen) in where their memory lies and in which order V8 optimised their functions.
 */
import { fileURLToPath } from 'node:url'
import { median } from '../figures/statistics.js'
import { Child } from '../subjects/process/launch.js'
import type { Entry } from './menu.js'
import type { Round } from './worker.js'

const WORKER = fileURLToPath(new URL('worker.js', import.meta.url))
const FIRST = new URL('../subjects/process/tick-object.js', import.meta.url).href

export interface Effort {
  readonly generations: number
  readonly rounds: number
  /** Of a round, at least. */
  readonly milliseconds: number
  readonly warmUp: number
  /** In place of a batch's own number. */
  readonly operations: number | undefined
}

export interface Row {
  readonly label: string
  /** Nanoseconds or bytes. */
  readonly figure: number
  /** This one's divided by the first one's of the same round. */
  readonly ratio: { readonly median: number; readonly min: number; readonly max: number }
}

export interface Result {
  readonly entry: Entry
  readonly rows: readonly Row[]
  readonly seconds: number
}

export async function runBenchmark(entry: Entry, effort: Effort): Promise<Result> {
  const startedAt = performance.now()
  const labels = Object.keys(entry.benchmark.contenders)
  const first = labels[0] as string
  const processes = [first, first, ...labels.slice(1)]
  const rounds: number[][] = []
  for (let generation = 0; generation < effort.generations; generation++) {
    rounds.push(...(await runGeneration(entry, processes, effort)))
  }
  const rows = processes.map((label, column) => summarise(name(label, column), column, rounds))
  return { entry, rows, seconds: (performance.now() - startedAt) / 1000 }
}

function name(label: string, column: number): string {
  return column === 1 ? `${label} (again: the control)` : label
}

function summarise(label: string, column: number, rounds: number[][]): Row {
  const figures = rounds.map((round) => round[column] as number)
  const ratios = rounds.map((round) => (round[column] as number) / (round[0] as number))
  return {
    label,
    figure: median(figures),
    ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
  }
}

async function runGeneration(
  { module, benchmark }: Entry,
  labels: readonly string[],
  { rounds, milliseconds, warmUp, operations }: Effort,
): Promise<number[][]> {
  const workers = labels.map((label) => {
    const args = [String(module), benchmark.name, label] as const
    return new Child({
      name: args.join(' / '),
      command: [process.execPath, '--import', FIRST, WORKER, ...args],
      env: process.env,
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    })
  })
  try {
    await Promise.all(workers.map((worker) => worker.answer()))
    if (benchmark.unit === 'bytes')
      return [await runRound(workers, 0, { milliseconds, operations })]
    const long = warmUp === 0 ? 0 : (benchmark.warmUp ?? warmUp)
    await runRound(workers, 0, { milliseconds: long, operations })
    const figures: number[][] = []
    for (let round = 0; round < rounds; round++) {
      figures.push(await runRound(workers, round, { milliseconds, operations }))
    }
    return figures
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()))
  }
}

/** One figure a worker, in the workers' order whoever began. */
async function runRound(workers: readonly Child[], begin: number, round: Round): Promise<number[]> {
  const figures: number[] = []
  for (let turn = 0; turn < workers.length; turn++) {
    const index = (begin + turn) % workers.length
    figures[index] = (await workers[index]?.ask(round)) as number
  }
  return figures
}
