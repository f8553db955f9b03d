/** Whom a rejection is held against: those that were let in where it was not. */
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import sluice, { type SluiceOptions } from '../../../src/sluice/index.js'
import { stopPerformanceClock } from '../../support/clock.js'
import { type Deferred, deferred } from '../../support/deferred.js'
import { until } from '../../support/wire.js'

let app: FastifyInstance
let held: Deferred<void>[] = []

beforeEach(() => {
  stopPerformanceClock()
  vi.spyOn(Math, 'random').mockReturnValue(0)
  held = []
})

afterEach(async () => {
  vi.restoreAllMocks()
  for (const gate of held) gate.resolve()
  await app.close()
})

async function build(options: SluiceOptions): Promise<void> {
  app = fastify()
  await app.register(sluice, options)
  app.get('/', async () => '')
  const hold = async (): Promise<string> => {
    const gate = deferred()
    held.push(gate)
    await gate.promise
    return ''
  }
  app.get('/held', hold)
  app.get('/late', { config: { concurrency: { timeout: 5 } } }, hold)
}

/** The last of so many answers: its status, and its `Retry-After`. */
async function ask(times: number, url = '/', by = 'other') {
  let last: unknown[] = []
  for (let n = 0; n < times; n++) {
    const { statusCode, headers } = await app.inject({ url, headers: { by } })
    last = [statusCode, headers['retry-after']]
  }
  return last
}

async function occupy(by?: string): Promise<void> {
  const before = held.length
  void ask(1, '/held', by)
  await until(() => held.length > before)
}

test('by a limiter: those that it let in', async () => {
  await build({ limit: 2, queue: { size: 0 } })
  await ask(98)
  await occupy()
  await occupy()
  expect(await ask(6)).toEqual([503, '1'])
  expect(await ask(294)).toEqual([503, '4'])
})

test("by a key's limiter: those of that key, however many others are let in", async () => {
  await build({ key: { by: ({ headers }) => String(headers.by), limit: 1, queue: { size: 0 } } })
  await ask(50)
  await occupy('hog')
  expect(await ask(1, '/', 'hog')).toEqual([503, '2'])
  expect(await ask(6, '/', 'hog')).toEqual([503, '8'])
})

test('by no limiter, at the deadline: all that nothing refused', async () => {
  await build({})
  await ask(100)
  expect(await ask(10, '/late')).toEqual([504, '1'])
})
