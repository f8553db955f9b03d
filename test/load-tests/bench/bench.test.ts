/**
 * `npm run bench` works: every contender of every benchmark runs, a table compares processes, and a wrong
 * name is refused. `npm test` has built it: built again here, it would change under the load tests that
 * run beside.
 */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { loadMenu } from '../../../load-tests/bench/menu.js'

const root = resolve(import.meta.dirname, '../../..')
const run = promisify(execFile)
const bench = (...args: string[]) =>
  run(process.execPath, ['dist/load/load-tests/bench/run.js', ...args], { cwd: root })

const menu = (await loadMenu()).map(({ benchmark }) => benchmark)

describe.each(menu)('$name', ({ contenders }) => {
  test.each(Object.entries(contenders))('%s runs', async (_, build) => {
    const contender = await build()
    expect(contender.operations).toBeGreaterThan(0)
    await contender.prepare?.(10, () => {})
    await contender.run(10)
  })
})

test('prints a table for each that is asked for, ours first, with a control', async () => {
  const [nanoseconds, bytes] = ['ns', 'bytes'].map((of) => menu.find(({ unit }) => unit === of))
  const names = [nanoseconds?.name ?? '', bytes?.name ?? '']
  const { stdout } = await bench('--quick', ...names)
  const tables = stdout.split('\n#### ').slice(1)
  expect(tables.map((table) => table.split('\n')[0])).toEqual(names)
  for (const table of tables) expect(table).toMatch(/\| .+again: the control.+\|/)
}, 60_000)

test('names all there are, with the question of each', async () => {
  const { stdout } = await bench('--help')
  for (const { name, question } of menu) {
    expect(stdout).toMatch(new RegExp(`^ {2}${name} +${question.replace(/[?()]/g, '\\$&')}$`, 'm'))
  }
})

test('an unknown benchmark is refused with the names of those there are', async () => {
  await expect(bench('speed')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^unknown benchmark: speed\n[\s\S]*contended/),
  })
})
