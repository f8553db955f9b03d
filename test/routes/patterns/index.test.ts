/** The index, and what holds for every pattern: it is listed, and refuses what it does not take. */
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildApp } from '../../../src/app.js'
import { definedPatterns } from '../../support/pattern-list.js'

const defined = await definedPatterns()

let app: FastifyInstance
beforeAll(async () => {
  app = await buildApp({ TIME_SCALE: 0 })
})
afterAll(() => app.close())

describe('the index', () => {
  test('lists every route below /patterns as it is defined, and no other', async () => {
    const { body } = await app.inject({ url: '/patterns', headers: { host: '127.0.0.1:3000' } })
    expect(JSON.parse(body)).toEqual(defined.map(({ rows, ...listed }) => listed))
  })

  test('is JSON, with a curl line for the host that was asked', async () => {
    const response = await app.inject({ url: '/patterns', headers: { host: 'example.org:81' } })
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8')
    const listed = response.json()
    expect(listed).toHaveLength(defined.length)
    expect(listed[0]).toEqual({
      method: 'GET',
      path: '/patterns/futures/hello',
      href: '/patterns/futures/hello',
      title: 'an async function',
      curl: 'curl http://example.org:81/patterns/futures/hello',
    })
    expect(response.body).not.toContain('127.0.0.1')
  })

  test('is a page for browsers, without script or style of its own', async () => {
    const headers = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
    const { headers: given, body } = await app.inject({ url: '/patterns', headers })
    expect([given['content-type'], given.vary]).toEqual(['text/html; charset=utf-8', 'accept'])
    for (const { path } of defined) expect(body).toContain(path)
    expect(body).not.toMatch(/<script|<style|style=|javascript:| on\w+=/i)
    const [, stylesheet = ''] = /<link rel="stylesheet" href="([^"]+)"/.exec(body) ?? []
    expect((await app.inject(stylesheet)).headers['content-type']).toMatch('text/css')
  })

  test('nothing that a client sends comes back as markup', async () => {
    const headers = { accept: 'text/html', host: '"><img src=x>' }
    const { body } = await app.inject({ url: '/patterns', headers })
    expect(body).not.toContain('<img')
  })
})

describe('bad input', () => {
  const withQuery = defined.filter(
    ({ path, method }) => method === 'GET' || path !== '/patterns/broadcast',
  )

  test.each(withQuery)('$method $path takes nothing that it does not know', async (listed) => {
    const { method, path: url } = listed
    const response = await app.inject({ method, url, query: { wrong: '1' } })
    expect(response.statusCode).toBe(400)
    expect(response.json().message).toMatch(/^wrong: unknown, takes \w/)
  })

  test.each([
    ['race?slow=soon', 'slow: got "soon", takes an integer from 0 to 60000'],
    ['race?slow=-1', 'slow: got -1, takes an integer from 0 to 60000'],
    ['race?slow=1.5', 'slow: got "1.5", takes an integer from 0 to 60000'],
    ['race?slow=1&slow=2', 'slow: got ["1","2"], takes an integer from 0 to 60000'],
    ['tasks?n=100001', 'n: got 100001, takes an integer from 1 to 100000'],
    ['polling?jitter=2', 'jitter: got 2, takes a number from 0 to 1'],
    ['threads?on=gpu', 'on: got "gpu", takes pool or loop'],
    ['composition/loop?n=1&n=x', 'n: got ["1","x"], takes 1 to 20 times an integer from'],
    [`futures/add?a=1000001`, 'a: got 1000001, takes an integer from -1000000 to 1000000'],
    [`futures/hello?from=${'x'.repeat(201)}`, 'takes text of 0 to 200 characters'],
    ['threads/rule?n=1', 'n: unknown, takes nothing'],
    // Ajv would take these, and no maximum would hold for the first two.
    [`tasks?n=${'9'.repeat(400)}`, `n: got "${'9'.repeat(99)}..., takes an integer from 1 to`],
    ['tasks?n=Infinity', 'n: got "Infinity", takes an integer from 1 to 100000'],
    ['polling?jitter=Infinity', 'jitter: got "Infinity", takes a number from 0 to 1'],
    ['race?slow=0x10', 'slow: got "0x10", takes an integer from 0 to 60000'],
    ['race?slow=1e3', 'slow: got "1e3", takes an integer from 0 to 60000'],
    ['race?slow=%20', 'slow: got " ", takes an integer from 0 to 60000'],
    ['composition/loop?n=1&n=Infinity', 'n: got ["1","Infinity"], takes 1 to 20 times an'],
  ])('%s: %s', async (path, message) => {
    const response = await app.inject(`/patterns/${path}`)
    expect(response.statusCode).toBe(400)
    expect(response.json().message).toContain(message)
  })

  test.each([
    [null, 'body: got null, takes an object of message'],
    ['text', 'body: got "text", takes an object of message'],
    [[1], 'body: got [1], takes an object of message'],
    [{}, 'message: got nothing, takes text of 1 to 10000 characters'],
    [{ message: '' }, 'message: got "", takes text of 1 to 10000 characters'],
    [{ message: 1 }, 'message: got 1, takes text of 1 to 10000 characters'],
    [{ message: null }, 'message: got null, takes text of 1 to 10000 characters'],
    [{ message: {} }, 'message: got {}, takes text of 1 to 10000 characters'],
    [{ message: ['x'] }, 'message: got ["x"], takes text of 1 to 10000 characters'],
    [{ message: 'x', wrong: 1 }, 'wrong: unknown, takes message'],
    [{ message: 'x'.repeat(10_001) }, `message: got "${'x'.repeat(99)}..., takes text of 1`],
  ])('a body of %j: %s', async (body, message) => {
    const response = await app.inject({
      method: 'POST',
      url: '/patterns/broadcast',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify(body),
    })
    expect(response.statusCode).toBe(400)
    expect(response.json().message).toContain(message)
  })
})
