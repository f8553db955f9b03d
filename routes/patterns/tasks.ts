/** Tasks: promises that run side by side on one thread, by the thousand, with their results and errors. */
import type { FastifyPluginAsync } from 'fastify'
import { spawn } from './kit/heap.js'
import { integer, list, oneOf } from './kit/input.js'
import { type PatternOptions, pattern } from './kit/pattern.js'
import type { Run } from './kit/run.js'

const tasks: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  pattern(app, options, {
    url: '/patterns/tasks',
    title: 'ten thousand tasks, and the memory of one',
    query: '?n=10000',
    article: { 'thousands of tasks': '', 'tasks on a single thread': '?n=10000' },
    takes: { n: integer(10_000, 1, 100_000) },
    // A hundred thousand take 40 MB.
    concurrency: { limit: 2, queue: { size: 20, timeout: Number.POSITIVE_INFINITY } },
    work: async (run, { n }) => {
      let finished = 0
      const spawned = await spawn(n, () => ++finished, run.signal)
      run.note(`Spawned ${n} tasks, ${finished} finished`)
      await spawned.finish()
      run.note(`${finished} finished`)
      const { bytesPerTask } = spawned
      return { spawned: n, finished, bytesPerTask, megabytes: (n * bytesPerTask) / 1e6 }
    },
  })

  pattern(app, options, {
    url: '/patterns/tasks/hello',
    title: 'five tasks',
    article: { tasks: '' },
    takes: { n: integer(5, 1, 100) },
    work: async (run, { n }) => {
      const spawned = Array.from({ length: n }, async (_, task) => `Hello from task ${task}`)
      run.note(`Spawned ${n} tasks`)
      return Promise.all(spawned)
    },
  })

  pattern(app, options, {
    url: '/patterns/tasks/join',
    title: 'the results of tasks',
    query: '?value=10&value=20&value=30',
    article: {
      'a task on Tokio': '?value=42',
      'tasks joined': '',
      'a task on async-std': '?value=123',
    },
    takes: { value: list(integer(0, -1_000_000, 1_000_000), [10, 20, 30]) },
    work: (run, { value: values }) =>
      Promise.all(
        values.map(async (value, index) => {
          run.note(`Task ${index + 1} is running`)
          await run.sleep(100)
          run.note(`Task ${index + 1} returned ${value}`)
          return value
        }),
      ),
  })

  pattern(app, options, {
    url: '/patterns/tasks/errors',
    title: 'the two layers of what can go wrong in a task',
    query: '?end=error',
    article: { 'errors of spawned tasks': '' },
    takes: { end: oneOf('error', ['value', 'error', 'crash', 'abort']) },
    work: async (run, { end }) => {
      const handle = new AbortController()
      const task = risky(end, run, AbortSignal.any([run.signal, handle.signal]))
      if (end === 'abort') handle.abort()
      run.note('Waiting for the task')
      const [settled] = await Promise.allSettled([task])
      run.signal.throwIfAborted()
      run.note(`The task is ${settled.status}`)
      if (settled.status === 'fulfilled') return `Success: ${settled.value}`
      const { reason } = settled
      // What the task says of its work, and what befell the task itself.
      return reason instanceof TaskError
        ? `Task error: ${reason.message}`
        : `Join error: ${reason.message}`
    },
  })
}
export default tasks

class TaskError extends Error {}

async function risky(end: string, run: Run, signal: AbortSignal): Promise<number> {
  await run.sleep(100, signal)
  if (end === 'error') throw new TaskError('Something went wrong')
  if (end === 'crash') throw new TypeError('A mistake in the task')
  return 42
}
