/** What every example is registered with. */
import type { HTTPMethods } from 'fastify'

export interface ExampleOptions {
  /** Multiplies the example's delay. */
  timeScale: number
  /** The folder of `data.txt`. */
  folder: string
  /** The methods it answers: GET beside the others, any on a port of its own. */
  method: HTTPMethods | HTTPMethods[]
}
