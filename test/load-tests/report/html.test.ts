import { describe, expect, test } from 'vitest'
import type { Row, Series } from '../../../load-tests/figures/outcome.js'
import { loadSeries } from '../../../load-tests/measures/series.js'
import { renderPage } from '../../../load-tests/report/html/page.js'
import { linear, logarithmic } from '../../../load-tests/report/html/scale.js'
import type { Report, Result } from '../../../load-tests/report/report.js'

const EVIL = `<script src="http://evil.example/x.js">&'`
const ESCAPED = '&lt;script src=&quot;http://evil.example/x.js&quot;&gt;&amp;'

const row: Row = {
  ...{ label: 'GET /fast', connections: 50, sent: 4000, answered: 3000, aborted: 1000, errors: 0 },
  ...{ seconds: 3, rate: 1234.4, p50: 0.67, p90: 1.5, p99: 3, p999: 21, max: 32 },
}
const of = (name: string, unit: string): Series => ({
  ...{ name, unit },
  points: [
    [0, 0],
    [20, 2],
    [40, 1],
  ],
})
const result: Result = {
  ...{ name: 'fast', question: 'How many?', ok: true, seconds: 7, rows: [row] },
  checks: [
    { name: 'it holds', ok: true, detail: 'three of three' },
    { name: 'it is whole', ok: false, detail: 'two of three' },
  ],
  tables: [{ head: ['', 'ratio'], rows: [['bare Fastify', '1.000']], note: 'medians of seven' }],
  series: [of('in flight', 'requests'), of('queued', 'requests'), of('lag', 'ms')],
}

function page(change: Partial<Result> = {}, ok = true): string {
  const report: Report = {
    startedAt: '2026-01-01T00:00:00.000Z',
    machine: { cpu: 'Some CPU', cores: 2, platform: 'linux x64', node: 'v20.20.2' },
    pinning: 'server on core 0, client on core 1',
    ...{ quick: false, ok, scenarios: [{ ...result, ok, ...change }] },
  }
  return renderPage(report)
}

/** The charts of a page by their captions. */
function charts(html: string): Map<string, string> {
  const found = html.matchAll(/<figure><figcaption>(.*?)<\/figcaption>(.*?)<\/figure>/gs)
  return new Map([...found].map(([, caption = '', body = '']) => [caption, body]))
}

