/** The short way to a request's route, and the public one where it is not to be found. */
import fastify, { type FastifyRequest } from 'fastify'
import { afterEach, expect, test, vi } from 'vitest'

const MODULE = '../../../src/sluice/plugin/routes/route-context.js'

afterEach(() => {
  vi.doUnmock(MODULE)
  vi.resetModules()
})

test('the installed Fastify keeps the context of a route where it is looked for', async () => {
  const { contextKeyOf, contextOf } = await import(MODULE)
  const app = fastify()
  const seen: unknown[] = []
  app.get('/:id', { config: { mine: true } as object }, (request: FastifyRequest) => {
    seen.push(contextOf(request, contextKeyOf(request)).config === request.routeOptions.config)
    return 'ok'
  })
  await app.inject('/1')
  expect(seen).toEqual([true])
  await app.close()
})

test.each(['where it is', 'elsewhere'])(
  'with a context that is kept %s, every request is counted where it belongs',
  async (where) => {
    if (where === 'elsewhere') {
      vi.doMock(MODULE, async (original) => ({
        ...(await original<object>()),
        contextKeyOf: () => Symbol('not there'),
      }))
    }
    const { default: sluice } = await import('../../../src/sluice/index.js')
    const app = fastify()
    app.get('/early', () => 'early')
    await app.register(sluice, { limit: 1, hook: 'preHandler' })
    app.get('/item/:id', { config: { concurrency: 1 } }, () => 'item')
    for (const url of ['/early', '/item/1', '/item/2', '/nowhere']) await app.inject(url)

    const { routes, limiters } = app.concurrency.snapshot()
    expect(routes.map(({ route, total }) => [route, total])).toEqual([
      ['/early', 1],
      ['/item/:id', 2],
      ['(unmatched)', 1],
    ])
    expect(limiters).toMatchObject([
      { name: 'app', admitted: 4, inFlight: 0 },
      { name: 'GET /item/:id', admitted: 2, inFlight: 0 },
    ])
    await app.close()
  },
)
