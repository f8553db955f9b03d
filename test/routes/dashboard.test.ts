/** `/dashboard` and its files, as HTTP: what they allow, how small they are, and that they always come. */
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { buildApp } from '../../src/app.js'
import { get, listen, send, until } from '../support/wire.js'

let app: FastifyInstance

beforeEach(async () => {
  app = await buildApp({ TIME_SCALE: 10, LIMIT: 1, QUEUE_SIZE: 0 })
})
afterEach(async () => {
  await app.concurrency.drain({ timeout: 0 })
  await app.close()
})

const FILES = [
  'main.js',
  'language.js',
  'style.css',
  'icon.svg',
  'uplot/uPlot.iife.min.js',
  'uplot/uPlot.min.css',
]

test.each(['/dashboard', ...FILES.map((file) => `/dashboard/${file}`)])(
  '%s allows no script, style or request but its own',
  async (url) => {
    const { statusCode, headers } = await app.inject(url)
    expect(statusCode).toBe(200)
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:/)
    expect(headers['x-content-type-options']).toBe('nosniff')
  },
)

test('the page names no other host, and has no script or style in it', async () => {
  const { body, headers } = await app.inject('/dashboard')
  expect(headers['content-type']).toBe('text/html; charset=utf-8')
  const links = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link)
  expect(links.length).toBeGreaterThan(4)
  expect(links.filter((link) => /^(?:\w+:|\/)/.test(link as string))).toEqual([])
  expect(body).not.toMatch(/<style|style="| on\w+="|<script(?![^>]*src=)/)
})

test('nothing of its headers is in the answers of other routes', async () => {
  for (const url of ['/fast', '/metrics', '/concurrency', '/public/data.txt', '/nowhere']) {
    const { headers } = await app.inject({ url, headers: { 'accept-encoding': 'br, gzip' } })
    expect(
      Object.keys(headers).filter((name) => /^(x-|content-sec|cross|referrer)/.test(name)),
    ).toEqual([])
    expect(headers['content-encoding']).toBeUndefined()
  }
})

test('travels compressed, and not at all when the browser has it', async () => {
  const url = '/dashboard/uplot/uPlot.iife.min.js'
  const packed = await app.inject({ url, headers: { 'accept-encoding': 'gzip' } })
  expect(packed.headers['content-encoding']).toBe('gzip')
  expect(packed.rawPayload.length).toBeLessThan(25_000)
  const again = await app.inject({
    url,
    headers: { 'if-none-match': packed.headers.etag as string },
  })
  expect([again.statusCode, again.body]).toEqual([304, ''])
})

test.each(['/dashboard/nowhere.js', '/dashboard/uplot/nowhere.js', '/dashboard/.env'])(
  'has no %s',
  async (url) => {
    const response = await app.inject(url)
    expect([response.statusCode, response.body]).toEqual([404, 'Not Found'])
  },
)

test.each(['/dashboard/..%2fdata.txt', '/dashboard/uplot/..%2f..%2fpackage.json'])(
  'nothing outside its folders: %s',
  async (url) => {
    const response = await app.inject(url)
    expect(response.statusCode).toBe(403)
    expect(response.body).not.toMatch(/GET \/file|uplot/)
  },
)

test('with a slash behind it leads to where its links hold, behind any prefix', async () => {
  const { statusCode, headers } = await app.inject('/dashboard/')
  expect([statusCode, headers.location]).toEqual([302, '../dashboard'])
})

test('its buttons fire at what there is', async () => {
  const { body } = await app.inject('/dashboard/endpoints.js')
  const paths = [...body.matchAll(/path: '([^']+)'/g)].map(([, path]) => `/${path}`)
  expect(paths.length).toBeGreaterThan(8)
  expect(paths.filter((url) => !app.hasRoute({ method: 'GET', url }))).toEqual([])
})

test('comes when nothing else does', async () => {
  const port = await listen(app)
  const held = await send(port, get('/slow'))
  await until(() => app.concurrency.snapshot().requests.active === 1)
  expect((await app.inject('/fast')).statusCode).toBe(503)
  for (const url of ['/dashboard', ...FILES.map((file) => `/dashboard/${file}`)]) {
    expect((await app.inject(url)).statusCode).toBe(200)
  }
  held.socket.destroy()
})
