/** Runs scenarios one after the other, each with servers of its own, judges them, and reports. */
import type { Check, Outcome } from './figures/outcome.js'
import { fireBeside, measure } from './measures/counted.js'
import type { Progress } from './report/progress.js'
import { describeMachine, type Report, type Result } from './report/report.js'
import type { Chosen, Context, Scenario } from './scenarios/scenario.js'
import type { Pinning } from './subjects/process/pinning.js'
import { TestServer } from './subjects/server.js'

/** No scenario may take longer, unless it says so. */
const WITHIN = 180_000

export interface RunOptions {
  readonly quick: boolean
  /** Default: nothing. */
  readonly chosen?: Chosen
  readonly pinning: Pinning
  readonly progress: Progress
  /** Ends the run: the scenario under way is given up, its servers are killed. */
  readonly signal: AbortSignal
}

/** Has one result a scenario, whatever happened to it; fewer when interrupted. */
export async function run(scenarios: readonly Scenario[], options: RunOptions): Promise<Report> {
  const startedAt = new Date().toISOString()
  const results: Result[] = []
  for (const scenario of scenarios) {
    const result = await runOne(scenario, options)
    if (options.signal.aborted) break
    results.push(result)
  }
  return {
    startedAt,
    machine: describeMachine(),
    pinning: options.pinning.description,
    quick: options.quick,
    ok: results.length === scenarios.length && results.every(({ ok }) => ok),
    scenarios: results,
  }
}

async function runOne(scenario: Scenario, options: RunOptions): Promise<Result> {
  const { name, question, within = WITHIN } = scenario
  const { quick, chosen = {}, pinning, progress } = options
  const startedAt = performance.now()
  const late = new AbortController()
  const timer = setTimeout(
    () => late.abort(new Error(`it took more than ${within / 1000} s`)),
    within,
  )
  const signal = AbortSignal.any([options.signal, late.signal])
  const stand = { core: pinning.core, progress, signal }
  const servers: TestServer[] = []
  const context: Context = {
    quick,
    chosen,
    signal,
    stand,
    start: async (env = {}, how = {}) => {
      const server = await TestServer.start(env, stand, how)
      servers.push(server)
      progress.say(`${name}: server ${server.pid} listens on ${server.url}`)
      return server
    },
    measure: (server, load) => measure(stand, server, load),
    fire: (server, load) => fireBeside(stand, server, load),
  }

  let outcome: Outcome
  try {
    outcome = await scenario.run(context)
  } catch (error) {
    const logs = servers.map(({ log }) => log).filter((log) => log !== '')
    const detail = [error instanceof Error ? error.message : String(error), ...logs].join('\n')
    outcome = { rows: [], checks: [{ name: 'it runs to its end', ok: false, detail }] }
  }
  clearTimeout(timer)
  const checks = [...outcome.checks, ...(await stopAll(servers))]
  return {
    name,
    question,
    ok: checks.every(({ ok }) => ok),
    seconds: (performance.now() - startedAt) / 1000,
    rows: outcome.rows,
    checks,
    tables: outcome.tables ?? [],
    series: outcome.series ?? [],
    ...(outcome.raw === undefined ? {} : { raw: outcome.raw }),
  }
}

async function stopAll(servers: readonly TestServer[]): Promise<Check[]> {
  const exits = await Promise.all(servers.map((server) => server.stop()))
  if (exits.length === 0) return []
  return [
    {
      name: 'the server drains and exits with 0',
      ok: exits.every((exit) => exit === 0),
      detail: exits.join(', '),
    },
  ]
}
