/** Files: what is written is read, lines stay whole, who leaves stops, and nothing is left behind. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PUBLIC_FOLDER } from '../../../src/app.js'
import { deferred } from '../../support/deferred.js'
import { type Patterns, startPatterns } from '../../support/patterns.js'
import { untilIdle } from '../../support/probe-app.js'
import { get, send, until, type Wire } from '../../support/wire.js'

let patterns: Patterns
let temporary: string
beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  vi.stubEnv('TMPDIR', temporary)
  patterns = await startPatterns(0)
})
afterEach(async () => {
  await patterns.close()
  vi.unstubAllEnvs()
  await rm(temporary, { recursive: true })
})

test('a file is read as it is', async () => {
  const { result } = await patterns.ask('files/read')
  expect(result).toBe(await readFile(join(PUBLIC_FOLDER, 'data.txt'), 'utf8'))
})

test('a file that is not there is 404, and once written it is read', async () => {
  expect(await patterns.ask('files/read?file=log.txt')).toMatchObject({
    status: 404,
    result: 'File not found',
  })
  expect((await patterns.ask('files/write?text=one', 'POST')).result).toBe(
    'Data written to log.txt',
  )
  expect((await patterns.ask('files/read?file=log.txt')).result).toBe('Log entry: one\n')
})

test('of many who write at once the file has one, whole', async () => {
  const texts = Array.from({ length: 50 }, (_, n) => String(n).repeat(1 + (n % 40)))
  await Promise.all(texts.map((text) => patterns.ask(`files/write?text=${text}`, 'POST')))
  const { result } = await patterns.ask('files/read?file=log.txt')
  expect(texts.map((text) => `Log entry: ${text}\n`)).toContain(result)
})

test('lines of writers that take turns stay whole, those of others do not', async () => {
  const { result } = await patterns.ask('files/append?writers=10&lines=10', 'POST')
  expect(result).toEqual({ lines: 100, whole: 100 })
  const wild = await patterns.ask('files/append?writers=10&lines=10&turns=false', 'POST')
  expect((wild.result as { whole: number }).whole).toBeLessThan(100)
})

/** The app's own, once something was written. */
async function folderOf(): Promise<string> {
  const [folder = ''] = await readdir(temporary)
  return join(temporary, folder)
}

test('what was written goes with the app', async () => {
  await patterns.ask('files/append', 'POST')
  await patterns.ask('files/write', 'POST')
  expect(await readdir(await folderOf())).toEqual(['log.txt'])
  await patterns.close()
  expect(await readdir(temporary)).toEqual([])
})

test('a folder that somebody cleaned away is made again', async () => {
  await patterns.ask('files/write', 'POST')
  await rm(await folderOf(), { recursive: true })
  expect((await patterns.ask('files/append', 'POST')).result).toEqual({ lines: 20, whole: 20 })
  await rm(await folderOf(), { recursive: true })
  await patterns.close()
})

test('without a folder to write to it says so, not where, and is well once there is one', async () => {
  await patterns.close()
  const missing = join(temporary, 'there')
  await writeFile(missing, 'in the way')
  vi.stubEnv('TMPDIR', missing)
  patterns = await startPatterns(0)
  for (const path of ['files/write', 'files/append']) {
    const { statusCode, body } = await patterns.app.inject({
      method: 'POST',
      url: `/patterns/${path}`,
    })
    expect([statusCode, JSON.parse(body).message]).toEqual([500, 'Cannot write: ENOTDIR'])
    expect(body).not.toContain(temporary)
    expect(patterns.log.find(({ level }) => level === 50)?.err?.message).toContain(missing)
  }
  await rm(missing)
  expect((await patterns.ask('files/write', 'POST')).status).toBe(200)
})

/** Of every open file. */
async function handlePrototype() {
  const handle = await open(join(PUBLIC_FOLDER, 'data.txt'))
  await handle.close()
  return Object.getPrototypeOf(handle)
}

