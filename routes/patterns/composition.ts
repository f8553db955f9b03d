/** Steps one after the other take the sum of their times, steps side by side that of the slowest. */
import type { FastifyPluginAsync } from 'fastify'
import { integer, list, oneOf, text } from './kit/input.js'
import { type PatternOptions, pattern } from './kit/pattern.js'

/** What is fetched side by side: each value, and the milliseconds it takes. */
const JOBS = {
  weather: { temperature: [72, 2000], humidity: [55, 1000] },
  account: { user: ['user123', 1000], settings: ['dark_mode=true', 2000] },
  steps: { one: ['step one', 0], two: ['step two', 0] },
} as const satisfies Record<string, Record<string, readonly [value: string | number, ms: number]>>

const composition: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  pattern(app, options, {
    url: '/patterns/composition/sequential',
    title: 'one after the other: the sum of their times',
    article: { 'async functions composed': '?userId=42&name=user', 'sequential composition': '' },
    takes: { userId: integer(101, 1, 1_000_000), name: text('UserProfile') },
    work: async (run, { userId, name }) => {
      async function loadUserId(): Promise<number> {
        run.note('Fetching user ID...')
        await run.sleep(500)
        return userId
      }
      async function loadUserProfile(id: number): Promise<string> {
        run.note(`Fetching profile for user ${id}...`)
        await run.sleep(500)
        return `${name}_${id}`
      }
      return loadUserProfile(await loadUserId())
    },
  })

  pattern(app, options, {
    url: '/patterns/composition/concurrent',
    title: 'side by side: the time of the slower',
    query: '?of=weather',
    article: {
      'concurrent composition': '',
      join: '?of=account',
      'join of another crate': '?of=steps',
    },
    takes: { of: oneOf('weather', ['weather', 'account', 'steps']) },
    work: async (run, { of }) => {
      const fetched = Object.entries(JOBS[of]).map(async ([name, [value, ms]]) => {
        run.note(`Fetching ${name}...`)
        await run.sleep(ms)
        run.note(`${name} fetched`)
        return [name, value]
      })
      return Object.fromEntries(await Promise.all(fetched))
    },
  })

  pattern(app, options, {
    url: '/patterns/composition/loop',
    title: 'a loop of awaits',
    query: '?n=1&n=2&n=3&n=4',
    article: { 'a loop of awaits': '' },
    takes: { n: list(integer(0, -1_000_000, 1_000_000), [1, 2, 3, 4]) },
    work: async (run, { n }) => {
      const doubled: number[] = []
      for (const number of n) {
        await run.sleep(100)
        run.note(`Doubled ${number}`)
        doubled.push(number * 2)
      }
      return doubled
    },
  })

  pattern(app, options, {
    url: '/patterns/composition/mixed',
    title: 'waits between synchronous steps',
    article: { 'waits between synchronous steps': '' },
    takes: { steps: integer(2, 1, 20) },
    work: async (run, { steps }) => {
      for (let step = 1; step <= steps; step++) {
        run.note(`Step ${step}: sleeping...`)
        await run.sleep(100 * step)
        run.note(`Step ${step}: done`)
        if (step < steps) run.note('Back to sync code...')
      }
      return `${steps} steps`
    },
  })
}
export default composition
