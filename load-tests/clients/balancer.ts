/**
 * Keep-alive clients in a closed loop behind a simulated load balancer: it asks the first server
 * every few milliseconds whether it is ready, and once it is not, new requests go to the second.
 * Nothing is tried again, so that whatever a stopping server loses is seen.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'undici'
import { Latency, type Quantiles } from '../figures/latency.js'

export interface Target {
  readonly path: string
  /** The body that every answer must have. */
  readonly body: string
}

export interface Balanced {
  readonly sent: number
  readonly answered: number
  readonly byFirst: number
  readonly bySecond: number
  /** Why each that failed did. */
  readonly failures: readonly string[]
  readonly latency: Quantiles
}

const POLL = 50
/** A server that doesn't say whether it is ready is not. */
const READY_WITHIN = 2000
const REQUEST_WITHIN = 10_000

export class Balancer {
  readonly #urls: readonly [string, string]
  readonly #signal: AbortSignal
  readonly #failures: string[] = []
  readonly #latency = new Latency()
  readonly #answered = { first: 0, second: 0 }
  readonly #running: Promise<unknown>[] = []
  #sent = 0
  #failedOver = false
  #stopped = false

  constructor(first: string, second: string, signal: AbortSignal) {
    this.#urls = [first, second]
    this.#signal = signal
  }

  /** One client a target. */
  start(targets: readonly Target[]): void {
    this.#running.push(this.#watchHealth(), ...targets.map((target) => this.#client(target)))
    // Reported by `stop`, if anyone gets there.
    for (const running of this.#running) running.catch(() => {})
  }

  get inFlight(): number {
    return this.#sent - this.#ended
  }

  /** Resolves when the requests under way have ended. */
  async stop(): Promise<Balanced> {
    this.#stopped = true
    await Promise.all(this.#running)
    const { first, second } = this.#answered
    return {
      sent: this.#sent,
      answered: first + second,
      byFirst: first,
      bySecond: second,
      failures: this.#failures,
      latency: this.#latency.quantiles(),
    }
  }

  get #ended(): number {
    return this.#answered.first + this.#answered.second + this.#failures.length
  }

  get #over(): boolean {
    return this.#stopped || this.#signal.aborted
  }

  async #watchHealth(): Promise<void> {
    const client = new Client(this.#urls[0], { headersTimeout: READY_WITHIN })
    while (!this.#over && !this.#failedOver) {
      await sleep(POLL)
      const path = '/health/ready'
      const status = await client.request({ method: 'GET', path, reset: true }).then(
        async ({ statusCode, body }) => {
          await body.dump()
          return statusCode
        },
        () => undefined,
      )
      this.#failedOver = status !== 200
    }
    await client.destroy()
  }

  async #client({ path, body: wanted }: Target): Promise<void> {
    const [first, second] = this.#urls.map((url) => new Client(url)) as [Client, Client]
    while (!this.#over) {
      const failedOver = this.#failedOver
      const client = failedOver ? second : first
      const sentAt = performance.now()
      this.#sent++
      try {
        const { statusCode, body } = await client.request({
          method: 'GET',
          path,
          signal: AbortSignal.any([this.#signal, AbortSignal.timeout(REQUEST_WITHIN)]),
        })
        const text = await body.text()
        if (statusCode !== 200 || text !== wanted) throw new Error(`answered ${statusCode}`)
        this.#answered[failedOver ? 'second' : 'first']++
        this.#latency.record(performance.now() - sentAt)
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        this.#failures.push(code ?? message)
        // A server that refuses at once would be asked thousands of times until the next look.
        await sleep(POLL / 5)
      }
    }
    await Promise.all([first.destroy(), second.destroy()])
  }
}
