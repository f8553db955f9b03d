/** One limit over many replicas, and what befalls it. */
export interface Case {
  readonly name: string
  readonly replicas: number
  readonly limit: number
  /** Callers for each permit. */
  readonly load: number
  /** Milliseconds between two calls of one caller, on average; between half of it and half more. */
  readonly pause: number
  /** Milliseconds that a message takes, at least; a tenth of them twice as long. */
  readonly delay: number
  /** The part of the messages that is lost. */
  readonly lost: number
}
