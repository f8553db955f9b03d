/** The contract between a scenario, the runner and the report. */
import type { Load, Volley } from '../clients/closed-loop.js'
import type { Progress } from '../report/progress.js'
import type { ServerEnv, Start, TestServer } from '../subjects/server.js'
import type { Place } from '../subjects/subject.js'

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

/** Where subjects run, and who is told how far they are. */
export interface Stand extends Place {
  readonly progress: Progress
}

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

interface Described extends Omit<Load, 'url' | 'amount'> {
  path: string
  /** The pattern that the server counts the path under; default: the path. */
  route?: string
  /** Default: method and path. */
  label?: string
}
export type FiredLoad = Described & { amount: number }
/** As many requests as given, or as many as the warm-up finds for these seconds. */
export type MeasuredLoad = Described & ({ amount: number } | { seconds: number })

/** One line of figures. Latencies are milliseconds. */
export interface Row extends Volley {
  readonly label: string
  readonly connections: number
  /** Answers as the server counts them; absent where it ended before it could be asked. */
  readonly served?: number
  /** Requests whose client left; absent where none does. */
  readonly aborted?: number
  /** Of one core, while measured; absent where two runs overlap. */
  readonly cpu?: { readonly server: number; readonly client: number }
}

export interface Check {
  readonly name: string
  readonly ok: boolean
  /** The figures it was decided by. */
  readonly detail: string
}

/** How something went over time. Those of one unit share a chart. */
export interface Series {
  readonly name: string
  readonly unit: string
  /** Milliseconds since the first sample, and the value from then on. */
  readonly points: readonly (readonly [number, number])[]
}

/** Figures that are no run of autocannon's, in columns of their own. */
export interface Table {
  readonly head: readonly string[]
  /** The first cell names the row. */
  readonly rows: readonly (readonly string[])[]
  /** What has to be known to read it. */
  readonly note?: string
}

export interface Outcome {
  readonly rows: readonly Row[]
  readonly checks: readonly Check[]
  readonly tables?: readonly Table[]
  readonly series?: readonly Series[]
  /** Whatever else it found, for `--json`. */
  readonly raw?: unknown
}