describe('the page', () => {
  test('refers to nothing outside itself, and runs nothing', () => {
    const html = page()
    expect(html).not.toMatch(/\b(src|href|srcset|action|data)\s*=|url\(|@import|<script|<link/i)
    expect(html.replace(/xmlns="[^"]*"/g, '')).not.toMatch(/https?:|\/\/\w/)
  })

  test('names machine, verdict, and of a scenario its question, rows, tables and checks', () => {
    const text = page({}, false)
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
    for (const expected of [
      ...['Some CPU, 2 cores, linux x64, Node v20.20.2; server on core 0, client on core 1'],
      ...['A threshold failed in fast.', 'How many?', 'GET /fast 50 1,234 0.67 ms 3.00 ms 0'],
      ...['4,000 = 3,000 + 1,000', 'bare Fastify 1.000', 'medians of seven'],
      ...['✓ it holds: three of three', '✗ it is whole: two of three'],
    ]) {
      expect(text).toContain(expected)
    }
  })

  test('escapes all that scenarios say', () => {
    const html = page({
      ...{ name: EVIL, question: EVIL, rows: [{ ...row, label: EVIL }] },
      checks: [{ name: EVIL, ok: true, detail: EVIL }],
      tables: [{ head: [EVIL], rows: [[EVIL]], note: EVIL }],
      series: [of(EVIL, EVIL)],
    })
    expect(html).not.toContain('<script')
    // Twice in a check; thrice in a table; a row's in its table and two charts; a series' in its
    // line, its legend, its caption and the name of its chart.
    expect(html.split(ESCAPED).length - 1).toBe(2 + 2 + 3 + 3 + 4)
  })

  test('says when the client was the bottleneck, and of what', () => {
    const cpu = { server: 0.5, client: 0.99 }
    const remark = 'The client was the bottleneck of GET /fast'
    expect(page({ rows: [{ ...row, cpu }] })).toContain(remark)
    expect(page()).not.toContain(remark)
  })
})

describe('charts', () => {
  test('one for latency, one for throughput, one for each unit of the series', () => {
    expect([...charts(page()).keys()]).toEqual([
      ...['Latency of the answered, logarithmic', 'Throughput, answers a second'],
      ...['requests, over time', 'ms, over time'],
    ])
  })

  test('none without figures', () => {
    expect(charts(page({ rows: [], series: [] })).size).toBe(0)
    expect(charts(page({ rows: [], series: [{ name: 'a', unit: 'b', points: [] }] })).size).toBe(0)
  })

  test('every percentile that a row has is a mark with its figure; others are left out', () => {
    const { p90: _, p999: __, ...few } = row
    const marks = (rows: Row[]): string[] => {
      const chart = charts(page({ rows })).get('Latency of the answered, logarithmic') ?? ''
      return [...chart.matchAll(/<title>(.*?)<\/title>/g)].map(([, title = '']) => title)
    }
    const all = ['p50 0.67 ms', 'p90 1.50 ms', 'p99 3.00 ms', 'p99.9 21.0 ms', 'max 32.0 ms']
    expect(marks([row])).toEqual(all)
    expect(marks([few])).toEqual([all[0], all[2], all[4]])
  })

  test('series of one unit share a chart, as steps', () => {
    const chart = charts(page()).get('requests, over time') ?? ''
    expect(chart.match(/<path /g)).toHaveLength(2)
    expect(chart).toContain('in flight</li>')
    expect(chart).toContain('queued</li>')
    expect(chart).toMatch(/ d="M[\d.]+ [\d.]+H[\d.]+V[\d.]+H[\d.]+V[\d.]+"/)
  })

  test('a load: what was due, what of it each answered in time, and each limiter meanwhile', () => {
    const course = [
      { due: 2000, answered: 190 },
      { due: 2100, answered: 180 },
    ]
    const look = (name: string, at: number) => ({ at, name, limit: 20, inFlight: 9, queued: 3 })
    const looks = ['app', 'event-loop'].flatMap((name) => [look(name, 1), look(name, 250)])
    const series = loadSeries('work, 10 ×', [
      { contender: 'bare', course, looks: [] },
      { contender: 'ours', course, looks },
    ])
    const found = charts(page({ rows: [], series }))
    expect([...found.keys()]).toEqual([
      ...['due/s, work, 10 ×, over time', 'answers in time/s, work, 10 ×, over time'],
      ...['app', 'event-loop'].map(
        (name) => `requests, work, 10 ×, ours, limiter ${name}, warm-up included, over time`,
      ),
    ])
    const legends = [...found.values()].map((chart) =>
      [...chart.matchAll(/<\/i>(.*?)<\/li>/g)].map(([, name]) => name),
    )
    const limiter = ['in flight', 'queued', 'limit']
    expect(legends).toEqual([['due'], ['bare', 'ours'], limiter, limiter])
    // The last second is as wide as the others.
    expect(series[0]?.points).toEqual([
      ...[0, 1000].map((at, n) => [at, 2000 + n * 100]),
      [2000, 2100],
    ])
  })

  test('no place in them is undefined or infinite, whatever the figures', () => {
    const still = { name: 'still', unit: 'x', points: [[0, 0]] as const }
    for (const p50 of [0, 1e-3, 1, 1000, 86_400_000]) {
      const same = { ...row, rate: p50, ...{ p50, p90: p50, p99: p50, p999: p50, max: p50 } }
      expect(page({ rows: [same], series: [still] })).not.toMatch(/NaN|Infinity|undefined/)
    }
  })
})

describe('scales', () => {
  test('linear: round values from 0 that hold the highest', () => {
    expect(linear(61, 0, 100).ticks).toEqual([0, 20, 40, 60, 80])
    expect(linear(1.2, 0, 100).ticks).toEqual([0, 0.5, 1, 1.5])
    expect(linear(61, 0, 100).place(40)).toBe(50)
  })

  test('logarithmic: round values around both, more of them in a narrow range', () => {
    expect(logarithmic(254, 900, 0, 100).ticks).toEqual([200, 500, 1000])
    expect(logarithmic(0.3, 2000, 0, 100).ticks).toEqual([0.1, 1, 10, 100, 1000, 10_000])
    expect(logarithmic(1, 100, 0, 100).place(10)).toBeCloseTo(50)
    expect(logarithmic(5, 5, 0, 100).ticks.length).toBeGreaterThan(1)
  })
})
