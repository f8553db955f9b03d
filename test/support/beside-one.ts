/**
 * How much more the heap holds after many requests beside one that hangs, in bytes, told by a message.
 * Arguments: what hangs (`nothing` for the control), and how many requests come. Run with --expose-gc.
 */
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fastify } from 'fastify'
import { Pool } from 'undici'
import sluice from '../../src/sluice/index.js'
import { get, send, until } from './wire.js'

const [hanging = 'nothing', count = '20000'] = process.argv.slice(2)
const CONNECTIONS = 20

const app = fastify()
await app.register(sluice, { limit: 100 })
const config = { concurrency: { limit: 50 } }
// Each ends when the next has begun, so that nobody is ever alone.
let end = (): void => {}
app.get('/', { config }, (_request, reply) => {
  end()
  end = () => {
    clearTimeout(timer)
    reply.send('x')
  }
  const timer = setTimeout(end, 20)
})
app.get('/handler', { config }, () => new Promise(() => {}))
app.get('/callback', { config }, () => {})
app.get('/hook', { config, preHandler: () => new Promise(() => {}) as never }, async () => 'x')
app.get('/hijacked', { config }, (_request, reply) => {
  reply.hijack()
})
await app.listen({ host: '127.0.0.1', port: 0 })
const { port } = app.server.address() as AddressInfo
const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS })

async function ask(times: number): Promise<void> {
  const one = async (): Promise<void> => {
    for (let index = 0; index < times / CONNECTIONS; index++) {
      const { body } = await pool.request({ path: '/', method: 'GET' })
      await body.dump()
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, one))
}

async function heap(): Promise<number> {
  for (let times = 0; times < 3; times++) {
    await sleep(20)
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

// The code is compiled, and what grows once has grown.
await ask(4000)
const before = await heap()
const others = ask(Number(count))
if (hanging !== 'nothing') {
  const [path = '', leaves] = hanging.split(':')
  const found = () => [...app.concurrency.inProgress()].some(({ route }) => route === `/${path}`)
  const wire = await send(port, get(`/${path}`))
  await until(found)
  if (leaves !== undefined) {
    // Others come and go meanwhile.
    wire.socket.destroy()
    await until(() => !found())
  }
}
await others
process.send?.((await heap()) - before, () => process.exit())
