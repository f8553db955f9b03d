/** README's table of bounds: each default is the one that the source has, or that the app got. */
import { readFileSync } from 'node:fs'
import { maxHeaderSize } from 'node:http'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildApp } from '../src/app.js'
import { readConfig, schema } from '../src/config.js'
import { buildExamples } from '../src/server/examples.js'
import { AutoLimit } from '../src/sluice/index.js'
import { readme, root, table } from './support/readme.js'

const rows = table('bound').filter(([, value]) => value !== '')
const config = readConfig({ LIMIT: '1', ADMIN_PORT: '0' })
let app: FastifyInstance
let examples: FastifyInstance

beforeAll(async () => {
  app = await buildApp({ TIME_SCALE: 0 })
  examples = (await buildExamples({ timeScale: 0 })).app
})
afterAll(() => Promise.all([app.close(), examples.close()]))

/** What stands behind a piece of source, as a number. */
function inSource(file: string, before: string): number {
  const source = readFileSync(join(root, file), 'utf8')
  const at = source.indexOf(before)
  if (at < 0) throw new Error(`${file} has no ${before}`)
  const [text = ''] = /^[\d_* ]+/.exec(source.slice(at + before.length)) ?? []
  return text
    .split('*')
    .map((factor) => Number(factor.trim().replaceAll('_', '')))
    .reduce((product, factor) => product * factor)
}

type HttpServer = FastifyInstance['server'] & { connectionsCheckingInterval: number }

/** By the first words of the row. */
const actual: Record<string, () => number> = {
  "bytes of a request's headers": () => maxHeaderSize,
  "ms for a request's headers": () => app.server.headersTimeout,
  'ms for a request, its body included': () => app.server.requestTimeout,
  'ms between two looks at these times': () =>
    (app.server as HttpServer).connectionsCheckingInterval,
  'ms that a connection may be idle': () => app.server.keepAliveTimeout,
  'bytes of a body': () => app.initialConfig.bodyLimit as number,
  'requests in a queue': () => inSource('src/sluice/core/limiter/limiter-options.ts', '{ size = '),
  'callers kept apart': () => inSource('src/sluice/plugin/routes/key-options.ts', 'MAX_KEYS = '),
  'requests of one connection, streams of a session': () =>
    inSource('src/sluice/plugin/options.ts', 'PER_CONNECTION = '),
  'ms that an answer may stand still': () => inSource('src/sluice/plugin/options.ts', 'STALL = '),
  'bytes of a body or an answer from one look to the next that keep its permit while others queue':
    () => inSource('src/sluice/plugin/request/stalls.ts', 'LEAST = '),
  'ms between two such looks': () => inSource('src/sluice/plugin/request/stalls.ts', 'HURRIED = '),
  'ms that work may go on behind its answer': () =>
    inSource('src/sluice/plugin/options.ts', 'ABANDON_AFTER = '),
  "requests of a route in flight before limit: 'auto' knows it": () => new AutoLimit().limit,
  'ms after which an answer that is still sent holds no permit of such a limit': () =>
    inSource('src/sluice/plugin/request/stalls.ts', 'LASTING = '),
  'ms that the event loop may be late, on average, before what is in flight is bounded': () =>
    inSource('src/sluice/core/loop/loop-room.ts', 'MOST_LATE = '),
  'ms of one turn of the event loop': () =>
    inSource('src/sluice/plugin/pressure.ts', '{ budget = '),
  'bytes that are read of a refused body': () =>
    inSource('src/sluice/plugin/request/linger.ts', 'REST = '),
  'ms that its client has to read the refusal': () =>
    inSource('src/sluice/plugin/request/linger.ts', 'TIME = '),
  'ms to drain': () => Number(config.DRAIN_TIMEOUT_MS),
  'readers of /concurrency/stream': () => Number(config.WATCHERS),
  'ms that such a reader may take nothing': () =>
    inSource('routes/operators/stream.ts', 'patience = '),
  'listeners of /patterns/broadcast': () =>
    inSource('routes/patterns/broadcast.ts', 'LISTENERS = '),
  'messages that such a listener may be behind': () =>
    inSource('routes/patterns/broadcast.ts', 'KEPT = '),
  'files open at once in /patterns/files': () =>
    inSource('routes/patterns/files.ts', 'OPEN_FILES = '),
  'requests of /patterns/fan-out at once, and connections to each upstream': () =>
    inSource('routes/patterns/fan-out.ts', 'PLACES = '),
  "ms that a pattern's parameter may ask for": () =>
    inSource('routes/patterns/kit/input.ts', 'integer(initial, minimum, '),
  "characters of a pattern's text": () =>
    inSource(
      'routes/patterns/kit/input.ts',
      'text(initial: string): TString {\n  const maxLength = ',
    ),
  'characters of a message that is published': () =>
    inSource('routes/patterns/kit/input.ts', 'message(): TString {\n  const maxLength = '),
  'characters of outside text in an error or a log line': () =>
    inSource('src/sluice/core/shown.ts', 'MOST = '),
  "characters of an error's message": () => inSource('src/app.ts', 'LONGEST_MESSAGE = '),
  'characters of a log line': () => inSource('src/server/outside-text.ts', 'LONGEST_LINE = '),
  'bytes of log that may wait': () => inSource('src/server/log-output.ts', 'BUFFER = '),
}

/** Nobody's number, or Node's own that nothing tells. */
const NOT_ASKED = [
  'headers of a request',
  'descriptors',
  'requests in flight',
  'ms in a queue',
  'ms of the whole request',
]

test('every bound of the table is the one there is', () => {
  const said = rows.filter(([name = '']) => !NOT_ASKED.includes(name))
  expect(said.map(([name]) => name)).toEqual(Object.keys(actual))
  const values = said.map(([name = '', value = '']) => [name, Number.parseInt(value, 10)])
  expect(values).toEqual(Object.entries(actual).map(([name, get]) => [name, get()]))
})

test('the options and variables that move a bound exist', () => {
  const section = /\n## Bounds\n([\s\S]*?)\n## /.exec(readme)?.[1] ?? ''
  const moved = [...section.matchAll(/^\|[^|]+\|[^|]+\|([^|]+)\|$/gm)].map(([, cell]) => cell ?? '')
  const named = moved.flatMap((cell) =>
    [...cell.matchAll(/`([\w.]+)`/g)].map(([, name]) => name ?? ''),
  )
  const types = ['plugin/types.ts', 'plugin/limit-types.ts', 'core/limiter/limiter-options.ts'].map(
    (file) => readFileSync(join(root, 'src/sluice', file), 'utf8'),
  )
  const exists = (name: string): boolean =>
    name in schema.properties ||
    types.some((text) => text.includes(`  ${name.split('.').at(-1)}?: `))
  expect(named.length).toBeGreaterThan(15)
  expect(named.filter((name) => !exists(name))).toEqual([])
})

test('the examples’ ports take the headers that the table says', () => {
  const [, , moved] = rows.find(([name]) => name === "bytes of a request's headers") ?? []
  const { maxHeaderSize: taken } = examples.server as HttpServer & { maxHeaderSize: number }
  expect(moved).toContain(`: ${taken}`)
})
