/** `/file` and `/public/*`: what they give, and what they keep. */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import publicFiles from '../../routes/public.js'
import { buildApp, createApp, PUBLIC_FOLDER } from '../../src/app.js'
import sluice from '../../src/index.js'
import { listen, send } from '../support/wire.js'

describe('/file', () => {
  test('is the content of public/data.txt', async () => {
    const app = await buildApp({ TIME_SCALE: 0 })
    const response = await app.inject('/file')
    expect(response.body).toBe(await readFile(join(PUBLIC_FOLDER, 'data.txt'), 'utf8'))
    expect(response.headers['content-type']).toBe('text/plain; charset=utf-8')
    await app.close()
  })
})

describe('/public/*', () => {
  let top: string
  let app: FastifyInstance
  let port: number

  beforeAll(async () => {
    top = await mkdtemp(join(tmpdir(), 'sluice-public-'))
    const folder = join(top, 'public')
    await mkdir(join(folder, '.hidden'), { recursive: true })
    await mkdir(join(top, 'public-secret'))
    await Promise.all([
      writeFile(join(top, 'secret.txt'), 'secret'),
      writeFile(join(top, 'public-secret', 'x.txt'), 'secret'),
      writeFile(join(top, 'secret.gz'), gzipSync('secret')),
      writeFile(join(folder, '.env'), 'secret'),
      writeFile(join(folder, '.hidden', 'x.txt'), 'secret'),
      writeFile(join(folder, 'plain.txt'), '0123456789'),
      writeFile(join(folder, 'packed.txt'), 'unpacked'),
      writeFile(join(folder, 'packed.txt.gz'), gzipSync('unpacked')),
      writeFile(join(folder, 'trap.txt'), 'harmless'),
      symlink(join(top, 'secret.txt'), join(folder, 'leaves.txt')),
      symlink('../public-secret', join(folder, 'leaves')),
      symlink(join(top, 'secret.gz'), join(folder, 'trap.txt.gz')),
      symlink('plain.txt', join(folder, 'stays.txt')),
    ])
    app = createApp()
    await app.register(sluice)
    app.setNotFoundHandler((_request, reply) => reply.code(404).send('Not Found'))
    await app.register(publicFiles, { folder })
    port = await listen(app)
  })

  afterAll(async () => {
    await app.close()
    await rm(top, { recursive: true })
  })

  const fetchFile = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}/public/${path}`, { headers })

  test('answers ranges, etags and HEAD', async () => {
    const whole = await fetchFile('plain.txt')
    expect([whole.status, await whole.text()]).toEqual([200, '0123456789'])
    const etag = whole.headers.get('etag') ?? ''
    const again = await app.inject({ url: '/public/plain.txt', headers: { 'if-none-match': etag } })
    expect([again.statusCode, again.body]).toEqual([304, ''])
    const part = await fetchFile('plain.txt', { range: 'bytes=2-4' })
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
      206,
      'bytes 2-4/10',
      '234',
    ])
    const beyond = await fetchFile('plain.txt', { range: 'bytes=20-' })
    expect(beyond.status).toBe(416)
    await beyond.arrayBuffer()
    const head = await fetch(`http://127.0.0.1:${port}/public/plain.txt`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '10'])
  })

  test('gives the precompressed variant to those who take it', async () => {
    const packed = await fetchFile('packed.txt', { 'accept-encoding': 'gzip' })
    expect([packed.headers.get('content-encoding'), await packed.text()]).toEqual([
      'gzip',
      'unpacked',
    ])
    const plain = await fetchFile('packed.txt', { 'accept-encoding': 'identity' })
    expect([plain.headers.get('content-encoding'), await plain.text()]).toEqual([null, 'unpacked'])
  })

  test.each(['.env', '.hidden/x.txt', 'nowhere.txt', '', 'leaves.txt', 'leaves/x.txt'])(
    'has no %s',
    async (path) => {
      const response = await fetchFile(path)
      expect([response.status, await response.text()]).toEqual([404, 'Not Found'])
    },
  )

  test('a link that stays inside is followed, one that leaves is not, precompressed or plain', async () => {
    expect(await (await fetchFile('stays.txt')).text()).toBe('0123456789')
    const trap = await fetchFile('trap.txt', { 'accept-encoding': 'gzip' })
    expect([trap.status, await trap.text()]).toEqual([404, 'Not Found'])
  })

  test.each(['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/..\\secret.txt'])(
    'nothing outside the root: %s',
    async (path) => {
      const wire = await send(
        port,
        `GET /public${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      )
      await wire.closed
      expect(wire.text()).toMatch(/^HTTP\/1.1 40[034] /)
      expect(wire.text()).not.toContain('\r\n\r\nsecret')
    },
  )

  test('is one route in the metrics, whatever the file', async () => {
    await fetchFile('plain.txt').then((response) => response.text())
    const routes = app.concurrency
      .snapshot()
      .routes.map(({ method, route }) => `${method} ${route}`)
    expect(routes).toContain('GET /public/*')
    expect(routes.join()).not.toContain('.txt')
  })
})
