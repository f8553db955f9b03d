/** `/file` and `/public/*`: what they give, what they keep, and what keeps nobody waiting. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs, { readdirSync } from 'node:fs'
import {
  appendFile,
  mkdir,
  mkdtemp,
  open as openFile,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import file from '../../routes/file.js'
import { MOST_BYTES, readRegular } from '../../routes/kit/regular-file.js'
import publicFiles from '../../routes/public.js'
import { buildApp, createApp, PUBLIC_FOLDER } from '../../src/app.js'
import sluice from '../../src/sluice/index.js'
import { deferred, turns } from '../support/deferred.js'
import { untilIdle } from '../support/probe-app.js'
import { get, listen, open, send, until } from '../support/wire.js'

/** What is no regular file inside its folder, and what root cannot read either. */
const NO_FILES: Record<string, (path: string, top: string) => Promise<unknown>> = {
  'a pipe': async (path) => execFileSync('mkfifo', [path]),
  'a loop of links': (path) => symlink(path, path),
  'a link to a pipe': async (path) => {
    execFileSync('mkfifo', [`${path}.pipe`])
    await symlink(`${path}.pipe`, path)
  },
  'a link to a device': (path) => symlink('/dev/zero', path),
  'a link that leaves': (path, top) => symlink(join(top, 'secret.txt'), path),
  'a link to nowhere': (path) => symlink('nowhere', path),
  'a folder': (path) => mkdir(path),
  'a socket': async (path) => {
    const server = createServer().listen(path)
    await once(server, 'listening')
    sockets.push(server)
  },
}
const sockets: Server[] = []
afterEach(() => {
  for (const server of sockets.splice(0)) server.close()
})

