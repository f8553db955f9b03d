/**
 * A server that computes, in a process of its own: whoever loads it from the same event loop is held
 * up with it. Arguments: the plugin's options as JSON, and the milliseconds that one request takes.
 */
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fastify } from 'fastify'
import sluice from '../../src/sluice/index.js'

const [options = '{}', milliseconds = '0'] = process.argv.slice(2)
const started: string[] = []
const app = fastify()
await app.register(sluice, JSON.parse(options))
app.get('/work/:name', async ({ params }) => {
  started.push((params as { name: string }).name)
  const end = performance.now() + Number(milliseconds)
  while (performance.now() < end);
  return 'done'
})
app.get('/health/live', async () => 'live')
app.get('/concurrency', async () => ({ ...app.concurrency.snapshot(), started }))
app.get('/concurrency/drain', async () => {
  app.concurrency.drain({ timeout: 10_000 })
  await sleep(0)
  return 'draining'
})
process.on('disconnect', () => process.exit())
await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.((app.server.address() as AddressInfo).port)
