/** The smallest ones: an async function, its value, and the states it goes through. */
import type { FastifyPluginAsync } from 'fastify'
import { integer, milliseconds, text } from './kit/input.js'
import { type PatternOptions, pattern } from './kit/pattern.js'

const number = (initial: number) => integer(initial, -1_000_000, 1_000_000)

const futures: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  pattern(app, options, {
    url: '/patterns/futures/hello',
    title: 'an async function',
    article: {
      'simple future': '',
      'async function that prints': '?from=an+async+function',
      'an executor': '?from=the+executor',
      'a function on Tokio': '?from=Tokio',
    },
    takes: { from: text('the future') },
    work: async (_run, { from }) => `Hello from ${from}!`,
  })

  pattern(app, options, {
    url: '/patterns/futures/value',
    title: 'a value returned',
    article: {
      'what an async function compiles to': '',
      'awaiting a value': '?value=100',
      'a runtime made by hand': '?value=99',
    },
    takes: { value: number(42) },
    work: async (_run, { value }) => value,
  })

  pattern(app, options, {
    url: '/patterns/futures/add',
    title: 'a value computed, 5 + 7',
    query: '?a=5&b=7',
    article: { 'future with a value': '' },
    takes: { a: number(5), b: number(7) },
    work: async (_run, { a, b }) => a + b,
  })

  pattern(app, options, {
    url: '/patterns/futures/multiply',
    title: 'another, 4 × 6',
    query: '?a=4&b=6',
    article: { 'async function that returns': '' },
    takes: { a: number(4), b: number(6) },
    work: async (_run, { a, b }) => a * b,
  })

  pattern(app, options, {
    url: '/patterns/futures/states',
    title: 'one state after the other',
    article: { 'its states': '' },
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
    title: 'a wait of 2 s that blocks nobody',
    article: { 'awaiting a delay': '' },
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
    title: 'an async method',
    query: '?name=Alice',
    article: { 'async method': '' },
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
