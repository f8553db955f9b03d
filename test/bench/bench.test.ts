/**
 * `npm run bench` works: every benchmark runs, and a wrong name is refused. `npm test` has built it:
 * built again here, it would change under the load tests that run beside.
 */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)
const bench = (...args: string[]) =>
  run(process.execPath, ['dist/load/load-tests/bench/run.js', ...args], { cwd: root })

test('prints a table for each benchmark, ours first, with a control', async () => {
  const { stdout } = await bench('--quick')
  const usage = (await bench('--help')).stdout
  const names = [...usage.matchAll(/^ {2}([a-z][a-z0-9-]+) {2,}\S/gm)].map(
    ([, name]) => name as string,
  )
  const tables = stdout.split('\n#### ').slice(1)
  expect(tables.map((table) => table.split('\n')[0])).toEqual(names)
  for (const table of tables) expect(table).toMatch(/\| .+again: the control.+\|/)
}, 60_000)

test('an unknown benchmark is refused with the names of those there are', async () => {
  await expect(bench('speed')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^unknown benchmark: speed\n[\s\S]*contended/),
  })
})
