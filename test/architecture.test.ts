/** The house, as the design draws it: imports run one way, and files stay small. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')

function files(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter(
      (name) =>
        statSync(join(root, name)).isFile() &&
        /\.(ts|js)$/.test(name) &&
        !name.startsWith('src/sluice/dist/'),
    )
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
  [/^src\/sluice\/core\//, /^src\/sluice\/core\//],
  [/^src\/sluice\/metrics\//, /^src\/sluice\/(core|metrics)\//],
  [/^src\/sluice\/shared\//, /^src\/sluice\/(core|metrics|shared)\//],
  [/^src\/sluice\/plugin\//, /^src\/sluice\/(core|metrics|shared|plugin)\//],
  [/^src\/sluice\/index\.ts/, /^src\/sluice\/(core|metrics|shared|plugin)\//],
  [/^src\/config\.ts/, /^$/],
  [/^src\/server\/(listener|log-output|outside-text|request-log)\.ts/, /^$/],
  [/^src\/server\/sharing\.ts/, /^src\/config\.js/],
  [/^src\/server\/admin\.ts/, /^src\/server\/listener\.js/],
  [
    /^src\/app\.ts/,
    /^(routes\/|src\/(config|server\/(admin|cluster\/worker|listener|outside-text|request-log|sharing))\.js)/,
  ],
  [/^src\/server\/examples\.ts/, /^src\/(app|server\/(listener|request-log))\.js/],
  [/^src\/server\/process\.ts/, /^src\/(config|server\/(log-output|outside-text))\.js/],
  [/^src\/server\/cluster\//, /^src\/(config|server\/(listener|process|cluster\/[\w-]+))\.js/],
  [/^src\/server\/run-examples\.ts/, /^src\/(config|server\/(examples|process))\.js/],
  [
    /^src\/server\/run-server\.ts/,
    /^src\/(app|config|server\/(cluster\/worker|log-output|process))\.js/,
  ],
  [
    /^src\/server\.ts/,
    /^src\/(config|server\/(cluster\/primary|process|run-examples|run-server))\.js/,
  ],
  [/^routes\/kit\//, /^(routes\/kit\/|src\/server\/outside-text\.js)/],
  [
    /^routes\/patterns\//,
    /^(routes\/(example|kit\/[\w-]+|patterns\/(kit\/)?[\w-]+)|src\/server\/outside-text)\.js/,
  ],
  [
    /^routes\/operators\//,
    /^(routes\/(example|kit\/[\w-]+|operators\/stream\/\w+)|src\/server\/outside-text)\.js/,
  ],
  [/^routes\//, /^(routes\/(example|kit\/[\w-]+)|src\/server\/outside-text)\.js/],
]

test('imports run one way: core, metrics, plugin, app, server; server and routes use the library by its name', () => {
  const wrong = [...files('src'), ...files('routes')].flatMap((file) => {
    const rule = allowed.find(([from]) => from.test(file))
    return importsOf(file)
      .filter((target) => /^(src|routes|test|load-tests)\//.test(target) || target.startsWith('..'))
      .filter((target) => rule === undefined || !rule[1].test(target))
      .map((target) => `${file} imports ${target}`)
  })
  expect(wrong).toEqual([])
})

/** What a room of the load tests may import of the others. */
const rooms: readonly [string, RegExp][] = [
  ['figures', /^$/],
  ['report', /^figures\//],
  ['clients', /^figures\//],
  ['subjects', /^services\/subjects\/serve\.js$/],
  ['measures', /^(figures|report|clients|subjects)\//],
  ['scenarios', /^(figures|report|clients|subjects|measures|services|replicas)\//],
  ['replicas', /^figures\//],
  ['services', /^((figures|report|clients|subjects|measures)\/|scenarios\/scenario\.js$)/],
  ['bench', /^((figures|report|subjects\/process)\/|command-line\.js$)/],
]

test('rooms of the load tests import one way: figures, then report, clients and subjects, measures, scenarios', () => {
  const wrong = rooms.flatMap(([room, may]) =>
    files(`load-tests/${room}`).flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith('load-tests/'))
        .map((target) => target.slice('load-tests/'.length))
        .filter((target) => !target.startsWith(`${room}/`) && !may.test(target))
        .map((target) => `${file} imports ${target}`),
    ),
  )
  expect(wrong).toEqual([])
})

test('every process of the load tests is started by the one launcher', () => {
  const starting = files('load-tests').filter((file) =>
    /import [^']*\b(spawn|fork|exec|execFile)\b[^']*'node:child_process'/.test(
      readFileSync(join(root, file), 'utf8'),
    ),
  )
  expect(starting).toEqual(['load-tests/subjects/process/launch.ts'])
})

test('nothing imports what imports it, types included', () => {
  const all = ['src', 'routes', 'load-tests'].flatMap(files)
  const targets = new Map(
    all.map((file) => [file, importsOf(file).map((target) => sourceOf(target, all))]),
  )
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    if (done.has(file) || path.includes(file)) return
    for (const target of targets.get(file) ?? []) if (target) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of all) visit(file, [])
  expect(all.length).toBeGreaterThan(200)
  expect(circles).toEqual([])
})

/** What is imported as JavaScript is written as TypeScript. */
function sourceOf(target: string, all: readonly string[]): string | undefined {
  return [target, target.replace(/\.js$/, '.ts')].find((file) => all.includes(file))
}

test('the core knows no Fastify, no HTTP, and no clock but the one default', () => {
  const wrong = files('src/sluice/core').flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8')
    const outside = importsOf(file).filter(
      // Only `node:events` hears an abort whose event another listener stops.
      (name) =>
        !name.startsWith('src/sluice/core/') && !['@fastify/error', 'node:events'].includes(name),
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
  const silent = [...files('src'), ...files('routes'), ...files('load-tests')].filter(
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
