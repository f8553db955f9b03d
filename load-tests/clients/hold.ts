/** Many requests that are sent and not answered, each on a connection of its own. */
import { once, setMaxListeners } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Held {
  /** How many are still open, unanswered. */
  pending(): number
  /** Hangs up on all. */
  end(): void
}

/** A listener's backlog is short: no more than this many knock at once. */
const KNOCKING = 100

export async function hold(
  url: string,
  path: string,
  amount: number,
  signal: AbortSignal,
): Promise<Held> {
  const { hostname: host, port } = new URL(url)
  // Each that is connecting listens to it, and Node warns at the eleventh.
  setMaxListeners(0, signal)
  const sockets = new Set<Socket>()
  const end = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  let started = 0
  const knock = async (): Promise<void> => {
    while (started < amount) {
      started++
      signal.throwIfAborted()
      const socket = connect({ host, port: Number(port), noDelay: true })
      await once(socket, 'connect', { signal })
      sockets.add(socket)
      const drop = (): unknown => sockets.delete(socket)
      // An answer is as wrong as an end.
      socket.on('error', drop).on('close', drop).on('data', drop)
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(KNOCKING, amount) }, knock))
  } catch (error) {
    end()
    throw error
  }
  return { pending: () => sockets.size, end }
}
