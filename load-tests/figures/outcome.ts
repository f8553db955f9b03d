/** What a scenario finds: the words that clients, measures and scenarios share with the report. */
import type { Quantiles } from './latency.js'

/** What came of one closed loop. Latencies are of the answered. */
export interface Volley extends Quantiles {
  readonly sent: number
  readonly answered: number
  /** Failed connections, timeouts, and answers with another status or body than wanted. */
  readonly errors: number
  /** From the first request to the last answer. */
  readonly seconds: number
  /** Answers a second. */
  readonly rate: number
}

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
