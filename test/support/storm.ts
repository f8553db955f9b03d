/** Clients in great number, of whom each ends in its own way, and what has to be true all the while. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { FastifyInstance } from 'fastify'
import { seeded } from './downstream.js'
import { identity } from './probe-app.js'
import { get, type Wire } from './wire.js'

/** How many come; by hand, 20,000. */
export const CLIENTS = Number(process.env.STORM ?? 1500)
const AT_ONCE = 50

export const random = seeded(20_26)
export const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
export const pause = (most: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, random() * most))

/** Each of `kinds` in its turn, until `count` have come; in between, all accounts hold. */
export async function storm(
  app: FastifyInstance,
  kinds: readonly (() => Promise<void>)[],
  count: number,
): Promise<void> {
  let started = 0
  const worker = async (): Promise<void> => {
    while (started < count) {
      await (kinds[started++ % kinds.length] as () => Promise<void>)()
      identity(app)
      for (const { name, inFlight, limit } of app.concurrency.limiters) {
        if (inFlight > limit) throw new Error(`${name}: ${inFlight} in flight, limit ${limit}`)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** A request of HTTP/1.1, with headers that choose its key and its priority. */
export function askFrom(paths: readonly string[]): string {
  return get(pick(paths), `User: ${pick(users)}\r\nPriority: ${pick([0, 0, 1])}\r\n`)
}

export const users = ['a', 'b', 'c', 'd'] as const

/** Each takes an open connection and ends it in its own bad way. */
export function wireKinds(ask: () => string): ((wire: Wire) => Promise<void>)[] {
  const kinds: Record<string, (wire: Wire) => Promise<void>> = {
    patient: async ({ socket, received }) => {
      socket.write(ask())
      await received('HTTP/1.1 ')
    },
    aborts: async ({ socket }) => {
      socket.write(ask())
      await pause(12)
    },
    'aborts at once': async ({ socket }) => {
      socket.write(ask())
    },
    'half-closes': async ({ socket, closed }) => {
      socket.end(ask())
      await Promise.race([closed, pause(30)])
    },
    'pipelines and destroys': async ({ socket }) => {
      socket.write(Array.from({ length: 8 }, ask).join(''))
      await pause(15)
    },
    'pipelines and leaves after the first answer': async ({ socket, received }) => {
      socket.write(Array.from({ length: 5 }, ask).join(''))
      await received('HTTP/1.1 ')
    },
    'sends half a header': async ({ socket }) => {
      socket.write(ask().slice(0, 20))
      await pause(5)
    },
    'sends half a body': async ({ socket }) => {
      socket.write(
        `POST /fast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
      )
      await pause(10)
    },
    'says nothing': () => pause(5),
  }
  return Object.values(kinds)
}

/** Bytes of the heap that something still holds. */
export function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // Twice: what finalizers let go of is collected by the next.
  collect()
  collect()
  return process.memoryUsage().heapUsed
}
