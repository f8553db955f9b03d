/** The command line: what it takes, what it prints, and its exit codes. */
import { open, writeFile } from 'node:fs/promises'
import { menuText, parsedBy } from './command-line.js'
import { renderPage } from './report/html/page.js'
import { Progress } from './report/progress.js'
import { print } from './report/table.js'
import { run } from './runner.js'
import { scenarios as menu } from './scenarios/menu.js'
import type { Chosen, Scenario } from './scenarios/scenario.js'
import { type Pinning, pinClient } from './subjects/process/pinning.js'

export interface Surroundings {
  readonly signal: AbortSignal
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly scenarios?: readonly Scenario[]
  /** Called once there is something to run. */
  readonly pin?: () => Pinning
}

/** 0: every threshold held, 1: one failed, 2: bad usage, 130: interrupted. */
export type ExitCode = 0 | 1 | 2 | 130

export async function main(args: string[], surroundings: Surroundings): Promise<ExitCode> {
  const { signal, stdout, stderr, scenarios = menu, pin = pinClient } = surroundings
  const refuse = (problem: string): ExitCode => {
    stderr.write(`${problem}\n\n${usage(scenarios)}`)
    return 2
  }
  const parsed = parse(args, optionsOf(scenarios))
  if (typeof parsed === 'string') return refuse(parsed)
  const { names, quick, json, html, help, chosen } = parsed
  if (help || (names.length === 0 && args.length === 0)) {
    stdout.write(usage(scenarios))
    return 0
  }
  if (names.length === 0) return refuse('which scenario?')
  const unknown = names.filter((name) => scenarios.every((scenario) => scenario.name !== name))
  if (unknown.length > 0) return refuse(`unknown scenario: ${unknown.join(', ')}`)
  const asked = names.flatMap((name) => scenarios.filter((scenario) => scenario.name === name))
  for (const option of Object.keys(chosen)) {
    if (asked.every(({ options = {} }) => !(option in options))) {
      return refuse(`--${option} has no effect on ${names.join(', ')}`)
    }
  }
  for (const { name, refuse: problemOf } of asked) {
    const problem = problemOf?.(chosen)
    if (problem !== undefined) return refuse(`${name}: ${problem}`)
  }
  for (const [option, file] of Object.entries({ json, html })) {
    if (file === undefined) continue
    // Found out now, not after minutes of load.
    const problem = await open(file, 'a').then((opened) => opened.close(), String)
    if (problem !== undefined) return refuse(`--${option}: ${problem}`)
  }

  const pinning = pin()
  const progress = new Progress(stderr)
  const report = await run(asked, { quick, chosen, pinning, progress, signal })
  print(report, stdout)
  if (signal.aborted) return 130
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`)
  if (html !== undefined) await writeFile(html, renderPage(report))
  return report.ok ? 0 : 1
}

interface Arguments {
  names: string[]
  quick: boolean
  json: string | undefined
  html: string | undefined
  help: boolean
  chosen: Chosen
}

/** @returns a string that says what is wrong with them */
function parse(args: string[], own: readonly string[]): Arguments | string {
  const parsed = parsedBy(args, {
    ...Object.fromEntries(own.map((name) => [name, { type: 'string', multiple: true } as const])),
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    html: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (typeof parsed === 'string') return parsed
  const { quick, json, html, help, ...chosen } = parsed.values
  return { names: parsed.positionals, quick, json, html, help, chosen: chosen as Chosen }
}

function ownOptions({ name, options = {} }: Scenario): string {
  const lines = Object.entries(options).map(([option, text]) => `  --${option} ${text}\n`)
  return lines.length === 0 ? '' : `\nOptions of ${name}:\n${lines.join('')}`
}

function optionsOf(scenarios: readonly Scenario[]): string[] {
  return scenarios.flatMap(({ options = {} }) => Object.keys(options))
}

function usage(scenarios: readonly Scenario[]): string {
  return `Usage: npm run load -- [options] scenario...

Each scenario runs against a server in its own process, and has thresholds.

Scenarios:
${menuText(scenarios)}

Options:
  --quick      a second or two a scenario: counts are held to the same thresholds, times to looser
  --json FILE  also writes the figures to FILE
  --html FILE  also writes a page with charts to FILE, which opens without a network
  -h, --help   this text
${scenarios.map(ownOptions).join('')}
Exit code: 0 when every threshold held, 1 when one failed, 2 for bad usage, 130 when interrupted.

  npm run load -- ${scenarios.map(({ name }) => name).join(' ')}
`
}
