/**
 * One process of many that share a limit: callers that ask without end, and a log of when each was let
 * in and out, by the machine's monotonic clock. What is logged is written: it survives a kill.
 */
import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'

const { url, mode, lease, limit, log, callers, most } = JSON.parse(process.argv[2] ?? '')
const shared = new URL('../../../../src/sluice/dist/shared/', import.meta.url)
const { RedisStore } = await import(new URL('redis/redis-store.js', shared).href)
const { SharedLimiter } = await import(new URL('shared-limiter.js', shared).href)

const file = openSync(log, 'a')
const store = RedisStore.connect(Redis, url, { onWarning: () => {} })
const limiter = new SharedLimiter({
  ...{ name: 'chaos', limit, lease, mode, store, fallback: 'closed' },
  queue: { size: 1000, timeout: 60_000 },
})
let work = 0
let isLeaving = false

/** @param {string} what @param {number} which */
function write(what, which) {
  writeSync(file, `${process.hrtime.bigint()} ${what} ${which}\n`)
}

async function call() {
  while (!isLeaving) {
    try {
      const token = await limiter.acquire()
      const which = ++work
      write('in', which)
      await sleep(Math.random() * most)
      write('out', which)
      token.succeed()
    } catch {
      await sleep(20)
    }
  }
}

const calls = Promise.all(Array.from({ length: callers }, call))

process.once('SIGTERM', async () => {
  isLeaving = true
  await limiter.leave()
  await calls
  store.close()
})

// The connections keep it alive.
