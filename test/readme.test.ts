/** The README tells the truth: its tables are those of the source, its examples run as written. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance, HTTPMethods } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildApp } from '../src/app.js'
import { schema } from '../src/config.js'
import { EXAMPLES } from '../src/server/examples.js'
import * as errors from '../src/sluice/core/errors.js'
import { EXEMPT } from '../src/sluice/plugin/options.js'
import { definedPatterns } from './support/pattern-list.js'
import { PAGES, readme, root, table } from './support/readme.js'

interface Annotated {
  default?: unknown
  description: string
}

const TOKEN = 'correct-horse-battery'
let app: FastifyInstance
beforeAll(async () => {
  app = await buildApp({ TIME_SCALE: 0, ADMIN_TOKEN: TOKEN })
})
afterAll(() => app.close())

const curls = [...readme.matchAll(/^curl http:\/\/127\.0\.0\.1:3000(\S+) +# (.+)$/gm)]

test.each(curls.map(([, path, start]) => [path, start] as const))(
  'curl %s answers %s',
  async (path, start) => {
    const response = await app.inject(path as string)
    expect(response.body.startsWith(start as string)).toBe(true)
  },
)

/** What a queue has that says nothing. */
const DEFAULTS_BESIDE_LIMIT: Record<string, string | number> = {
  QUEUE_SIZE: 1000,
  QUEUE_TIMEOUT_MS: 'none before a number',
}

test('the variables are those of the schema, with their defaults and what they take', () => {
  const rows = table('variable').map(([name, value, takes]) => [name, value, takes?.split(': ')[0]])
  const expected = Object.entries(schema.properties).map(([name, property]) => {
    const { default: value, description } = property as unknown as Annotated
    const shown = value ?? DEFAULTS_BESIDE_LIMIT[name] ?? 'none'
    return [name, String(shown), description.split(': ')[0]]
  })
  expect(rows).toEqual(expected)
})

test('the examples have the ports and files that the table gives them', () => {
  const rows = table('hyper program of the article')
  expect(rows.map(([, , port]) => Number(port))).toEqual(
    Object.values(EXAMPLES).map(({ port }) => port),
  )
  for (const [, paths = '', , source = ''] of rows) {
    const file = /\((.+)\)/.exec(source)?.[1] ?? ''
    const code = readFileSync(join(root, 'routes', file), 'utf8')
    for (const path of paths.match(/\/\w*/g) ?? []) expect(code).toContain(`'${path}'`)
  }
})

const EXAMPLES_OF_THE_ARTICLE = 66
const article = table('example of the article')

test('every example of the article has a row, with an endpoint or with a reason', () => {
  expect(article).toHaveLength(EXAMPLES_OF_THE_ARTICLE)
  for (const [, endpoint, result] of article) {
    expect(endpoint).toMatch(/^(GET \/|POST \/|-$)/)
    expect(result).not.toBe('')
  }
})

test('a pattern stands for the examples of the article that its definition names', async () => {
  const defined = (await definedPatterns()).flatMap(({ rows }) => rows)
  const named = article.filter(([, endpoint]) => endpoint?.includes(' /patterns/'))
  const sorted = (rows: readonly (readonly string[])[]): string[] =>
    rows.map(([example, endpoint]) => `${example}: ${endpoint}`).sort()
  expect(sorted(named)).toEqual(sorted(defined))
})

test.each(article.filter(([, endpoint]) => endpoint !== '-') as [string, string, string][])(
  "the article's %s: %s answers %s",
  async (_example, endpoint, result) => {
    const [method, url] = endpoint.split(' ') as ['GET' | 'POST', string]
    const response = await app.inject({ method, url })
    const isPattern = response.headers['content-type']?.toString().startsWith('application/json')
    const got = isPattern ? response.json().result : response.body
    if (typeof got === 'string') expect(got.slice(0, result.length)).toBe(result)
    else if (typeof got === 'number') expect(got).toBe(Number(result))
    else expect(got).toMatchObject(JSON.parse(result))
  },
)

test("every path beside the article's is there", () => {
  for (const [path = ''] of table('path')) {
    const [method, url = ''] = path.split(' ')
    expect([path, app.hasRoute({ method: method as HTTPMethods, url })]).toEqual([path, true])
  }
})

test('the errors are those of the source', () => {
  const inSource = Object.values(errors).map((SluiceError) => {
    const { code, statusCode } = new (
      SluiceError as new () => { code: string; statusCode: number }
    )()
    if (code === 'SLUICE_DEADLINE') return [code, `${statusCode} / 504`]
    return [code, code === 'SLUICE_OPTIONS' ? '-' : String(statusCode)]
  })
  expect(table('code').map(([code, status]) => [code, status])).toEqual(inSource)
})

test('the metrics are those of the registry, beside the process’ own', async () => {
  const all = (await app.concurrency.registry.getMetricsAsJSON()).map(({ name }) => name)
  const ofProcess = /^(process_|nodejs_(?!eventloop_(utilization|delay)))/
  const inSource = all.filter((name) => !ofProcess.test(name))
  expect(table('metric').map(([name]) => name)).toEqual(inSource)
})

