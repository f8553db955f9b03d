/** What a scrape reads, and what it leaves alone: it blocks the event loop for as long as it takes. */
import { afterEach, expect, test, vi } from 'vitest'
import { Histogram } from '../../../src/sluice/core/histogram.js'
import { KeyedLimiters } from '../../../src/sluice/core/limiter/keyed-limiters.js'
import { Limiter } from '../../../src/sluice/index.js'
import { createFamilies } from '../../../src/sluice/metrics/families.js'
import { Traffic } from '../../../src/sluice/metrics/traffic.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const eventLoop = { utilization: 0, delay: { p50: 0, p99: 0 } }

test('a scrape reads plain numbers: no snapshot, and no quantile that nobody asked for', async () => {
  const limiter = new Limiter({ name: 'one', limit: 1, queue: { size: 1 } })
  const keyed = new KeyedLimiters({ name: 'key', limit: 2, queue: { size: 0 }, maxKeys: 5 })
  const limiters = [limiter, keyed]
  await limiter.acquire()
  limiter.acquire().catch(() => {})
  await limiter.acquire().catch(() => {})
  for (const key of ['a', 'b']) {
    const own = keyed.take(key)
    for (let n = 0; n < 3; n++) await own?.acquire().catch(() => {})
    // What one key let in is not what all did.
    expect(own?.admitted).toBe(2)
  }
  const snapshots = limiters.map((one) => vi.spyOn(one, 'snapshot'))
  const quantile = vi.spyOn(Histogram.prototype, 'quantile')
  const read = Object.fromEntries(
    createFamilies({ traffic: new Traffic(), limiters, eventLoop }).map((family) => [
      family.name,
      family.read().map(({ labels, value }) => [...Object.values(labels), value]),
    ]),
  )
  expect(read).toMatchObject({
    concurrency_limit: [
      ['one', 1],
      ['key', 4],
    ],
    concurrency_in_flight: [
      ['one', 1],
      ['key', 4],
    ],
    concurrency_queued: [
      ['one', 1],
      ['key', 0],
    ],
    concurrency_queue_wait_seconds: [
      ['one', limiter.waits],
      ['key', keyed.waits],
    ],
    concurrency_admitted_total: [
      ['one', 1],
      ['key', 4],
    ],
    concurrency_rejected_total: expect.arrayContaining([
      ['one', 'queue_full', 1],
      ['one', 'aborted', 0],
      ['key', 'queue_timeout', 0],
      ['key', 'queue_full', 2],
    ]),
  })
  expect(read.concurrency_rejected_total).toHaveLength(12)
  for (const snapshot of snapshots) expect(snapshot).not.toHaveBeenCalled()
  expect(quantile).not.toHaveBeenCalled()
  limiter.close()
})
