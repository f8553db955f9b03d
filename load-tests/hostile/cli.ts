/** The command line of `npm run test:hostile`. */
import { parseArgs } from 'node:util'
import type { ExitCode, Surroundings } from '../cli.js'
import { Progress } from '../report/progress.js'
import { describeMachine } from '../report/report.js'
import { render } from '../report/table.js'
import { runAll } from '../runner.js'
import type { Scenario } from '../scenarios/scenario.js'
import { pinClient } from '../subjects/process/pinning.js'
import { builders } from './scenarios/menu.js'
import { FULL, QUICK, type Settings } from './settings.js'

const NUMBERS = {
  seed: 'an integer',
  seconds: 'seconds > 0',
  connections: 'an integer >= 1',
} as const
type Name = keyof typeof NUMBERS

export async function main(
  args: string[],
  { signal, stdout, stderr, pin = pinClient }: Omit<Surroundings, 'scenarios'>,
): Promise<ExitCode> {
  const asked = parse(args)
  if (typeof asked === 'string') {
    stderr.write(`${asked}\n\n${usage()}`)
    return 2
  }
  const { names, settings, quick, help } = asked
  if (help) {
    stdout.write(usage())
    return 0
  }
  const { core, description } = pin()
  const chosen = names.map((name) => (builders[name] as (given: Settings) => Scenario)(settings))
  const progress = new Progress(stderr)
  progress.say(`seed ${settings.seed}: the same seed sends the same`)
  const startedAt = new Date().toISOString()
  const results = await runAll(chosen, { quick, core, progress, signal })
  const report = {
    startedAt,
    machine: describeMachine(),
    pinning: description,
    quick,
    ok: results.length === chosen.length && results.every(({ ok }) => ok),
    scenarios: results,
  }
  const colors = stdout.isTTY === true && !process.env.NO_COLOR
  if (results.length > 0) stdout.write(render(report, colors))
  if (signal.aborted) return 130
  return report.ok ? 0 : 1
}

interface Asked {
  readonly names: readonly string[]
  readonly settings: Settings
  readonly quick: boolean
  readonly help: boolean
}

/** A string says what is wrong with them. */
function parse(args: string[]): Asked | string {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        seed: { type: 'string' },
        seconds: { type: 'string' },
        connections: { type: 'string' },
        quick: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const { quick, help } = values
    const unknown = positionals.filter((name) => !Object.hasOwn(builders, name))
    if (unknown.length > 0) return `unknown scenario: ${unknown.join(', ')}`
    const settings = { ...(quick ? QUICK : FULL) }
    for (const name of Object.keys(NUMBERS) as Name[]) {
      const given = values[name]
      if (given === undefined) continue
      const number = Number(given)
      const fits = name === 'seconds' ? number > 0 && number <= 86_400 : Number.isInteger(number)
      if (given.trim() === '' || !fits || (name === 'connections' && number < 1)) {
        return `--${name}: got ${JSON.stringify(given)}, takes ${NUMBERS[name]}`
      }
      settings[name] = number
    }
    const names = positionals.length > 0 ? positionals : Object.keys(builders)
    return { names, settings, quick, help }
  } catch (error) {
    return (error as Error).message
  }
}

function usage(): string {
  const menu = Object.entries(builders).map(
    ([name, build]) => [name, build(FULL).question] as const,
  )
  const width = Math.max(...menu.map(([name]) => name.length))
  return `Usage: npm run test:hostile -- [options] [scenario...]

Hostile clients and a sick machine, against servers in processes of their own; all scenarios, unless
some are named.

Scenarios:
${menu.map(([name, question]) => `  ${name.padEnd(width)}  ${question}`).join('\n')}

Options:
  --seconds N      how long each fuzzes, soaks or keeps a crowd (about); default ${FULL.seconds}
  --connections N  of each crowd; default ${FULL.connections}
  --seed N         of what is random; default ${FULL.seed}
  --quick          ${QUICK.seconds} s and ${QUICK.connections} connections, unless said otherwise
  -h, --help       this text

Exit code: 0 when all held, 1 when something did not, 2 for bad usage, 130 when interrupted.
`
}
