/** Files: what is written is read, lines stay whole, and nothing is left behind. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { PUBLIC_FOLDER } from '../../../src/app.js'
import { type Patterns, startPatterns } from '../../support/patterns.js'

let patterns: Patterns
beforeEach(async () => {
  patterns = await startPatterns(0)
})
afterEach(() => patterns.close())

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

test('what was written goes with the app', async () => {
  const temporary = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  vi.stubEnv('TMPDIR', temporary)
  const other = await startPatterns(0)
  await other.ask('files/append', 'POST')
  await other.ask('files/write', 'POST')
  const [folder = ''] = await readdir(temporary)
  expect(await readdir(join(temporary, folder))).toEqual(['log.txt'])
  await other.close()
  vi.unstubAllEnvs()
  expect(await readdir(temporary)).toEqual([])
  await rm(temporary, { recursive: true })
})
