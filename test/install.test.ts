/** What the library's user gets: a light install that loads by `import` and `require`, with its types. */
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const MEGABYTE = 2 ** 20
let folder: string
let alone: Tree
let both: Tree

interface Tree {
  readonly packages: readonly string[]
  readonly bytes: number
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'install-'))
  const packed = run(
    join(root, 'src/sluice'),
    'npm',
    'pack',
    '--json',
    '--ignore-scripts',
    '--pack-destination',
    folder,
  )
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }]
  const app = join(folder, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  alone = install(app, 'fastify@5')
  both = install(app, join(folder, filename))
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(cwd: string, command: string, ...args: string[]): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function install(app: string, what: string): Tree {
  run(
    app,
    'npm',
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    what,
  )
  const lock = JSON.parse(readFileSync(join(app, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, unknown>
  }
  const modules = join(app, 'node_modules')
  const bytes = readdirSync(modules, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(modules, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)
  return { packages: Object.keys(lock.packages).filter(Boolean), bytes }
}

test('it brings at most six packages beside those of fastify, nothing of the server, and 8 MB', () => {
  const more = both.packages.filter((name) => !alone.packages.includes(name))
  expect(more).toContain('node_modules/fastify-sluice')
  expect(more.length).toBeLessThanOrEqual(6)
  expect(more.filter((name) => /pino-pretty|undici|static|redis|valkey/.test(name))).toEqual([])
  expect(both.bytes - alone.bytes).toBeLessThan(8 * MEGABYTE)
})

test.each([
  ['import', 'module', "import sluice, { Semaphore } from 'fastify-sluice'\n"],
  ['require', 'commonjs', "const { default: sluice, Semaphore } = require('fastify-sluice')\n"],
])('%s gives the plugin and the parts', (_, type, load) => {
  const app = join(folder, 'app')
  const work = "new Semaphore(1).run(() => console.log(typeof sluice, 'ran'))"
  expect(run(app, process.execPath, `--input-type=${type}`, '-e', load + work)).toBe(
    'function ran\n',
  )
})

test('the core loads neither Fastify nor prom-client', () => {
  const app = join(folder, 'app')
  const hooks =
    'export const resolve = async (name, context, next) => { console.log(name); return next(name, context) }'
  const register = `import { register } from 'node:module'; register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}))`
  const loader = `data:text/javascript,${encodeURIComponent(register)}`
  const args = [
    '--import',
    loader,
    '--input-type=module',
    '-e',
    "await import('fastify-sluice/core')",
  ]
  const loaded = run(app, process.execPath, ...args)
    .split('\n')
    .filter((name) => /^[\w@]/.test(name))
  const outside = loaded.filter((name) => !name.startsWith('node:') && !name.startsWith('file:'))
  expect([...new Set(outside)].sort()).toEqual(['@fastify/error', 'fastify-sluice/core'])
})

test.each([
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])('its types resolve with module %s and moduleResolution %s', (module, moduleResolution) => {
  const app = join(folder, 'app')
  writeFileSync(
    join(app, 'use.ts'),
    `import { fastify } from 'fastify'
import sluice, { type SluiceOptions } from 'fastify-sluice'
import { type Limiter, Semaphore } from 'fastify-sluice/core'
const options: SluiceOptions = { limit: 'auto' }
const app = fastify()
await app.register(sluice, options)
const active: number = app.concurrency.snapshot().requests.active
export const limiter: Limiter | number = active
export const ran: Promise<number> = new Semaphore(1).run(() => 1)
// @ts-expect-error no option of that name
export const wrong: SluiceOptions = { limits: 1 }
`,
  )
  writeFileSync(
    join(app, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        ...{ module, moduleResolution, target: 'es2023', strict: true, noEmit: true },
        ...{ types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
        skipLibCheck: true,
      },
      files: ['use.ts'],
    }),
  )
  run(app, process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', '.')
})
