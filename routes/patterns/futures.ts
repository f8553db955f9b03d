/** The smallest ones: an async function, its value, and the states it goes through. */
import type { FastifyPluginAsync } from 'fastify'
import { integer, milliseconds, text } from './kit/input.js'
import { type PatternOptions, pattern } from './kit/pattern.js'

const number = (initial: number) => integer(initial, -1_000_000, 1_000_000)

const futures: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  pattern(app, options, {
    url: '/patterns/futures/hello',
    takes: { from: text('the future') },
    work: async (_run, { from }) => `Hello from ${from}!`,
  })

  pattern(app, options, {
    url: '/patterns/futures/value',
    takes: { value: number(42) },
    work: async (_run, { value }) => value,
  })

  pattern(app, options, {
    url: '/patterns/futures/add',
    takes: { a: number(5), b: number(7) },
    work: async (_run, { a, b }) => a + b,
  })

  pattern(app, options, {
    url: '/patterns/futures/multiply',
    takes: { a: number(4), b: number(6) },
    work: async (_run, { a, b }) => a * b,
  })

  pattern(app, options, {
    url: '/patterns/futures/states',
    takes: { first: number(10), more: number(20) },
    work: async (run, { first, more }) => {
      const step = async (value: number): Promise<number> => {
        run.note(`A step returned ${value}`)
        return value
      }
      const before = await step(first)
      return step(before + more)
    },
  })

  pattern(app, options, {
    url: '/patterns/futures/delayed',
    takes: { delay: milliseconds(2000) },
    work: async (run, { delay }) => {
      run.note('Start...')
      await run.sleep(delay)
      run.note('Done.')
      return 'Finished waiting!'
    },
  })

  pattern(app, options, {
    url: '/patterns/futures/method',
    takes: { name: text('Alice') },
    work: async (_run, { name }) => new User(name).greet(),
  })
}
export default futures

class User {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  async greet(): Promise<string> {
    return `Hello, ${this.#name}!`
  }
}
