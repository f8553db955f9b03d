/** A scraper refuses all series where two have one name: limiters have names of their own. */
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import sluice from '../../../src/sluice/index.js'

let app: FastifyInstance

beforeEach(async () => {
  app = fastify()
  await app.register(sluice)
})

afterEach(() => app.close())

const answer = async (): Promise<string> => ''
const names = (): string[] => app.concurrency.limiters.map(({ name }) => name)

async function expectUniqueSeries(): Promise<void> {
  await app.ready()
  const series = (await app.concurrency.registry.metrics())
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/ \S+$/, ''))
  expect(series.filter((one, index) => series.indexOf(one) !== index)).toEqual([])
  expect(new Set(names()).size).toBe(names().length)
}

describe('a group', () => {
  const group = (name: string) => ({ config: { concurrency: { limit: 1, group: name } } })

  test.each(['app', 'key', 'event-loop'])(
    'is not named %s, as a limiter of the plugin is, though there may be none',
    (name) => {
      expect(() => app.get('/', group(name), answer)).toThrow(
        `Option GET /: config.concurrency.group: got "${name}", takes a name that no limiter has`,
      )
    },
  )

  test('is not named as a route before it with a limit of its own, nor as one behind it', () => {
    app.get('/a', { config: { concurrency: 1 } }, answer)
    expect(() => app.get('/x', group('GET /a'), answer)).toThrow('takes a name that no limiter has')
    app.get('/y', group('GET /b'), answer)
    expect(() => app.get('/b', { config: { concurrency: 1 } }, answer)).toThrow(
      "Option GET /b: config.concurrency.limit: got 1, takes a limiter of that name, which no group may have: 'GET /b'",
    )
    expect(names()).toEqual(['GET /a', 'GET /b'])
  })

  test('may be named as a route of its own', async () => {
    app.get('/a', group('GET /a'), answer)
    app.get('/b', { config: { concurrency: { group: 'GET /a' } } }, answer)
    app.get('/c', { config: { concurrency: { timeout: 500 } } }, answer)
    await expectUniqueSeries()
  })
})

describe('routes of one URL that differ by constraints', () => {
  class Tenant {
    readonly id: number
    constructor(id: number) {
      this.id = id
    }
  }

  beforeEach(() => {
    app.addConstraintStrategy({
      name: 'tenant',
      storage: () => {
        const stores = new Map<unknown, never>()
        return {
          get: (key: unknown) => stores.get(key) ?? null,
          set: (key: unknown, store: never) => void stores.set(key, store),
          del: (key: unknown) => void stores.delete(key),
          empty: () => stores.clear(),
        }
      },
      validate: () => true,
      deriveConstraint: () => undefined,
    } as never)
  })

  const declare = (url: string, constraints: Record<string, unknown>): void => {
    app.get(url, { constraints, config: { concurrency: 1 } }, answer)
  }

  test.each<[string, Record<string, unknown>[], string[]]>([
    ['by hosts', [{ host: 'a.io' }, { host: 'b.io' }], ['GET /p host=a.io', 'GET /p host=b.io']],
    [
      'by patterns of hosts',
      [{ host: /a/ }, { host: /b/ }, { host: '/b/' }],
      ['GET /p host=/a/', 'GET /p host=/b/', 'GET /p host=/b/ #2'],
    ],
    [
      'by objects',
      [{ tenant: { id: 1, of: [/x/] } }, { tenant: { id: 2, of: ['x', 'y'] } }],
      ['GET /p tenant={id:1,of:[/x/]}', 'GET /p tenant={id:2,of:[x,y]}'],
    ],
    [
      'by what shows no difference',
      [{ tenant: new Tenant(1) }, { tenant: new Tenant(2) }, { tenant: new Tenant(3) }],
      ['GET /p tenant=Tenant', 'GET /p tenant=Tenant #2', 'GET /p tenant=Tenant #3'],
    ],
    [
      'by functions',
      [{ tenant: answer }, { tenant: () => '' }],
      ['GET /p tenant=function answer', 'GET /p tenant=function tenant'],
    ],
  ])('%s have names of their own', async (_how, constraints, expected) => {
    for (const one of constraints) declare('/p', one)
    expect(names()).toEqual(expected)
    await expectUniqueSeries()
  })

  test('a HEAD shares the limiter of the GET with its own pattern of hosts', async () => {
    const config = { concurrency: 1 }
    app.get('/p', { exposeHeadRoute: false, constraints: { host: /a/ }, config }, answer)
    app.get('/p', { exposeHeadRoute: false, constraints: { host: /b/ }, config }, answer)
    app.head('/p', { constraints: { host: /a/ }, config }, answer)
    expect(names()).toEqual(['GET /p host=/a/', 'GET /p host=/b/'])
    await app.ready()
    await app.inject({ method: 'HEAD', url: '/p', headers: { host: 'a' } })
    const admitted = app.concurrency.limiters.map((limiter) => limiter.snapshot().admitted)
    expect(admitted).toEqual([1, 0])
  })
})