describe('what is no regular file', () => {
  test.each([
    ['a pipe', async (path: string) => execFileSync('mkfifo', [path])],
    ['a loop of links', (path: string) => symlink(path, path)],
    ['a link that leaves', (path: string) => symlink(join(temporary, 'outside.txt'), path)],
    ['a folder', (path: string) => mkdir(path)],
  ])('%s is neither read nor written, nor waited for', async (_name, make) => {
    await writeFile(join(temporary, 'outside.txt'), 'outside')
    await patterns.ask('files/write', 'POST')
    const [folder = ''] = (await readdir(temporary)).filter((name) => name !== 'outside.txt')
    for (const name of ['log.txt', 'append-1.txt']) {
      const path = join(temporary, folder, name)
      await rm(path, { force: true })
      await make(path)
    }
    // More than there are threads for files.
    for (let time = 0; time < 5; time++) {
      expect(await patterns.ask('files/read?file=log.txt')).toMatchObject({
        status: 404,
        result: 'File not found',
      })
    }
    for (const path of ['files/write', 'files/append']) {
      const { statusCode, body } = await patterns.app.inject({
        method: 'POST',
        url: `/patterns/${path}`,
      })
      expect([path, statusCode]).toEqual([path, 500])
      expect(body).toMatch(/Cannot write: (no regular file|E[A-Z]+)/)
      expect(body).not.toContain(temporary)
    }
    expect(await readFile(join(temporary, 'outside.txt'), 'utf8')).toBe('outside')
    expect((await patterns.ask('files/read')).status).toBe(200)
    // The writer left nothing that the app would not take away.
    await rm(join(temporary, folder, 'append-1.txt'), { recursive: true, force: true })
    expect((await patterns.ask('files/append', 'POST')).status).toBe(200)
  })

  test('without file descriptors all three are 503 with Retry-After, and well again after it', async () => {
    await patterns.ask('files/write', 'POST')
    const lacking = Object.assign(new Error(`EMFILE: too many, open '${temporary}'`), {
      code: 'EMFILE',
      syscall: 'open',
    })
    const asked = [
      ['GET', 'files/read'],
      ['POST', 'files/write'],
      ['POST', 'files/append'],
    ] as const
    const { open: real } = fs.promises
    fs.promises.open = () => Promise.reject(lacking)
    syncBuiltinESMExports()
    const answers = []
    for (const [method, path] of asked) {
      answers.push(await patterns.app.inject({ method, url: `/patterns/${path}` }))
    }
    fs.promises.open = real
    syncBuiltinESMExports()
    for (const { statusCode, headers, body } of answers) {
      expect([statusCode, headers['retry-after']]).toEqual([503, '1'])
      expect(body).not.toContain(temporary)
    }
    for (const [method, path] of asked) {
      expect((await patterns.ask(path, method)).status).toBe(200)
    }
  })
})

/** A step that the test holds says how far a write comes. */
describe('when the client leaves', () => {
  const post = (path: string) => `POST /patterns/${path} HTTP/1.1\r\nHost: x\r\n\r\n`
  const cancelled = (name: string) =>
    patterns.log.filter(({ msg }) => msg === `Cancelled: files/${name}`)
  const active = () => patterns.app.concurrency.snapshot().requests.active

  async function ask(text: string): Promise<Wire> {
    const before = active()
    const wire = await send(await patterns.listen(), text)
    await until(() => active() === before + 1)
    return wire
  }

  /** Until it is let go, each call of this method of open files waits; then they are as ever. */
  async function hold(method: 'read' | 'writeFile' | 'appendFile') {
    const prototype = await handlePrototype()
    const real = prototype[method]
    const gate = deferred()
    const spy = vi.spyOn(prototype, method).mockImplementation(async function (
      this: unknown,
      ...args
    ) {
      await gate.promise
      return real.apply(this, args)
    })
    return { calls: () => spy.mock.calls.length, gate, restore: () => spy.mockRestore() }
  }

  test('a read stops in the middle of the file', async () => {
    await patterns.ask('files/write', 'POST')
    await truncate(join(await folderOf(), 'log.txt'), 1024 * 1024)
    const { calls, gate, restore } = await hold('read')
    const wire = await ask(get('/patterns/files/read?file=log.txt'))
    await until(() => calls() === 1)
    wire.socket.destroy()
    await until(() => active() === 0)
    gate.resolve()
    await until(() => cancelled('read').length === 1)
    expect(calls()).toBe(1)
    restore()
    await untilIdle(patterns)
  })

  test('a write that waits for its turn is not made, one that has begun is made whole', async () => {
    const { calls, gate, restore } = await hold('writeFile')
    const begun = await ask(post('files/write?text=begun'))
    await until(() => calls() === 1)
    const waiting = await ask(post('files/write?text=waiting'))
    waiting.socket.destroy()
    await until(() => cancelled('write').length === 1)
    begun.socket.destroy()
    await until(() => active() === 0)
    gate.resolve()
    const path = join(await folderOf(), 'log.txt')
    await vi.waitFor(async () => {
      expect(await readFile(path, 'utf8')).toBe('Log entry: begun\n')
    })
    expect(calls()).toBe(1)
    restore()
    await untilIdle(patterns)
    expect(cancelled('write')).toHaveLength(1)
  })

  test.each([
    [true, 1],
    [false, 20],
  ])('writers end their line and write nothing more, turns: %s', async (turns, writing) => {
    const { calls, gate, restore } = await hold('appendFile')
    const wire = await ask(post(`files/append?writers=20&lines=20&turns=${turns}`))
    await until(() => calls() === writing)
    wire.socket.destroy()
    await until(() => active() === 0)
    gate.resolve()
    await until(() => cancelled('append').length === 1)
    // Each line is two steps.
    expect(calls()).toBe(2 * writing)
    restore()
    await untilIdle(patterns)
    expect(await readdir(await folderOf())).toEqual([])
  })
})
