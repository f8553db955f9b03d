/**
 * Work ends at its next wait once its signal fires. A promise that is merely dropped goes on: in
 * JavaScript nobody can stop it but by a signal that it was given.
 */
import type { FastifyPluginAsync } from 'fastify'
import { integer, milliseconds } from './kit/input.js'
import { type PatternOptions, pattern } from './kit/pattern.js'

const cancellation: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  pattern(app, options, {
    url: '/patterns/cancellation/deadline',
    title: 'steps until a deadline, and which of them ran',
    article: { 'cancelled in the middle': '' },
    takes: { steps: integer(5, 1, 100), step: milliseconds(1000), deadline: milliseconds(3000) },
    work: async (run, input) => {
      using deadline = run.deadline(input.deadline)
      const ran: number[] = []
      try {
        for (let step = 1; step <= input.steps; step++) {
          deadline.signal.throwIfAborted()
          run.note(`Working... step ${step}`)
          ran.push(step)
          await run.sleep(input.step, deadline.signal)
        }
        return { end: 'Finished normally', ran }
      } catch {
        run.signal.throwIfAborted()
        return { end: 'Cancelled by timeout', ran }
      }
    },
  })

  pattern(app, options, {
    url: '/patterns/cancellation/drop',
    title: 'a task that is cancelled after 1 s',
    article: { 'cancelled by dropping': '' },
    takes: { task: milliseconds(5000), drop: milliseconds(1000) },
    work: async (run, { task, drop }) => {
      const dropped = new AbortController()
      const signal = AbortSignal.any([run.signal, dropped.signal])
      run.note('Starting long task...')
      const end = run.sleep(task, signal).then(
        () => 'finished',
        () => 'cancelled',
      )
      await run.sleep(drop)
      run.note('Cancelling the task...')
      dropped.abort()
      const result = await end
      run.note(`The task was ${result}`)
      return result
    },
  })
}
export default cancellation
