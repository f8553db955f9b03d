/**
 * A promise is eager: its work starts when it is made. A generator is the platform's lazy future: it
 * starts at its first `next`, which is a poll, and a `yield` in it says that it is not ready.
 */
import type { FastifyPluginAsync } from 'fastify'
import { integer, text } from './kit/input.js'
import { type PatternOptions, pattern } from './kit/pattern.js'

const lazy: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  pattern(app, options, {
    url: '/patterns/lazy',
    title: 'a lazy future beside an eager promise',
    article: { 'a method that returns a future': '' },
    takes: { task: text('Backup') },
    work: async (run, { task }) => {
      const started: string[] = []
      const execute = async (name: string): Promise<string> => {
        started.push(name)
        run.note(`${name}: executing`)
        return `Executing task: ${task}`
      }
      async function* later(name: string): AsyncGenerator<string, void> {
        yield execute(name)
      }

      const eager = execute('eager')
      const scheduled = later('lazy')
      later('dropped')
      await run.sleep(100)
      const startedWhenMade = [...started]
      run.note('Awaiting both')
      const [, { value }] = await Promise.all([eager, scheduled.next()])
      return { message: value, startedWhenMade, startedInAll: started }
    },
  })

  pattern(app, options, {
    url: '/patterns/lazy/poll',
    title: 'a future polled by hand',
    query: '?pending=1',
    article: {
      'future implemented by hand': '?pending=0&value=Hello+from+a+custom+future!',
      'polled by hand': '?pending=0&value=99',
      'a future driven without executor': '?pending=0&value=Done',
      "a combinator of one's own": '',
    },
    takes: { pending: integer(1, 0, 20), value: text('Ready after delay') },
    work: (run, { pending, value }) => {
      function* future(): Generator<undefined, string> {
        for (let poll = 0; poll < pending; poll++) yield
        return value
      }
      const polled = future()
      const polls: string[] = []
      for (let ready = false; !ready; ) {
        const { done, value: result } = polled.next()
        ready = done === true
        polls.push(ready ? `Ready(${result})` : 'Pending')
        run.note(`Poll ${polls.length}: ${polls.at(-1)}`)
      }
      return polls
    },
  })
}
export default lazy
