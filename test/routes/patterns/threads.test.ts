/** Threads: exact sums, no thread before it is needed, and nobody starves meanwhile. */
import { Writable } from 'node:stream'
import type { Worker } from 'node:worker_threads'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { measure } from '../../../routes/patterns/kit/meanwhile.js'
import { Pool } from '../../../routes/patterns/kit/pool.js'
import { buildApp } from '../../../src/app.js'
import { type Patterns, startPatterns } from '../../support/patterns.js'
import { get, open, send, until } from '../../support/wire.js'

interface Figures {
  workMs: number
  fastMs: number
}

const SUM = '333332833333500000'
const never = new AbortController().signal

describe('the pool', () => {
  test('has no thread before the first work, some then, and none once closed', async () => {
    const pool = new Pool()
    expect(pool.threads).toBe(0)
    expect(await pool.run('sumOfSquares', 4, never)).toBe(14n)
    expect(pool.threads).toBeGreaterThan(0)
    await pool.close()
    expect(pool.threads).toBe(0)
    await new Pool().close()
  })

  test('an abort stops what a thread computes, and the next work finds another thread', async () => {
    const pool = new Pool()
    const controller = new AbortController()
    // Hours of it.
    const endless = pool.run('sumOfSquares', 2 ** 50, controller.signal)
    await pool.run('hello', 1, never)
    controller.abort()
    await expect(endless).rejects.toThrow()
    const all = Array.from({ length: pool.size }, () => pool.run('sumOfSquares', 4, never))
    expect(new Set(await Promise.all(all))).toEqual(new Set([14n]))
    await pool.close()
  })

  test('closing stops what still runs', async () => {
    const pool = new Pool()
    const endless = pool.run('sumOfSquares', 2 ** 50, never)
    const stopped = expect(endless).rejects.toThrow()
    await until(() => pool.threads === 1)
    await pool.close()
    await stopped
  })
})

describe('a thread that cannot start', () => {
  const broken = () => new Error('Worker initialization failure: EMFILE')

  /** The next thread fails as one does without file descriptors: by an event, and nothing else. */
  async function failNext(pool: Pool): Promise<void> {
    const fail = (worker: Worker) => {
      process.nextTick(() => worker.emit('error', broken()))
    }
    process.once('worker', fail)
    const { signal } = new AbortController()
    const work = Array.from({ length: pool.size + 2 }, () => pool.run('hello', 1, signal))
    const ends = await Promise.allSettled(work)
    process.off('worker', fail)
    // All of them, those too that only wait for a thread.
    for (const end of ends) {
      expect(end).toMatchObject({ status: 'rejected', reason: { statusCode: 503 } })
    }
  }

  test('refuses what waits for it, and the next work finds another pool', async () => {
    const pool = new Pool()
    for (let time = 0; time < 3; time++) {
      await failNext(pool)
      expect(await pool.run('sumOfSquares', 4, never)).toBe(14n)
    }
    await pool.close()
    await expect(pool.run('hello', 1, never)).rejects.toMatchObject({ statusCode: 503 })
  })

  test.each(['threads/hello', 'threads', 'threads/tasks?delay=0', 'threads/memory?n=3&tasks=1'])(
    '%s is answered with 503 and when to come back; what failed is in the log alone',
    async (path) => {
      const patterns = await startPatterns(0)
      process.once('worker', (worker: Worker) => {
        process.nextTick(() => worker.emit('error', broken()))
      })
      const { statusCode, headers, body } = await patterns.app.inject(`/patterns/${path}`)
      expect([statusCode, headers['retry-after']]).toEqual([503, '1'])
      expect(body).not.toContain('EMFILE')
      expect(patterns.log.findLast(({ level }) => level === 50)?.err?.message).toContain('EMFILE')
      expect((await patterns.ask(path)).status).toBe(200)
      await patterns.close()
    },
  )

  test('nor is one that fails when it is up, and nobody waits for it, an uncaught error', async () => {
    const patterns = await startPatterns(0)
    const failed = new Promise<void>((resolve) => {
      process.once('worker', (worker: Worker) => {
        worker.once('online', () => {
          process.nextTick(() => {
            worker.emit('error', broken())
            resolve()
          })
        })
      })
    })
    expect((await patterns.ask('threads/memory?n=2&tasks=1')).status).toBe(200)
    await failed
    await patterns.close()
  })
})

