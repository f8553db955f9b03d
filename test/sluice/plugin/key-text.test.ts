/** What is kept of a key: little of a long one, and never the same of two. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type FastifyRequest, fastify } from 'fastify'
import { expect, test } from 'vitest'
import sluice from '../../../src/sluice/index.js'
import { keptKey } from '../../../src/sluice/plugin/routes/key-text.js'
import { deferred } from '../../support/deferred.js'
import { until } from '../../support/wire.js'

test('a short key is kept as it is, a long one as 65 characters', () => {
  expect(keptKey('')).toBe('')
  expect(keptKey('x'.repeat(64))).toBe('x'.repeat(64))
  for (const length of [65, 66, 15_000, 1_000_000]) {
    expect(keptKey('x'.repeat(length))).toHaveLength(65)
  }
})

test('equal keys are kept equal, and different ones different, however alike', () => {
  const long = 'x'.repeat(15_000)
  const high = String.fromCharCode(0xd800)
  const other = String.fromCharCode(0xd801)
  const keys = ['a', 'A', high, other, long, `${long}x`, `y${long}`, long + high, long + other]
  // A hash sent as a key is not the key that it is of.
  const all = [...keys, ...keys.map(keptKey).filter((kept) => !keys.includes(kept))]
  expect(new Set(all.map(keptKey)).size).toBe(all.length)
  for (const key of keys) expect(keptKey(`${key}`)).toBe(keptKey(key))
})

/** Bytes of what is alive. */
function used(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

test('callers with long keys are told apart, and their texts are not kept', async () => {
  const app = fastify()
  const keyOf = ({ headers }: FastifyRequest) => String(headers['x-key'])
  await app.register(sluice, { key: { by: keyOf, limit: 1, queue: { size: 0 } } })
  const gate = deferred()
  app.get('/held', () => gate.promise)
  app.get('/', async () => 'ok')
  const ask = (url: string, key: string) => app.inject({ url, headers: { 'x-key': key } })
  const long = 'x'.repeat(15_000)
  const held = ask('/held', `${long}1`)
  await until(() => app.concurrency.snapshot().requests.active === 1)
  expect((await ask('/', `${long}1`)).statusCode).toBe(503)
  expect((await ask('/', `${long}2`)).statusCode).toBe(200)
  gate.resolve()
  await held
  expect((await ask('/', `${long}1`)).statusCode).toBe(200)

  const before = used()
  for (let n = 0; n < 2000; n++) await ask('/', Buffer.alloc(15_000, `${n} `).toString('latin1'))
  // The texts are 30 MB; those of injected requests go with the next turns.
  await until(
    () => used() - before < 10e6,
    () => `${used() - before} bytes`,
    3000,
  )
  await app.close()
})

test('a short key that was cut out of a long text keeps none of it', () => {
  const before = used()
  const kept: string[] = []
  for (let n = 0; n < 2000; n++) {
    kept.push(keptKey(Buffer.alloc(20_000, `${n} `).toString('latin1').slice(0, 20)))
  }
  // The texts are 40 MB.
  expect(used() - before).toBeLessThan(10e6)
  expect(kept).toHaveLength(2000)
})
