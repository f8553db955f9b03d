/** Quantiles and counts of the last ten seconds, taken off the counts while somebody watches. */
import type { AppConcurrency, Interval } from 'fastify-sluice'

/** Marks that are kept, one a second. */
const MARKS = 10

export class Recent {
  readonly #concurrency: AppConcurrency
  #marks: (() => Interval)[] = []

  constructor(concurrency: AppConcurrency) {
    this.#concurrency = concurrency
  }

  start(): void {
    this.#marks = [this.#concurrency.mark()]
  }

  stop(): void {
    this.#marks = []
  }

  /** Of a shorter time while it was not watched for ten seconds. */
  take(): Interval | undefined {
    const recent = this.#marks[0]?.()
    this.#marks.push(this.#concurrency.mark())
    if (this.#marks.length > MARKS) this.#marks.shift()
    return recent
  }
}
