/** The connections of a crowd. A request has one to itself, and whoever comes later may get it again. */
import { Client } from 'undici'

/** With more of them at once the machine is measured, not the server. */
export const MOST_CONNECTIONS = 8000

export class Connections {
  readonly #url: string
  readonly #most: number
  readonly #open = new Set<Client>()
  readonly #idle: Client[] = []

  /** @param most at once, an integer >= 1 */
  constructor(url: string, most: number) {
    this.#url = url
    this.#most = most
  }

  /** One that is idle; for newcomers a new one. Undefined: as many as there may be are taken. */
  take(newcomer: boolean): Client | undefined {
    const idle = newcomer ? undefined : this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#open.size >= this.#most) {
      const replaced = this.#idle.pop()
      if (replaced === undefined) return undefined
      this.drop(replaced)
    }
    // Whoever sends looks after deadlines: undici's own timers are coarse.
    const client = new Client(this.#url, { headersTimeout: 0, bodyTimeout: 0 })
    this.#open.add(client)
    return client
  }

  /** When its request was answered. */
  giveBack(client: Client): void {
    this.#idle.push(client)
  }

  /** Hangs up. */
  drop(client: Client): void {
    this.#open.delete(client)
    client.destroy().catch(() => {})
  }

  async end(): Promise<void> {
    await Promise.all([...this.#open].map((client) => client.destroy()))
  }
}
