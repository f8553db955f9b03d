/** The house, as the design draws it: imports run one way, and files stay small. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')

function files(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((name) => statSync(join(root, name)).isFile() && /(?<!\.bench)\.(ts|js)$/.test(name))
}

function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8')
  return [...source.matchAll(/(?:from|import)\s*\(?'([^']+)'/g)].map(([, name]) => {
    const target = name as string
    return target.startsWith('.') ? relative(root, resolve(root, file, '..', target)) : target
  })
}

/** What a folder or file may import of the project, besides itself. */
const allowed: [RegExp, RegExp][] = [
  [/^src\/core\//, /^src\/core\//],
  [/^src\/metrics\//, /^src\/(core|metrics)\//],
  [/^src\/plugin\//, /^src\/(core|metrics|plugin)\//],
  [/^src\/index\.ts/, /^src\/(core|metrics|plugin)\//],
  [/^src\/config\.ts/, /^$/],
  [/^src\/listener\.ts/, /^$/],
  [/^src\/admin\.ts/, /^src\/listener\.js/],
  [/^src\/request-log\.ts/, /^src\/index\.js/],
  [/^src\/app\.ts/, /^(routes\/|src\/(admin|config|index|listener|outside-text|request-log)\.js)/],
  [/^src\/examples\.ts/, /^src\/(app|index|listener|request-log)\.js/],
  [/^src\/log-output\.ts/, /^$/],
  [/^src\/outside-text\.ts/, /^src\/core\/shown\.js/],
  [/^src\/process\.ts/, /^src\/(config|log-output|outside-text)\.js/],
  [/^src\/server\.ts/, /^src\/(app|config|examples|log-output|process)\.js/],
  [/^routes\/kit\//, /^(routes\/kit\/|src\/outside-text\.js)/],
  [
    /^routes\/patterns\//,
    /^(routes\/(example|kit\/[\w-]+|patterns\/[\w-]+)|src\/(index|outside-text))\.js/,
  ],
  [/^routes\//, /^(routes\/(example|kit\/[\w-]+|stream\/\w+)|src\/(index|outside-text))\.js/],
]

test('imports run one way: core, metrics, plugin, app, server; routes use the public API', () => {
  const wrong = [...files('src'), ...files('routes')].flatMap((file) => {
    const rule = allowed.find(([from]) => from.test(file))
    return importsOf(file)
      .filter((target) => /^(src|routes|test|load-tests)\//.test(target) || target.startsWith('..'))
      .filter((target) => rule === undefined || !rule[1].test(target))
      .map((target) => `${file} imports ${target}`)
  })
  expect(wrong).toEqual([])
})

test('the core knows no Fastify, no HTTP, and no clock but the one default', () => {
  const wrong = files('src/core').flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8')
    const outside = importsOf(file).filter(
      // Only `node:events` hears an abort whose event another listener stops.
      (name) => !name.startsWith('src/') && !['@fastify/error', 'node:events'].includes(name),
    )
    const clocks = /performance\.now|Date\.now|new Date/.test(
      source.replace(/\/\*\*[\s\S]*?\*\//g, ''),
    )
    return [...outside, ...(clocks && !file.endsWith('clock.ts') ? ['a clock'] : [])].map(
      (what) => `${file} uses ${what}`,
    )
  })
  expect(wrong).toEqual([])
})

test('every source file says in its first lines what it is for', () => {
  const silent = [...files('src'), ...files('routes')].filter(
    (file) =>
      !/\/\*\*/.test(readFileSync(join(root, file), 'utf8').split('\n').slice(0, 24).join('\n')),
  )
  expect(silent).toEqual([])
})

test('files stay small', () => {
  const large = [...files('src'), ...files('routes'), ...files('load-tests')]
    .map((file) => [file, readFileSync(join(root, file), 'utf8').split('\n').length] as const)
    .filter(([, lines]) => lines > 240)
  expect(large).toEqual([])
})
