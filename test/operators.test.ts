/** The files for operators name metrics that exist, and Prometheus takes their expressions. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildApp } from '../src/app.js'
import { parseExposition } from './support/exposition.js'
import { promtool } from './support/promtool.js'

interface Panel {
  id: number
  type: string
  title: string
  description?: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: unknown
  targets?: { refId: string; expr: string; legendFormat: string; datasource: unknown }[]
}

const root = resolve(import.meta.dirname, '..')
const alerts = readFileSync(join(root, 'src/sluice/operators/alerts.yml'), 'utf8')
const dashboard = JSON.parse(
  readFileSync(join(root, 'src/sluice/operators/grafana.json'), 'utf8'),
) as {
  panels: Panel[]
  templating: { list: { name: string; type: string; datasource?: unknown; query: unknown }[] }
}
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

let app: FastifyInstance
/** Families, and the names of their samples. */
let ours: string[]
let samples: Set<string>

beforeAll(async () => {
  app = await buildApp({ TIME_SCALE: 0, LIMIT: 1 })
  await app.inject('/fast')
  const families = parseExposition((await app.inject('/metrics')).body, 'text')
  samples = new Set(
    [...families].flatMap(([name, { type }]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name],
    ),
  )
  ours = [...families.keys()].filter((name) =>
    /^(http_server|concurrency)_|_(util|delay)/.test(name),
  )
})
afterAll(() => app.close())

test('a running server hands them out', async () => {
  for (const name of ['alerts.yml', 'grafana.json']) {
    const { statusCode, body } = await app.inject(`/public/operators/${name}`)
    const file = readFileSync(join(root, 'src/sluice/operators', name), 'utf8')
    expect([name, statusCode, body]).toEqual([name, 200, file])
  }
})

const metricsIn = (text: string): string[] =>
  text.match(/\b(?:http_server|concurrency|nodejs|process)_\w+/g) ?? []

const needs = '(needs promtool, of the Debian package prometheus)'

describe('the alert rules', () => {
  const rules = alerts.split(/^ +- alert: /m).slice(1)

  test('are one for each thing that goes wrong, with a severity, a time to last, and what to do', () => {
    expect(rules.map((rule) => rule.split('\n')[0])).toEqual([
      'SluiceLimitSaturated',
      'SluiceQueueGrowing',
      'SluiceRejections',
      'SluiceEventLoopDelay',
      'SluiceAborts',
    ])
    for (const rule of rules) {
      for (const part of [/^ +expr: /m, /^ +for: \d+m$/m, /^ +severity: (warning|critical)$/m]) {
        expect(rule).toMatch(part)
      }
      expect(rule).toMatch(/^ +summary: '.*\$labels\.instance/m)
      expect(rule).toMatch(/^ +description: >-/m)
    }
  })

  test('name only metrics that there are', () => {
    for (const rule of rules) {
      const named = metricsIn(rule.replace(/annotations:[\s\S]*/, ''))
      expect(named.length).toBeGreaterThan(0)
      expect(named.filter((name) => !samples.has(name))).toEqual([])
    }
  })

  test.skipIf(promtool === undefined)(`are what Prometheus takes for rules ${needs}`, () => {
    const { status, output } =
      promtool?.(['check', 'rules', 'src/sluice/operators/alerts.yml']) ?? {}
    expect([status, output]).toEqual([0, expect.stringContaining('SUCCESS: 5 rules found')])
  })

  test.skipIf(promtool === undefined)(`fire where they should, and only there ${needs}`, () => {
    const file = 'test/fixtures/promtool/alerts.test.yml'
    const { status, output } = promtool?.(['test', 'rules', file]) ?? {}
    expect([status, output]).toEqual([0, expect.stringContaining('SUCCESS')])
  })
})

describe('the Grafana dashboard', () => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row')

  test('shows every metric of ours, and none that there is not', () => {
    const named = expressions.flatMap(metricsIn)
    expect(named.filter((name) => !samples.has(name))).toEqual([])
    const families = new Set(named.map((name) => name.replace(/_(bucket|sum|count)$/, '')))
    expect(ours).toHaveLength(31)
    expect(ours.filter((name) => !families.has(name))).toEqual([])
  })

  test('picks data source, job and instance, in every panel', () => {
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual([
      'datasource',
      'job',
      'instance',
    ])
    for (const expression of expressions) {
      const selectors = expression.match(/\{[^}]*\}/g) ?? []
      expect(selectors.length).toBeGreaterThan(0)
      for (const selector of selectors) {
        expect(selector).toContain('job=~"$job",instance=~"$instance"')
      }
    }
  })

  test('asks the data source that was picked for everything', () => {
    const picked = { type: 'prometheus', uid: expect.stringMatching(/^\$\{datasource\}$/) }
    const [, ...queried] = dashboard.templating.list
    for (const { name, datasource } of queried) expect([name, datasource]).toEqual([name, picked])
    for (const { title, datasource, targets = [] } of panels) {
      expect([title, datasource]).toEqual([title, picked])
      expect([title, targets.map((target) => target.datasource)]).toEqual([
        title,
        targets.map(() => picked),
      ])
      expect(targets.length).toBeGreaterThan(0)
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length)
    }
  })

  test('is laid out without gaps in a row or panels on top of each other', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    const height = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h))
    expect(cells.length).toBe(24 * height)
    for (const { title, description } of panels) expect([title, description]).not.toContain('')
  })

  test.skipIf(promtool === undefined)(`asks what Prometheus understands ${needs}`, async () => {
    const rules = expressions.map((expr, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }))
    const folder = await mkdtemp(join(root, 'test', '.rules-'))
    try {
      // JSON is YAML.
      const file = join(folder, 'rules.json')
      await writeFile(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
      const { status, output } = promtool?.(['check', 'rules', file]) ?? {}
      const found = `SUCCESS: ${rules.length} rules found`
      expect([status, output]).toEqual([0, expect.stringContaining(found)])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
