/** The command line: what it takes, what it prints, and its exit codes. */
import { open, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { renderPage } from './html/page.js'
import { type Pinning, pinClient } from './pinning.js'
import { Progress } from './progress.js'
import { describeMachine, type Report } from './report.js'
import { runAll } from './runner.js'
import type { Scenario } from './scenario.js'
import { scenarios as menu } from './scenarios.js'
import { render } from './table.js'

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
  const parsed = parse(args)
  if (typeof parsed === 'string') return refuse(parsed)
  const { names, quick, json, html, help } = parsed
  if (help || (names.length === 0 && args.length === 0)) {
    stdout.write(usage(scenarios))
    return 0
  }
  if (names.length === 0) return refuse('which scenario?')
  const unknown = names.filter((name) => scenarios.every((scenario) => scenario.name !== name))
  if (unknown.length > 0) return refuse(`unknown scenario: ${unknown.join(', ')}`)
  for (const [option, file] of Object.entries({ json, html })) {
    if (file === undefined) continue
    // Found out now, not after minutes of load.
    const problem = await open(file, 'a').then((opened) => opened.close(), String)
    if (problem !== undefined) return refuse(`--${option}: ${problem}`)
  }

  const startedAt = new Date().toISOString()
  const { core, description } = pin()
  const chosen = names.flatMap((name) => scenarios.filter((scenario) => scenario.name === name))
  const progress = new Progress(stderr)
  const results = await runAll(chosen, { quick, core, progress, signal })
  const report: Report = {
    startedAt,
    machine: describeMachine(),
    pinning: description,
    quick,
    ok: results.length === chosen.length && results.every(({ ok }) => ok),
    scenarios: results,
  }
  if (results.length > 0) stdout.write(render(report, wantsColors(stdout)))
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
}

/** A string says what is wrong with them. */
function parse(args: string[]): Arguments | string {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        html: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const { quick, json, html, help } = values
    return { names: positionals, quick, json, html, help }
  } catch (error) {
    return (error as Error).message
  }
}

function usage(scenarios: readonly Scenario[]): string {
  const width = Math.max(...scenarios.map(({ name }) => name.length))
  return `Usage: npm run load -- [options] scenario...

Each scenario runs against a server in its own process, and has thresholds.

Scenarios:
${scenarios.map(({ name, question }) => `  ${name.padEnd(width)}  ${question}`).join('\n')}

Options:
  --quick      a second or two a scenario: counts are held to the same thresholds, times to looser
  --json FILE  also writes the figures to FILE
  --html FILE  also writes a page with charts to FILE, which opens without a network
  -h, --help   this text

Exit code: 0 when every threshold held, 1 when one failed, 2 for bad usage, 130 when interrupted.

  npm run load -- ${scenarios.map(({ name }) => name).join(' ')}
`
}

function wantsColors(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR
}
