/** The command line of `npm run test:hostile`. */
import type { ExitCode, Surroundings } from '../cli.js'
import { menuText, parsedBy } from '../command-line.js'
import { Progress } from '../report/progress.js'
import { print } from '../report/table.js'
import { run } from '../runner.js'
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
  const pinning = pin()
  const chosen = names.map((name) => (builders[name] as (given: Settings) => Scenario)(settings))
  const progress = new Progress(stderr)
  progress.say(`seed ${settings.seed}: the same seed sends the same`)
  const report = await run(chosen, { quick, pinning, progress, signal })
  print(report, stdout)
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
  const parsed = parsedBy(args, {
    seed: { type: 'string' },
    seconds: { type: 'string' },
    connections: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (typeof parsed === 'string') return parsed
  const { values, positionals } = parsed
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
}

function usage(): string {
  const menu = Object.values(builders).map((build) => build(FULL))
  return `Usage: npm run test:hostile -- [options] [scenario...]

Hostile clients and a sick machine, against servers in processes of their own; all scenarios, unless
some are named.

Scenarios:
${menuText(menu)}

Options:
  --seconds N      how long each fuzzes, soaks or keeps a crowd (about); default ${FULL.seconds}
  --connections N  of each crowd; default ${FULL.connections}
  --seed N         of what is random; default ${FULL.seed}
  --quick          ${QUICK.seconds} s and ${QUICK.connections} connections, unless said otherwise
  -h, --help       this text

Exit code: 0 when all held, 1 when something did not, 2 for bad usage, 130 when interrupted.
`
}