test('the instruments of OpenTelemetry are those of the source', () => {
  const source = readFileSync(join(root, 'src/sluice/plugin/telemetry.ts'), 'utf8')
  const instrument = /['`]((?:http\.server|concurrency|nodejs)\.[a-z0-9_.]+)['`]/g
  const namesIn = (text: string): string[] =>
    [...text.matchAll(instrument)].map(([, name]) => name as string)
  const attributes = ['concurrency.limiter', 'concurrency.reason']
  const inSource = namesIn(source).filter((name) => !attributes.includes(name))
  expect(namesIn(readme).sort()).toEqual(inSource.sort())
})

test('the alerts are those of the rules', () => {
  const rules = readFileSync(join(root, 'src/sluice/operators/alerts.yml'), 'utf8')
  const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
  expect(table('alert').map(([name]) => name)).toEqual(names)
})

test('the command that changes a limit changes it', async () => {
  const [, url, body] =
    /^curl -X PUT http:\/\/127\.0\.0\.1:3000(\S+) \\\n.*-d '(.*)'$/m.exec(readme) ?? []
  const headers = [...readme.matchAll(/-H ["'](.*?)["']/g)].map(([, header = '']) => {
    const [name = '', value] = header.split(': ')
    return [name, value?.replace('$ADMIN_TOKEN', TOKEN)]
  })
  const response = await app.inject({
    method: 'PUT',
    url: url as string,
    headers: Object.fromEntries(headers),
    payload: body as string,
  })
  expect(response.json()).toMatchObject({ name: 'GET /limited', limit: 4 })
})

test('the dependencies are those of the package, each with its reason', () => {
  const needed = ['package.json', 'src/sluice/package.json'].flatMap((file) => {
    const { dependencies, peerDependencies } = JSON.parse(
      readFileSync(join(root, file), 'utf8'),
    ) as Record<string, Record<string, string>>
    return Object.keys({ ...dependencies, ...peerDependencies })
  })
  const named = table('package').flatMap(([names = '']) => names.split(', '))
  expect(named.sort()).toEqual([...new Set(needed)].sort())
})

test('the first page is read in five minutes', () => {
  const words = readFileSync(join(root, 'README.md'), 'utf8').split(/\s+/).length
  expect(words).toBeLessThanOrEqual(2000)
})

test.each([...PAGES, 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md'])(
  'every link of %s leads somewhere',
  (page) => {
    const text = readFileSync(join(root, page), 'utf8')
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
    const wrong = links.filter((link) => {
      if (/^https?:/.test(link)) return false
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? join(root, page) : join(root, page, '..', path)
      if (!existsSync(target)) return true
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
    })
    expect(wrong).toEqual([])
  },
)

/** As they are made of headings. */
function anchorsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}

test('every script that it names exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const text = readme + readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
  const named = [...text.matchAll(/npm (?:run ([\w:-]+)|(start))/g)].map(([, a, b]) => a ?? b)
  expect(named.filter((name) => scripts[name as string] === undefined)).toEqual([])
})

test('the library examples compile as written', async () => {
  const folder = await mkdtemp(join(root, 'test', '.readme-'))
  try {
    const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code as string)
    expect(blocks.length).toBeGreaterThan(1)
    blocks.forEach((code, index) => {
      writeFileSync(join(folder, `example-${index}.ts`), code)
    })
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../tsconfig.json',
        include: [],
        files: blocks.map((_, index) => `example-${index}.ts`),
      }),
    )
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], {
      stdio: 'pipe',
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('what is exempt by default is what the table says', () => {
  const row = table('`app.register(sluice, options)`').find(([name]) => name === 'exempt')
  expect(row?.[1]?.split(' ')).toEqual(EXEMPT)
})

test("the plugin's, the routes' and the queue's options are those of the types", () => {
  const source = readFileSync(join(root, 'src/sluice/plugin/types.ts'), 'utf8')
  const namesOf = (text: string, type: string): string[] => {
    const body = new RegExp(`interface ${type} \\{\\n([\\s\\S]*?)\\n\\}`).exec(text)?.[1] ?? ''
    return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name as string)
  }
  const first = (header: string): string[] => table(header).map(([name = '']) => name)
  expect(first('`app.register(sluice, options)`')).toEqual(namesOf(source, 'SluiceOptions'))
  const inRoutes = first('`config.concurrency` of a route').join(' ').match(/\w+/g) ?? []
  expect(inRoutes).toEqual(expect.arrayContaining(namesOf(source, 'RouteConcurrencyOptions')))
  const limiter = readFileSync(join(root, 'src/sluice/core/limiter/limiter-options.ts'), 'utf8')
  expect(first('`queue`')).toEqual(namesOf(limiter, 'QueueOptions'))
  expect(first('`pressure`')).toEqual(namesOf(source, 'PressureOptions'))
})
