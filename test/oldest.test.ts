/** The oldest Fastify that the package's peer range admits keeps the heart of the guarantees. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { fastify as Fastify, FastifyInstance } from 'fastify'
import { fastify as oldest } from 'fastify-oldest'
import { afterEach, expect, test } from 'vitest'
import sluice from '../src/sluice/index.js'
import { deferred } from './support/deferred.js'
import { get, listen, send, until } from './support/wire.js'

const root = resolve(import.meta.dirname, '..')
// The types of the newest, in which the plugin has declared its own.
const fastify = oldest as unknown as typeof Fastify
let app: FastifyInstance

afterEach(async () => {
  await app?.concurrency?.drain({ timeout: 0 })
  await app?.close()
})

/** One request of `/held` at a time, and one that waits. */
async function serve() {
  app = fastify()
  await app.register(sluice)
  const held = deferred()
  let begun = 0
  const config = { concurrency: { limit: 1, queue: { size: 1 } } }
  app.get('/held', { config }, async () => {
    begun++
    await held.promise
    return 'held'
  })
  const port = await listen(app)
  const limiter = () => app.concurrency.limiters.find(({ name }) => name === 'GET /held')
  return { port, held, begun: () => begun, limiter }
}

test('it is the one from which the peer range goes', () => {
  const manifest = readFileSync(join(root, 'src/sluice/package.json'), 'utf8')
  app = fastify()
  expect(JSON.parse(manifest).peerDependencies.fastify).toBe(`^${app.version}`)
})

test('a limit holds, its queue is bounded, and who leaves it reaches no handler', async () => {
  const { port, held, begun, limiter } = await serve()
  const first = await send(port, get('/held'))
  await until(() => begun() === 1)
  const second = await send(port, get('/held'))
  await until(() => limiter()?.queued === 1)
  const third = await send(port, get('/held'))
  expect(await third.received('SLUICE_QUEUE_FULL')).toContain('HTTP/1.1 503')
  second.socket.destroy()
  await until(() => limiter()?.queued === 0)
  held.resolve()
  await first.received('held')
  await until(() => limiter()?.inFlight === 0)
  expect(begun()).toBe(1)
})

test('what was seen is answered, aborted or active, in the snapshot and the metrics', async () => {
  const { port, held, begun } = await serve()
  const leaver = await send(port, get('/held'))
  await until(() => begun() === 1)
  leaver.socket.destroy()
  await until(() => app.concurrency.snapshot().requests.aborted === 1)
  held.resolve()
  await app.inject('/nowhere')
  await app.inject('/held')
  const { active, aborted, answered, total } = app.concurrency.snapshot().requests
  expect({ active, aborted, answered, total }).toEqual({
    ...{ active: 0, aborted: 1, answered: 2, total: 3 },
  })
  const metrics = await app.concurrency.registry.metrics()
  expect(metrics).toContain('concurrency_admitted_total{limiter="GET /held"} 2')
  expect(metrics).toContain('http_server_requests_aborted_total{method="GET",route="/held"} 1')
})

test('a drain refuses who waits, and answers who was admitted', async () => {
  const { port, held, begun, limiter } = await serve()
  const first = await send(port, get('/held'))
  await until(() => begun() === 1)
  const second = await send(port, get('/held'))
  await until(() => limiter()?.queued === 1)
  const drained = app.concurrency.drain()
  await second.received('SLUICE_CLOSED')
  held.resolve()
  expect(await first.received('held')).toContain('HTTP/1.1 200')
  expect(await drained).toBe(true)
})

test('the types of the package are those of this Fastify, too', async () => {
  const folder = await mkdtemp(join(root, 'test', '.oldest-'))
  const use = `import { fastify } from 'fastify'
import sluice, { type SluiceOptions } from 'fastify-sluice'
const options: SluiceOptions = { limit: 'auto', key: { by: ({ ip }) => ip, limit: 5 } }
const app = fastify()
await app.register(sluice, options)
app.get('/', { config: { concurrency: 2 } }, async ({ concurrency }) => concurrency.signal.aborted)
export const active: number = app.concurrency.snapshot().requests.active
`
  const paths = {
    fastify: [join(root, 'node_modules/fastify-oldest')],
    'fastify-sluice': [join(root, 'src/sluice/dist/index.d.ts')],
  }
  const settings = {
    extends: '../../tsconfig.json',
    compilerOptions: { paths },
    include: [],
    files: ['use.ts'],
  }
  try {
    await writeFile(join(folder, 'use.ts'), use)
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    execFileSync(process.execPath, [tsc, '-p', folder], { stdio: 'pipe', encoding: 'utf8' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
