/** `/dashboard` and its files, as HTTP: what they allow, how small they are, and that they always come. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import zlib from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { KeptFiles } from '../../../routes/kit/kept-files.js'
import { buildApp, createApp, PUBLIC_FOLDER } from '../../../src/app.js'
import sluice from '../../../src/sluice/index.js'
import { get, listen, send, until } from '../../support/wire.js'

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

test.each(['/patterns', '/public/dashboard/index.html', '/public/dashboard.png'])(
  '%s has the same headers',
  async (url) => {
    const own = (await app.inject('/dashboard')).headers
    for (const method of ['GET', 'HEAD'] as const) {
      const { statusCode, headers } = await app.inject({
        method,
        url,
        headers: { accept: 'text/html' },
      })
      expect(statusCode).toBe(200)
      const names = Object.keys(own).filter((name) => /^(x-|content-sec|cross|referrer)/.test(name))
      expect(names.length).toBeGreaterThan(5)
      for (const name of names) expect([name, headers[name]]).toEqual([name, own[name]])
    }
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

test('is compressed once, however often and at once it is asked for, and by what is liked best', async () => {
  const asked: string[] = []
  const { brotliCompress, gzip } = zlib
  vi.spyOn(zlib, 'brotliCompress').mockImplementation(((...args: Parameters<typeof gzip>) => {
    asked.push('br')
    return brotliCompress(...(args as unknown as Parameters<typeof brotliCompress>))
  }) as typeof brotliCompress)
  vi.spyOn(zlib, 'gzip').mockImplementation(((...args: Parameters<typeof gzip>) => {
    asked.push('gzip')
    return gzip(...args)
  }) as typeof gzip)
  syncBuiltinESMExports()
  vi.resetModules()
  const { KeptFiles } = await import('../../../routes/kit/kept-files.js')
  vi.restoreAllMocks()
  syncBuiltinESMExports()
  const files = new KeptFiles(join(PUBLIC_FOLDER, 'dashboard'))
  const own = createApp()
  await own.register(sluice)
  own.get('/', (request, reply) => files.send('main.js', request, reply))
  const get = async (accept: string | undefined) => {
    const headers = accept === undefined ? {} : { 'accept-encoding': accept }
    const { headers: got, rawPayload } = await own.inject({ url: '/', headers })
    return [got['content-encoding'], got['content-length'], rawPayload.length, got.vary]
  }
  const source = await readFile(join(PUBLIC_FOLDER, 'dashboard', 'main.js'))
  for (const [accept, encoding] of [
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip', 'gzip'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['br;q=0, *', 'gzip'],
    ['BR', 'br'],
    ['*;q=0', undefined],
    ['identity', undefined],
    [undefined, undefined],
  ]) {
    const answers = await Promise.all([get(accept), get(accept), get(accept)])
    for (const [got, length, bytes, vary] of answers) {
      expect([accept, got, vary]).toEqual([accept, encoding, 'accept-encoding'])
      expect(length).toBe(String(bytes))
      if (encoding === undefined) expect(bytes).toBe(source.length)
      else expect(bytes).toBeLessThan(source.length / 2)
    }
  }
  expect(asked).toEqual(['br', 'gzip'])
  await own.close()
})

test('a file that changes is read anew, one that goes is gone, and links lead nowhere else', async () => {
  const top = await mkdtemp(join(tmpdir(), 'sluice-kept-'))
  const folder = join(top, 'pages')
  await mkdir(folder)
  await writeFile(join(top, 'secret.txt'), 'secret')
  await writeFile(join(folder, 'page.js'), 'one')
  await symlink(join(top, 'secret.txt'), join(folder, 'leaves.js'))
  await symlink('loop.js', join(folder, 'loop.js'))
  execFileSync('mkfifo', [join(folder, 'pipe.js')])
  const files = new KeptFiles(folder)
  await files.load()
  const own = createApp()
  await own.register(sluice)
  own.setNotFoundHandler((_request, reply) => reply.code(404).send('Not Found'))
  own.get<{ Params: { file: string } }>('/:file', (request, reply) =>
    files.send(request.params.file, request, reply),
  )
  const first = await own.inject('/page.js')
  const etag = String(first.headers.etag)
  expect([first.body, etag]).toEqual(['one', expect.stringMatching(/^W\/"[\w-]{27}"$/)])
  for (const given of [etag, etag.replace('W/', ''), `"x", ${etag}`, '*']) {
    const again = await own.inject({ url: '/page.js', headers: { 'if-none-match': given } })
    expect([again.statusCode, again.body]).toEqual([304, ''])
  }
  // Without descriptors it still comes: it is not opened.
  const opens = vi.spyOn(await handlePrototype(), 'read')
  expect((await own.inject('/page.js')).body).toBe('one')
  expect(opens).not.toHaveBeenCalled()
  opens.mockRestore()

  await writeFile(join(folder, 'page.js'), 'other')
  const headers = { 'if-none-match': etag }
  expect((await own.inject({ url: '/page.js', headers })).body).toBe('other')
  await rm(join(folder, 'page.js'))
  for (const name of ['page.js', 'leaves.js', 'loop.js', 'pipe.js', '..', '.env', 'a%00b', '%2e']) {
    const { statusCode, body } = await own.inject(`/${name}`)
    expect([name, statusCode, body]).toEqual([name, 404, 'Not Found'])
  }
  await own.close()
  await rm(top, { recursive: true })
})

test('all of it is in memory before anybody asks: it comes when no file can be opened any more', async () => {
  await app.ready()
  const { open } = fs.promises
  fs.promises.open = () => Promise.reject(Object.assign(new Error('no'), { code: 'EMFILE' }))
  syncBuiltinESMExports()
  const statuses: [string, number][] = []
  for (const url of ['/dashboard', ...FILES.map((file) => `/dashboard/${file}`)]) {
    statuses.push([url, (await app.inject(url)).statusCode])
  }
  fs.promises.open = open
  syncBuiltinESMExports()
  expect(statuses.filter(([, status]) => status !== 200)).toEqual([])
})

test('without what it takes to look, a file that is kept comes as it was, any other is 503', async () => {
  const files = new KeptFiles(join(PUBLIC_FOLDER, 'dashboard'))
  const own = createApp()
  await own.register(sluice)
  own.get<{ Params: { file: string } }>('/:file', (request, reply) =>
    files.send(request.params.file, request, reply),
  )
  const { body } = await own.inject('/main.js')
  const { stat } = fs.promises
  const lacking = Object.assign(new Error('no'), { code: 'ENOMEM' })
  fs.promises.stat = (() => Promise.reject(lacking)) as typeof stat
  syncBuiltinESMExports()
  const kept = await own.inject('/main.js')
  const other = await own.inject('/style.css')
  fs.promises.stat = stat
  syncBuiltinESMExports()
  expect([kept.statusCode, kept.body]).toEqual([200, body])
  expect([other.statusCode, other.headers['retry-after']]).toEqual([503, '1'])
  await own.close()
})

async function handlePrototype() {
  const handle = await open(join(PUBLIC_FOLDER, 'data.txt'))
  await handle.close()
  return Object.getPrototypeOf(handle)
}

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
