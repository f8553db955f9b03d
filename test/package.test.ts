/** What a library user installs: the library and nothing else. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')

test('npm pack holds the library with its types, its README, files for operators and the licence, and nothing else', () => {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: join(root, 'src/sluice'),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [{ files }] = JSON.parse(output) as [{ files: { path: string }[] }]
  const paths = files.map(({ path }) => path)
  const operators = ['operators/alerts.yml', 'operators/grafana.json']
  const expected = ['LICENSE', 'README.md', 'package.json', 'dist/index.d.ts', 'dist/core/index.js']
  expect(paths).toEqual(expect.arrayContaining([...expected, ...operators]))
  const other = paths.filter(
    (path) =>
      !operators.includes(path) &&
      !/^(LICENSE|README\.md|package\.json|dist\/(index|(core|metrics|plugin|shared)\/.+)\.(js|d\.ts))$/.test(
        path,
      ),
  )
  expect(other).toEqual([])
})

test('the lock file names no registry', () => {
  expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/https?:\/\/[^"]*\.tgz/)
})
