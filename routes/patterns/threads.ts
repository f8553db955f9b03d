/**
 * Threads are for what computes: the same work on a pool of threads and on the event loop, with what
 * it means for everybody else. One request at a time, so that `/fast` stays fast.
 */
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { Unavailable } from '../kit/faults.js'
import { sumOfSquares } from './kit/cpu.js'
import { spawn } from './kit/heap.js'
import { integer, oneOf } from './kit/input.js'
import { measure } from './kit/meanwhile.js'
import { type PatternOptions, pattern } from './kit/pattern.js'
import { Pool } from './kit/pool.js'
import { type Run, tenths } from './kit/run.js'

/** Kept by all of them together. */
const group = 'threads'
const MILLION = 1_000_000
/** Between two sums on the event loop, which takes in about one new connection a turn. */
const TURNS = 16

const threads: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  const pool = new Pool()
  app.addHook('onClose', () => pool.close())

  pattern(app, options, {
    url: '/patterns/threads',
    title: 'four sums on the pool of threads, or on the loop',
    query: '?on=pool',
    article: { 'CPU-bound work': '' },
    takes: {
      n: integer(MILLION, 1, MILLION),
      times: integer(4, 1, 8),
      on: oneOf('pool', ['pool', 'loop']),
    },
    concurrency: { group, limit: 1, queue: { size: 100, timeout: Number.POSITIVE_INFINITY } },
    work: async (run, { n, times, on }) => {
      const { value, workMs, fastMs } = await measure(app, () =>
        on === 'pool' ? sumsOnPool(pool, run, n, times) : sumsOnLoop(run, n, times),
      )
      return { sums: value.map(String), workMs, fastMs }
    },
  })

  pattern(app, options, {
    url: '/patterns/threads/hello',
    title: 'five tasks on threads',
    article: { threads: '' },
    takes: { n: integer(5, 1, 100) },
    concurrency: { group },
    work: (run, { n }) =>
      Promise.all(
        Array.from({ length: n }, async (_, index) => {
          const hello = await pool.run('hello', index, run.signal)
          run.note(hello)
          return hello
        }),
      ),
  })

  pattern(app, options, {
    url: '/patterns/threads/tasks',
    title: 'ten tasks that sleep on a few threads',
    article: { 'tasks on several threads': '' },
    // Not for long: they keep the others waiting.
    takes: { n: integer(10, 1, 1000), delay: integer(100, 0, 1000) },
    concurrency: { group },
    work: (run, { n, delay }) => sleepOnPool(pool, run, n, delay, pool.size),
  })

  pattern(app, options, {
    url: '/patterns/threads/memory',
    title: 'the memory of a thread and of a task',
    query: '?n=10',
    article: {
      'many threads': '',
      'thread stacks': '?n=20',
      'the overhead of both, compared': '?n=4&tasks=1000',
    },
    takes: { n: integer(10, 1, 20), tasks: integer(10_000, 1, 100_000) },
    concurrency: { group },
    work: async (run, { n, tasks }) => {
      const threadBytes = await memoryOfThreads(n, run)
      const spawned = await spawn(tasks, () => {}, run.signal)
      run.note(`Spawned ${tasks} tasks`)
      await spawned.finish()
      const { bytesPerTask } = spawned
      return { threads: n, bytesPerThread: Math.round(threadBytes / n), tasks, bytesPerTask }
    },
  })

  pattern(app, options, {
    url: '/patterns/threads/rule',
    title: 'threads or tasks: the rule of thumb, measured',
    concurrency: { group },
    work: async (run) => {
      // Threads and code are warm before anything is measured.
      await sumsOnPool(pool, run, MILLION / 10, 4)
      await sumsOnLoop(run, MILLION / 10, 4)
      const rows = []
      for (const [workload, sums, sleeps] of WORKLOADS) {
        run.note(`Measuring ${workload}`)
        rows.push({ workload, ...(await compare(app, pool, run, sums, sleeps)) })
      }
      return rows
    },
  })
}
export default threads

/** Sums of squares below a million, and sleeps of 50 ms. */
const WORKLOADS: readonly (readonly [name: string, sums: number, sleeps: number])[] = [
  ['I/O-bound', 0, 20],
  ['CPU-bound', 4, 0],
  ['mixed', 4, 20],
]

async function compare(app: FastifyInstance, pool: Pool, run: Run, sums: number, sleeps: number) {
  const onPool = () => sumsOnPool(pool, run, MILLION, sums)
  const onLoop = () => sumsOnLoop(run, MILLION, sums)
  const asleep = () => Promise.all(Array.from({ length: sleeps }, () => run.sleep(50)))
  // A thread that waits does nothing else.
  const asleepOnPool = () => sleepOnPool(pool, run, sleeps, 50, sleeps)
  const ways: Record<string, () => Promise<unknown>> = {
    loop: () => Promise.all([onLoop(), asleep()]),
    pool: () => Promise.all([onPool(), asleepOnPool()]),
    both: () => Promise.all([onPool(), asleep()]),
  }
  const measured: Record<string, { workMs: number; fastMs: number }> = {}
  for (const [way, work] of Object.entries(ways)) {
    const { workMs, fastMs } = await measure(app, work)
    measured[way] = { workMs, fastMs }
  }
  return measured
}

function sumsOnPool(pool: Pool, run: Run, n: number, times: number): Promise<bigint[]> {
  return Promise.all(
    Array.from({ length: times }, async (_, index) => {
      const sum = await pool.run('sumOfSquares', n, run.signal)
      run.note(`Sum ${index + 1} came from a thread`)
      return sum
    }),
  )
}

/** Others get their turns between two sums, not within one. */
async function sumsOnLoop(run: Run, n: number, times: number): Promise<bigint[]> {
  const sums: bigint[] = []
  while (sums.length < times) {
    for (let turn = 0; turn < TURNS; turn++) await nextTurn()
    run.signal.throwIfAborted()
    sums.push(sumOfSquares(n))
    run.note(`Sum ${sums.length} kept the loop`)
  }
  return sums
}

/** Each share of the tasks is on one thread, side by side there. */
async function sleepOnPool(pool: Pool, run: Run, count: number, delay: number, shares: number) {
  const indexes = Array.from({ length: count }, (_, index) => index)
  const ms = delay * run.timeScale
  const done = await Promise.all(
    Array.from({ length: Math.min(shares, count) }, (_, share) =>
      pool.run(
        'sleepers',
        { indexes: indexes.filter((index) => index % shares === share), ms },
        run.signal,
      ),
    ),
  )
  return indexes.map((index) => done[index % shares]?.[Math.floor(index / shares)])
}

/** What the process grows by while so many threads are up, in bytes. */
async function memoryOfThreads(count: number, run: Run): Promise<number> {
  const before = process.memoryUsage.rss()
  const startedAt = performance.now()
  const workers: Worker[] = []
  try {
    while (workers.length < count) workers.push(idleThread())
    await Promise.all(workers.map((worker) => once(worker, 'online', { signal: run.signal })))
    run.note(`Spawned ${count} threads in ${tenths(performance.now() - startedAt)} ms`)
    return process.memoryUsage.rss() - before
  } catch (cause) {
    run.signal.throwIfAborted()
    throw new Unavailable('No thread', { cause })
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function idleThread(): Worker {
  const worker = new Worker('setInterval(() => {}, 2 ** 30)', { eval: true })
  // It may fail behind another's failure, when nobody waits for it any more.
  return worker.on('error', () => {})
}