test('a look at /fast that fails at once is no unhandled rejection', async () => {
  const failing = {
    inject: () => {
      throw new Error('no file can be opened')
    },
  } as unknown as FastifyInstance
  const unhandled: unknown[] = []
  const count = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', count)
  const { value } = await measure(failing, async () => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    return 'done'
  })
  process.off('unhandledRejection', count)
  expect([value, unhandled]).toEqual(['done', []])
})

test('a look at /fast that is given up is no error in the log', async () => {
  const log: { level: number; msg: string }[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)) as (typeof log)[number])
      done()
    },
  })
  const config = { TIME_SCALE: 0, LIMIT: 1, QUEUE_SIZE: 10 }
  const app = await buildApp(config, pino({ level: 'info' }, stream))
  await app.inject('/patterns/threads?n=1000')
  await app.close()
  expect(log.map(({ msg }) => msg)).toContain('GET /fast aborted')
  expect(log.filter(({ level }) => level > 30)).toEqual([])
})

test('with a limit of one request for the whole app, the look at /fast is given up, not waited for', async () => {
  const app = await buildApp({ TIME_SCALE: 0, LIMIT: 1, QUEUE_SIZE: 10 })
  const { result } = (await app.inject('/patterns/threads?n=1000')).json()
  expect(result.sums).toHaveLength(4)
  expect(result.fastMs).toBeGreaterThan(900)
  await app.close()
})

