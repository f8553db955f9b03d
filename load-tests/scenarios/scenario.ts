/** The contract between a scenario and the runner. */
import type { Outcome, Row } from '../figures/outcome.js'
import type { FiredLoad, MeasuredLoad } from '../measures/counted.js'
import type { Stand } from '../measures/stand.js'
import type { ServerEnv, Start, TestServer } from '../subjects/server.js'

export interface Scenario {
  readonly name: string
  /** The one question it asks. */
  readonly question: string
  /** Milliseconds that it may take; default 180,000. */
  readonly within?: number
  /** What may be chosen on the command line, `--name VALUE` as often as one likes, and what it is. */
  readonly options?: Readonly<Record<string, string>>
  /** Says what is wrong with what was chosen. */
  refuse?(chosen: Chosen): string | undefined
  run(context: Context): Promise<Outcome>
}

/** By option: what was given for it. */
export type Chosen = Readonly<Record<string, readonly string[]>>

/** What the runner gives to a scenario. */
export interface Context {
  /** Short runs and small amounts: counts are held to the same thresholds, times to looser ones. */
  readonly quick: boolean
  readonly chosen: Chosen
  /** Aborts when somebody interrupts, or when the scenario's time is up. */
  readonly signal: AbortSignal
  /** For servers that are not ours: whoever starts one stops it. */
  readonly stand: Stand
  /** A server in its own process. The runner stops it, and takes no exit code but 0. */
  start(env?: ServerEnv, how?: Start): Promise<TestServer>
  /** A warm-up, then the run that counts. */
  measure(server: TestServer, load: MeasuredLoad): Promise<Row>
  /** A run with neither warm-up nor progress, to go on beside another. */
  fire(server: TestServer, load: FiredLoad): Promise<Row>
}
