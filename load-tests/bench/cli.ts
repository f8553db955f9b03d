/** The command line: what it takes, what it prints, and its exit codes. */
import { menuText, parsedBy } from '../command-line.js'
import { describeMachine } from '../report/report.js'
import { allowedCores, pinTo } from '../subjects/process/pinning.js'
import { type Entry, loadMenu } from './menu.js'
import { type Effort, runBenchmark } from './rounds.js'
import { render } from './table.js'

const FULL: Effort = {
  generations: 4,
  rounds: 8,
  milliseconds: 30,
  warmUp: 300,
  operations: undefined,
}
const QUICK: Effort = { generations: 1, rounds: 1, milliseconds: 0, warmUp: 0, operations: 100 }

interface Streams {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
}

/** 0: all ran, 1: one broke, 2: bad usage. */
export type ExitCode = 0 | 1 | 2

export async function main(args: string[], { stdout, stderr }: Streams): Promise<ExitCode> {
  const menu = await loadMenu()
  const refuse = (problem: string): ExitCode => {
    stderr.write(`${problem}\n\n${usage(menu)}`)
    return 2
  }
  const parsed = parse(args)
  if (typeof parsed === 'string') return refuse(parsed)
  const { names, quick, help } = parsed
  if (help) {
    stdout.write(usage(menu))
    return 0
  }
  const unknown = names.filter((name) => menu.every(({ benchmark }) => benchmark.name !== name))
  if (unknown.length > 0) return refuse(`unknown benchmark: ${unknown.join(', ')}`)

  const chosen = names.length === 0 ? menu : menu.filter((entry) => names.includes(nameOf(entry)))
  stdout.write(`${describe(quick)}\n\n`)
  for (const entry of chosen) {
    try {
      stdout.write(render(await runBenchmark(entry, quick ? QUICK : FULL)))
    } catch (error) {
      stderr.write(`${nameOf(entry)}: ${(error as Error).message}\n`)
      return 1
    }
  }
  return 0
}

interface Arguments {
  readonly names: string[]
  readonly quick: boolean
  readonly help: boolean
}

/** A string says what is wrong with them. */
function parse(args: string[]): Arguments | string {
  const parsed = parsedBy(args, {
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (typeof parsed === 'string') return parsed
  const { quick, help } = parsed.values
  return { names: parsed.positionals, quick, help }
}

function usage(menu: readonly Entry[]): string {
  return `Usage: npm run bench -- [options] [benchmark...]

Prints a table in Markdown for each benchmark; without a name, for all of them.

Benchmarks:
${menuText(menu.map(({ benchmark }) => benchmark))}

Options:
  --quick      a second or two for all: shows that they run, and no figure to be quoted
  -h, --help   this text

Exit code: 0, 1 when a benchmark broke, 2 for bad usage.
`
}

function nameOf({ benchmark }: Entry): string {
  return benchmark.name
}

function describe(quick: boolean): string {
  const { cpu, cores, platform, node } = describeMachine()
  const { generations, rounds, milliseconds } = FULL
  const effort = quick
    ? '--quick: not to be quoted'
    : `${pin()}; medians of ${generations * rounds} interleaved rounds of ${milliseconds} ms or more, in ${generations} sets of processes`
  return `${cpu}, ${cores} cores, ${platform}, Node ${node}; ${effort}. A ratio is to the first row, within a round: above 1 costs more.`
}

/** Keeps this process and those that it will start on one core: the last, since others use the first. */
function pin(): string {
  const core = allowedCores().at(-1)
  return core !== undefined && pinTo(core) ? `pinned to core ${core}` : 'not pinned'
}
