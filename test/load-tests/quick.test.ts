import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Report } from '../../load-tests/report/report.js'
import { scenarios } from '../../load-tests/scenarios/menu.js'

const RUNNER = fileURLToPath(new URL('../../load-tests/run.ts', import.meta.url))
const NAMES = scenarios.map(({ name }) => name)

let started: ChildProcess[] = []

/** The runner as npm starts it, without npm. */
function start(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', RUNNER, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  return child
}

afterEach(() => {
  // One that outlived its test is told to end, and takes its server with it.
  for (const child of started) child.kill('SIGTERM')
  started = []
})

describe('a quick run of all scenarios', () => {
  let folder: string
  let output: string
  let code: number | null
  let report: Report

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'load-'))
    const file = join(folder, 'report.json')
    const child = start('--quick', '--json', file, ...NAMES)
    const exited = once(child, 'exit')
    child.stderr.resume()
    output = await text(child.stdout)
    ;[code] = await exited
    report = JSON.parse(await readFile(file, 'utf8'))
  }, 300_000)

  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('holds every threshold, runs in the order asked for, and exits with 0', () => {
    const failed = report.scenarios.flatMap(({ name, checks }) =>
      checks.filter(({ ok }) => !ok).map((check) => ({ scenario: name, ...check })),
    )
    expect(failed).toEqual([])
    expect(report.scenarios.map(({ name }) => name)).toEqual(NAMES)
    expect(report.ok).toBe(true)
    expect(code).toBe(0)
  })

  test('accounts for every request that it sends, as both sides count', () => {
    const rows = report.scenarios.flatMap((scenario) => scenario.rows)
    expect(rows.length).toBeGreaterThan(0)
    for (const { label, sent, answered, aborted = 0, served = answered, errors } of rows) {
      expect(answered, label).toBeGreaterThan(0)
      expect({ label, ended: answered + aborted, served, errors }).toEqual({
        label,
        ended: sent,
        served: answered,
        errors: 0,
      })
    }
  })

  test('draws an overload over time, and prints no latency of nobody', () => {
    const overload = report.scenarios.find(({ name }) => name === 'overload')
    const drawn = overload?.series.filter(({ points }) => points.length > 0) ?? []
    for (const work of ['5 ms of computing', '50 ms of waiting, 20 slots that thrash']) {
      const of = (what: string) =>
        drawn.filter(({ unit }) => unit.startsWith(`${what}, ${work}, 5 ×`))
      expect(of('due/s')).toHaveLength(1)
      expect(of('answers in time/s')).toHaveLength(4)
      expect(of('requests').map(({ name }) => name)).toEqual(
        expect.arrayContaining(['in flight', 'queued', 'limit']),
      )
    }
    expect(output).not.toMatch(/(?<![\d.,])0\.00 ms/)
  })

  test('names the machine, in the file and under the table', () => {
    const { machine } = report
    expect(machine).toMatchObject({ node: process.version, cores: expect.any(Number) })
    expect(output).toContain(`${machine.cpu}, ${machine.cores} cores`)
    expect(output).toContain(report.pinning)
  })

  test('prints a line of figures for every row, within 100 columns', () => {
    const labels = report.scenarios.flatMap(({ rows }) => rows.map(({ label }) => label))
    const lines = output.split('\n')
    for (const label of labels) {
      const printed = lines.some((line) => `${line} `.startsWith(`  ${label} `))
      expect(printed, label).toBe(true)
    }
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100)
  })
})

test('an interrupted run stops its server and exits with 130', { timeout: 60_000 }, async () => {
  const child = start('fast')
  const exited = once(child, 'exit')
  let port: number | undefined
  for await (const line of createInterface(child.stderr)) {
    port ??= Number(/listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]) || undefined
    if (line.includes('warming up')) child.kill('SIGINT')
  }
  expect(await exited).toEqual([130, null])
  expect(port).toBeDefined()
  await expect(once(connect(port ?? 0, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED')
})