describe('/file', () => {
  test('is the content of public/data.txt', async () => {
    const app = await buildApp({ TIME_SCALE: 0 })
    const response = await app.inject('/file')
    expect(response.body).toBe(await readFile(join(PUBLIC_FOLDER, 'data.txt'), 'utf8'))
    expect(response.headers['content-type']).toBe('text/plain; charset=utf-8')
    await app.close()
  })

  describe('where data.txt is', () => {
    let top: string
    let folder: string
    beforeEach(async () => {
      top = await mkdtemp(join(tmpdir(), 'sluice-file-'))
      folder = join(top, 'public')
      await mkdir(folder)
      await writeFile(join(top, 'secret.txt'), 'secret')
    })
    afterEach(() => rm(top, { recursive: true }))

    async function ask(method: 'GET' | 'HEAD' = 'GET'): Promise<[number, string]> {
      const app = createApp()
      await app.register(sluice)
      await app.register(file, { method: ['GET', 'HEAD'], timeScale: 0, folder })
      const answers = await Promise.all(
        // More than there are threads for files.
        Array.from({ length: 6 }, () => app.inject({ method, url: '/file' })),
      )
      await app.close()
      const [{ statusCode, body } = { statusCode: 0, body: '' }] = answers
      expect(answers.every((answer) => answer.statusCode === statusCode)).toBe(true)
      return [statusCode, body]
    }

    test.each(Object.entries(NO_FILES))('%s, it is 404 at once', async (_name, make) => {
      await make(join(folder, 'data.txt'), top)
      expect(await ask()).toEqual([404, 'File not found'])
      expect((await ask('HEAD'))[0]).toBe(404)
    })

    test('larger than a megabyte, it is 404', async () => {
      const path = join(folder, 'data.txt')
      await writeFile(path, 'x'.repeat(MOST_BYTES))
      expect((await ask())[1]).toHaveLength(MOST_BYTES)
      await appendFile(path, 'x')
      expect(await ask()).toEqual([404, 'File not found'])
    })

    test('no more than sixteen read it at once, the others wait for their turn', async () => {
      await writeFile(join(folder, 'data.txt'), 'inside')
      const app = createApp()
      await app.register(sluice)
      await app.register(file, { method: 'GET', timeScale: 0, folder })
      const { open: real } = fs.promises
      const gate = deferred()
      let opened = 0
      fs.promises.open = async (...args) => {
        opened++
        await gate.promise
        return real(...args)
      }
      syncBuiltinESMExports()
      const asked = Promise.all(Array.from({ length: 40 }, () => app.inject('/file')))
      await until(() => opened >= 16)
      await turns()
      const atOnce = opened
      gate.resolve()
      const answers = await asked
      fs.promises.open = real
      syncBuiltinESMExports()
      expect([atOnce, opened]).toEqual([16, 40])
      expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['inside']))
      await app.close()
    })

    test('a link that stays inside, it is read', async () => {
      await writeFile(join(folder, 'other.txt'), 'inside')
      await symlink('other.txt', join(folder, 'data.txt'))
      expect(await ask()).toEqual([200, 'inside'])
    })

    /** Calls back before the second piece is read. */
    async function spyOnReads(beforeSecond: () => unknown) {
      const handle = await openFile(join(folder, 'data.txt'))
      const prototype = Object.getPrototypeOf(handle)
      await handle.close()
      const { read } = prototype
      let reads = 0
      let used: { fd: number } | undefined
      const spy = vi.spyOn(prototype, 'read').mockImplementation(async function (
        this: { fd: number },
        ...args
      ) {
        used = this
        if (++reads === 2) await beforeSecond()
        return read.apply(this, args)
      })
      return {
        reads: () => reads,
        isClosed: () => used?.fd === -1,
        restore: () => spy.mockRestore(),
      }
    }

    test('a file that shrinks while it is read is what there was of it', async () => {
      const path = join(folder, 'data.txt')
      await writeFile(path, 'x'.repeat(MOST_BYTES))
      const { restore } = await spyOnReads(() => truncate(path, 70_000))
      const late = AbortSignal.timeout(5000)
      const contents = await readRegular(path, folder, late).finally(restore)
      expect(contents).toHaveLength(70_000)
    })

    test('a read for a client that has left goes no further', async () => {
      await writeFile(join(folder, 'data.txt'), 'x'.repeat(MOST_BYTES))
      const app = createApp()
      await app.register(sluice)
      await app.register(file, { method: 'GET', timeScale: 0, folder })
      const wire = await open(await listen(app))
      const { reads, isClosed, restore } = await spyOnReads(() => {
        wire.socket.destroy()
        return until(() => app.concurrency.snapshot().requests.aborted === 1)
      })
      wire.socket.write(get('/file'))
      await until(isClosed)
      restore()
      await app.close()
      expect(reads()).toBe(2)
    })

    test('a read ends between two pieces once its client has left, and closes its file', async () => {
      const path = join(folder, 'data.txt')
      await writeFile(path, 'x'.repeat(MOST_BYTES))
      const handle = await openFile(path)
      const prototype = Object.getPrototypeOf(handle)
      await handle.close()
      const controller = new AbortController()
      let reads = 0
      let used: { fd: number } | undefined
      const { read } = prototype
      const spy = vi.spyOn(prototype, 'read').mockImplementation(function (
        this: { fd: number },
        ...args
      ) {
        used = this
        if (++reads === 2) controller.abort(new Error('left'))
        return read.apply(this, args)
      })
      await expect(readRegular(path, folder, controller.signal)).rejects.toThrow('left')
      spy.mockRestore()
      expect([reads, used?.fd]).toEqual([2, -1])
    })
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
    await mkdir(join(folder, 'folder'))
    await mkdir(join(top, 'public-secret'))
    await Promise.all([
      writeFile(join(top, 'secret.txt'), 'secret'),
      writeFile(join(top, 'public-secret', 'x.txt'), 'secret'),
      writeFile(join(top, 'secret.gz'), gzipSync('secret')),
      writeFile(join(folder, '.env'), 'secret'),
      writeFile(join(folder, '.hidden', 'x.txt'), 'secret'),
      writeFile(join(folder, 'folder', 'x.txt'), 'inside'),
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

  test('a slash that is spelled otherwise is none', async () => {
    expect(await (await fetchFile('folder/x.txt')).text()).toBe('inside')
    for (const path of ['folder%2fx.txt', 'folder%2Fx.txt', 'folder%5cx.txt', 'plain.txt%00']) {
      const { status } = await fetchFile(path)
      expect([path, status]).toEqual([path, 404])
    }
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

  describe.each([
    ['plain', 'strange.txt', {}],
    ['precompressed', 'strange.txt.gz', { 'accept-encoding': 'gzip' }],
  ])('%s', (_name, name, headers) => {
    const path = () => join(top, 'public', name)
    beforeEach(() => writeFile(join(top, 'public', 'strange.txt'), 'plain'))
    afterEach(async () => {
      for (const made of [path(), `${path()}.pipe`, join(top, 'public', 'strange.txt')]) {
        await rm(made, { recursive: true, force: true })
      }
    })

    test.each(Object.entries(NO_FILES).filter(([what]) => what !== 'a link to nowhere'))(
      '%s is 404 at once, by HEAD as by GET, and says nothing of the machine',
      async (_what, make) => {
        await rm(path(), { force: true })
        await make(path(), top)
        const url = '/public/strange.txt'
        // More than there are threads for files.
        const asked = [1, 2, 3, 4, 5, 6].map(() => app.inject({ url, headers }))
        for (const answer of await Promise.all(asked)) {
          expect([answer.statusCode, answer.body]).toEqual([404, 'Not Found'])
          expect(answer.headers).not.toHaveProperty('etag')
          expect(answer.headers).not.toHaveProperty('content-encoding')
        }
        expect((await app.inject({ method: 'HEAD', url, headers })).statusCode).toBe(404)
        expect((await app.inject('/public/plain.txt')).body).toBe('0123456789')
      },
    )
  })

  test('a name that is too long is 404 and not told where it was looked for', async () => {
    const { statusCode, body } = await app.inject(`/public/${'x'.repeat(300)}`)
    expect([statusCode, body]).toEqual([404, 'Not Found'])
    const below = await app.inject('/public/plain.txt/x')
    expect([below.statusCode, below.body]).toEqual([404, 'Not Found'])
  })

  test('without file descriptors it is 503 with Retry-After, and no word of a path', async () => {
    const lacking = Object.assign(new Error(`EMFILE: too many open files, open '${top}'`), {
      code: 'EMFILE',
      syscall: 'open',
    })
    const { open: real } = fs.promises
    fs.promises.open = () => Promise.reject(lacking)
    syncBuiltinESMExports()
    const answers = [
      await app.inject('/public/plain.txt'),
      await app.inject({ method: 'HEAD', url: '/public/plain.txt' }),
    ]
    fs.promises.open = real
    syncBuiltinESMExports()
    for (const { statusCode, headers, body } of answers) {
      expect([statusCode, headers['retry-after']]).toEqual([503, '1'])
      expect(body).not.toContain(top)
      expect(headers).not.toHaveProperty('etag')
    }
    expect((await app.inject('/public/plain.txt')).statusCode).toBe(200)
  })

  test('a file that cannot be opened any more when it is sent is 503, without its headers', async () => {
    const lacking = Object.assign(new Error('EMFILE'), { code: 'EMFILE', syscall: 'open' })
    const spy = vi.spyOn(fs, 'open').mockImplementation(((...args: unknown[]) => {
      process.nextTick(args.at(-1) as (error: Error) => void, lacking)
    }) as typeof fs.open)
    const { statusCode, headers, body } = await app.inject('/public/plain.txt')
    spy.mockRestore()
    expect([statusCode, headers['retry-after']]).toEqual([503, '1'])
    for (const name of ['etag', 'last-modified', 'accept-ranges', 'cache-control']) {
      expect(headers).not.toHaveProperty(name)
    }
    expect(JSON.parse(body).message).toBe('Out of resources')
  })

  test.skipIf(process.platform !== 'linux')(
    'a connection holds no more than a few files, however many it pipelines',
    async () => {
      await writeFile(join(top, 'public', 'large.txt'), 'x'.repeat(3_000_000))
      const descriptors = () => readdirSync('/proc/self/fd').length
      const before = descriptors()
      const wire = await open(port)
      // Nobody takes what comes.
      wire.socket.pause()
      wire.socket.write(get('/public/large.txt').repeat(500))
      await until(() => app.concurrency.snapshot().requests.active >= 100)
      let most = 0
      for (let look = 0; look < 50; look++) {
        most = Math.max(most, descriptors() - before)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      expect(most).toBeLessThan(20)
      wire.socket.destroy()
      await untilIdle({ app })
      await until(() => descriptors() <= before)
    },
  )

  test("what lies in the page's folder has its headers, all else has not", async () => {
    await mkdir(join(top, 'public', 'dashboard'), { recursive: true })
    await writeFile(join(top, 'public', 'dashboard', 'index.html'), '<p>')
    for (const path of ['dashboard/index.html', '%64ashboard/index.html', 'Dashboard/nowhere']) {
      const { headers } = await app.inject(`/public/${path}`)
      expect(headers['content-security-policy']).toContain("default-src 'none'")
      expect(headers['x-content-type-options']).toBe('nosniff')
    }
    const { headers } = await app.inject('/public/plain.txt')
    expect(headers).not.toHaveProperty('content-security-policy')
  })

  test('is one route in the metrics, whatever the file', async () => {
    await fetchFile('plain.txt').then((response) => response.text())
    const routes = app.concurrency
      .snapshot()
      .routes.map(({ method, route }) => `${method} ${route}`)
    expect(routes).toContain('GET /public/*')
    expect(routes.join()).not.toContain('.txt')
  })
})
