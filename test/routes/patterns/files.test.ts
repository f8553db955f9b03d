/** Files: what is written is read, lines stay whole, who leaves stops, and nothing is left behind. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PUBLIC_FOLDER } from '../../../src/app.js'
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

/** A pipe lets the test say how far a read or a write comes. */
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
  async function pipe(name: string): Promise<string> {
    await patterns.ask('files/write?text=first', 'POST')
    const path = join(await folderOf(), name)
    await rm(path, { force: true })
    execFileSync('mkfifo', [path])
    return path
  }

  test('a read stops in the middle of the file', async () => {
    const file = await open(await pipe('log.txt'), 'r+')
    await file.write('the first half')
    const wire = await ask(get('/patterns/files/read?file=log.txt'))
    wire.socket.destroy()
    await until(() => active() === 0)
    await file.write('the second half')
    await until(() => cancelled('read').length === 1)
    await file.close()
    await untilIdle(patterns)
  })

  test('a write that waits for its turn is not made, one that has begun is made whole', async () => {
    const path = await pipe('log.txt')
    const begun = await ask(post('files/write?text=begun'))
    const waiting = await ask(post('files/write?text=waiting'))
    waiting.socket.destroy()
    await until(() => cancelled('write').length === 1)
    begun.socket.destroy()
    await until(() => active() === 0)
    expect(await readFile(path, 'utf8')).toBe('Log entry: begun\n')
    await untilIdle(patterns)
    expect(cancelled('write')).toHaveLength(1)
  })

  test.each([true, false])('writers write nothing more, turns: %s', async (turns) => {
    const path = await pipe('append-1.txt')
    const wire = await ask(post(`files/append?writers=20&lines=20&turns=${turns}`))
    wire.socket.destroy()
    await until(() => active() === 0)
    expect(await readFile(path, 'utf8')).toBe('')
    await until(() => cancelled('append').length === 1)
    await untilIdle(patterns)
    expect(await readdir(await folderOf())).toEqual(['log.txt'])
  })
})