describe('the routes', () => {
  let patterns: Patterns
  beforeAll(async () => {
    patterns = await startPatterns(0.1)
  })
  afterAll(() => patterns.close())

  const limiter = () => patterns.app.concurrency.limiters.find(({ name }) => name === 'threads')

  test.each(['pool', 'loop'])('four sums of squares on the %s, to the last digit', async (on) => {
    const { result } = await patterns.ask(`threads?on=${on}`)
    expect(result).toMatchObject({ sums: [SUM, SUM, SUM, SUM] })
    const { workMs, fastMs } = result as Figures
    expect(Math.min(workMs, fastMs)).toBeGreaterThan(0)
  })

  test('/fast waits for a sum on the loop, and the figure shows it', async () => {
    const { result, elapsedMs } = await patterns.ask('threads?on=loop&times=1')
    const { workMs, fastMs } = result as Figures
    expect(fastMs).toBeGreaterThan(workMs / 2)
    expect(elapsedMs).toBeGreaterThanOrEqual(fastMs)
  })

  test('a hundred at once are run one by one, and /fast is answered all the while', async () => {
    const port = await patterns.listen()
    let most = 0
    const asked = Array.from({ length: 100 }, async () => {
      const { status } = await patterns.ask('threads?n=20000')
      return status
    })
    await until(() => limiter()?.queued === 99)
    let done = false
    const all = Promise.all(asked).finally(() => {
      done = true
    })
    const latencies: number[] = []
    while (!done) {
      most = Math.max(most, limiter()?.inFlight ?? 0)
      const before = performance.now()
      const response = await fetch(`http://127.0.0.1:${port}/fast`)
      expect(await response.text()).toBe('Fast response')
      latencies.push(performance.now() - before)
    }
    expect(new Set(await all)).toEqual(new Set([200]))
    expect(most).toBe(1)
    latencies.sort((a, b) => a - b)
    expect(latencies.length).toBeGreaterThan(50)
    expect(latencies[latencies.length >> 1]).toBeLessThan(100)
  })

  test('beside sums on the loop a newcomer does not wait for a sum of each that connected before', async () => {
    const port = await patterns.listen()
    const asked = Array.from({ length: 25 }, () => patterns.ask('threads?on=loop&n=200000&times=8'))
    await until(() => limiter()?.queued === 24)
    const wires = Array.from({ length: 100 }, () => open(port))
    const newcomer = await send(port, get('/fast'))
    await newcomer.received('Fast response')
    // Of a hundred sums, twelve requests for eight each would have been served.
    expect(limiter()?.queued).toBeGreaterThan(20)
    for (const { socket } of [newcomer, ...(await Promise.all(wires))]) socket.destroy()
    await Promise.all(asked)
  })

  test('the one too many is refused', async () => {
    const asked = Array.from({ length: 102 }, () => patterns.ask('threads?n=10&times=1'))
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 503)).toHaveLength(1)
  })

  test('tasks that sleep share their threads', async () => {
    const { result, elapsedMs } = await patterns.ask('threads/tasks?n=40&delay=1000')
    expect(result).toEqual(Array.from({ length: 40 }, (_, index) => `Task ${index} done`))
    // One after the other, on as many threads as there are, they would take longer.
    expect(elapsedMs).toBeLessThan((40 * 100) / new Pool().size)
  })

  test('a thread takes far more memory than a task', async () => {
    const { result } = await patterns.ask('threads/memory?n=4')
    expect(result).toMatchObject({ threads: 4, tasks: 10_000 })
    const { bytesPerThread, bytesPerTask } = result as Record<string, number>
    expect(bytesPerThread).toBeGreaterThan(100 * (bytesPerTask as number))
  })

  test('the rule of thumb is measured: three workloads, each on the loop, on threads and on both', async () => {
    const { result } = await patterns.ask('threads/rule')
    const rows = result as { workload: string; [way: string]: unknown }[]
    expect(rows.map(({ workload }) => workload)).toEqual(['I/O-bound', 'CPU-bound', 'mixed'])
    for (const { workload, ...ways } of rows) {
      expect(Object.keys(ways)).toEqual(['loop', 'pool', 'both'])
      for (const { workMs, fastMs } of Object.values(ways) as Figures[]) {
        expect(Math.min(workMs, fastMs)).toBeGreaterThan(0)
      }
    }
  })

  test.runIf(new Pool().size < 10)('waiting is faster on the loop than on threads', async () => {
    const unscaled = await startPatterns(1)
    const { result } = await unscaled.ask('threads/rule')
    const [waiting] = result as { loop: Figures; pool: Figures }[]
    expect(waiting?.loop.workMs).toBeLessThan(waiting?.pool.workMs as number)
    await unscaled.close()
  })

  test.each(['threads?times=8', 'threads?times=8&on=loop', 'threads/rule'])(
    '%s stops when its client leaves, and gives its place back',
    async (path) => {
      await patterns.leave(path)
      expect(limiter()?.inFlight).toBe(0)
      expect((await patterns.ask('threads/hello?n=1')).result).toEqual(['Hello from thread 0'])
    },
  )

  test('threads/hello stops when its client leaves, and the threads work for the next', async () => {
    const { run } = Pool.prototype
    // A hello is over at once; this one takes hours.
    const spy = vi.spyOn(Pool.prototype, 'run').mockImplementation(function (
      this: Pool,
      _name,
      _input,
      signal,
    ) {
      return run.call(this, 'sumOfSquares', 2 ** 50, signal) as Promise<never>
    })
    expect(await patterns.leave('threads/hello?n=20')).toEqual([])
    spy.mockRestore()
    expect(limiter()?.inFlight).toBe(0)
    expect((await patterns.ask('threads/hello?n=20')).events).toHaveLength(20)
  })

  test('threads/memory ends its threads when its client leaves', async () => {
    const workers: Worker[] = []
    const count = (worker: Worker) => workers.push(worker)
    process.on('worker', count)
    const events = await patterns.leave('threads/memory?n=20&tasks=100000', 0)
    process.off('worker', count)
    expect(events).not.toContain('Spawned 100000 tasks')
    expect(workers).toHaveLength(20)
    await until(() => workers.every(({ threadId }) => threadId === -1))
  })

  test('tasks on threads stop when their client leaves', async () => {
    const slow = await startPatterns(10)
    const before = performance.now()
    await slow.leave('threads/tasks?n=1000&delay=1000')
    expect(performance.now() - before).toBeLessThan(9000)
    await slow.close()
  })
})
