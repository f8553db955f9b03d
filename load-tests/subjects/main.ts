/**
 * One server to be measured, in a process of its own, steered by its parent: it says which port it
 * listens on, and answers whatever it is asked with what it has used. It ends with its parent.
 *
 * Arguments: the subject's name.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { subjects } from './menu.js'

export interface Usage {
  /** Seconds of processor time since the start, all threads. */
  readonly cpu: number
  /** Bytes of live objects on the heap and behind it. */
  readonly memory: number
  /** Open ones. */
  readonly connections: number
}

export type Question = 'usage' | 'live memory'

const [name = ''] = process.argv.slice(2)
const subject = subjects[name]
if (subject === undefined) throw new Error(`no subject ${name}`)
const server = await subject()
await settle()
server.listen(0, '127.0.0.1')
await once(server, 'listening')

process.on('message', (question: Question) => {
  if (question === 'live memory') collectAll()
  const { user, system } = process.cpuUsage()
  const { heapUsed, external } = process.memoryUsage()
  server.getConnections((_, connections) => {
    const usage: Usage = { cpu: (user + system) / 1e6, memory: heapUsed + external, connections }
    process.send?.(usage)
  })
})
process.on('disconnect', () => process.exit())
process.send?.((server.address() as AddressInfo).port)

/**
 * A collection while V8 still learns makes it forget the shape of the objects behind
 * `process.nextTick`, which then cost a tenth of a request for as long as the process lives. Every
 * service that loads a few more modules gets there; these would by chance.
 */
async function settle(): Promise<void> {
  for (let i = 0; i < 2000; i++) await new Promise<void>((resolve) => process.nextTick(resolve))
  for (let i = 0; i < 4; i++) {
    await sleep(20)
    collectAll()
  }
}

/** The first collection may leave weak references for the second. */
function collectAll(): void {
  globalThis.gc?.()
  globalThis.gc?.()
}
