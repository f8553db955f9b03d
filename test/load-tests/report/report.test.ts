import { describe, expect, test } from 'vitest'
import type { Row, Table } from '../../../load-tests/figures/outcome.js'
import { isClientBound, type Report } from '../../../load-tests/report/report.js'
import { render } from '../../../load-tests/report/table.js'
import { parseCores } from '../../../load-tests/subjects/process/pinning.js'

const row: Row = {
  ...{ label: 'GET /public/data.txt', connections: 1000, sent: 200_000, answered: 200_000 },
  ...{ served: 200_000, errors: 0, seconds: 3, rate: 65_571.4, p50: 0.671, p99: 12_206.2, max: 9 },
  cpu: { server: 0.7, client: 0.99 },
}

function reportOf(rows: Row[], ok = true, tables: Table[] = []): Report {
  const checks = [{ name: 'a threshold', ok, detail: 'a long story '.repeat(12).trim() }]
  return {
    startedAt: '2026-01-01T00:00:00.000Z',
    machine: { cpu: 'Some CPU', cores: 2, platform: 'linux x64', node: 'v20.20.2' },
    pinning: 'server on core 0, client on core 1',
    quick: false,
    ok,
    scenarios: [
      {
        ...{ name: 'file', question: 'What?', ok, seconds: 7, rows, checks },
        tables,
        series: [],
      },
    ],
  }
}

describe('the table', () => {
  test('shows rate, quantiles, errors and the balance on one line', () => {
    const line = render(reportOf([row]), false).match(/^.*data\.txt .*$/m)?.[0]
    expect(line?.trim().split(/\s{2,}/)).toEqual([
      ...['GET /public/data.txt', '1,000', '65,571', '0.67 ms', '12,206 ms', '0'],
      ...['200,000 = 200,000', '70/99 %'],
    ])
  })

  test('shows no latency where nobody was answered', () => {
    const { p50: _, p99: __, max: ___, ...nobody } = { ...row, answered: 0, rate: 0 }
    const line = render(reportOf([nobody]), false).match(/^.*data\.txt .*$/m)?.[0]
    expect(line?.trim().split(/\s{2,}/)).toEqual([
      ...['GET /public/data.txt', '1,000', '0', '0', '200,000 ≠ 0', '70/99 %'],
    ])
  })

  test('marks what was sent and never answered', () => {
    expect(render(reportOf([{ ...row, answered: 199_999 }]), false)).toContain('200,000 ≠ 199,999')
  })

  test('takes a request whose client left for accounted for', () => {
    const { cpu: _unmeasured, ...storm } = { ...row, answered: 150_000, aborted: 50_000 }
    const plain = render(reportOf([storm]), false)
    expect(plain).toMatch(/ sent = answered \+ aborted\n.* 200,000 = 150,000 \+ 50,000$/m)
    expect(render(reportOf([{ ...row, aborted: 50_000 }]), false)).toContain('200,000 ≠ 200,000')
  })

  test('gives a label that is longer than its column a line of its own', () => {
    const label = 'GET /a/path/that/is/longer/than/its/column, 1,000 pending'
    expect(render(reportOf([{ ...row, label }]), false)).toMatch(
      new RegExp(`^  ${label}\\n +1,000 `, 'm'),
    )
  })

  test('shows tables of a scenario without rows, first column left, others right', () => {
    const table: Table = {
      head: ['', 'rate/s'],
      rows: [
        ['bare', '10'],
        ['plugin', '9'],
      ],
      note: 'ratios of medians',
    }
    const plain = render(reportOf([], true, [table]), false)
    expect(plain).toContain(
      ['What? (7 s)', '          rate/s', '  bare        10', '  plugin       9', ''].join('\n'),
    )
    expect(plain).toContain('\n  ratios of medians\n')
    expect(plain).not.toContain('conns')
  })

  test('wraps what is too wide in a table, and cuts nothing', () => {
    const words = Array.from({ length: 40 }, (_, n) => `word${n}`)
    const table: Table = { head: ['', 'a', 'b'], rows: [[words.join(' '), '1', words.join(' ')]] }
    const plain = render(reportOf([], true, [table]), false)
    expect(Math.max(...plain.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    for (const word of words) expect(plain.split(word).length, word).toBeGreaterThanOrEqual(3)
    expect(plain).not.toContain('…')
  })

  test('stays within 100 columns, whatever it has to say, and has no colours unless asked', () => {
    const plain = render(reportOf([row], false), false)
    expect(Math.max(...plain.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    expect(plain).not.toContain('\u001b')
    expect(render(reportOf([row], false), true)).toContain('\u001b')
  })

  test('says when the client was the bottleneck, and of what', () => {
    const remark = 'The client was the bottleneck of GET /public/data.txt'
    expect(render(reportOf([row]), false)).toContain(remark)
    expect(render(reportOf([{ ...row, cpu: { server: 0.9, client: 0.8 } }]), false)).not.toContain(
      'bottleneck',
    )
  })
})

test('the client is the bottleneck when it has no time left and the server has', () => {
  const { cpu: _measured, ...unmeasured } = row
  expect(isClientBound({ ...row, cpu: { server: 0.7, client: 0.96 } })).toBe(true)
  expect(isClientBound({ ...row, cpu: { server: 0.99, client: 0.96 } })).toBe(false)
  expect(isClientBound({ ...row, cpu: { server: 0.5, client: 0.9 } })).toBe(false)
  expect(isClientBound(unmeasured)).toBe(false)
})

test('the cores a process may use are read from what taskset says', () => {
  expect(parseCores("pid 7's current affinity list: 0,1\n")).toEqual([0, 1])
  expect(parseCores("pid 7's current affinity list: 4-6,9\n")).toEqual([4, 5, 6, 9])
  expect(parseCores("pid 7's current affinity list: 3\n")).toEqual([3])
  expect(parseCores('who knows')).toEqual([])
})
