import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { main } from '../../load-tests/cli.js'
import type { Report } from '../../load-tests/report/report.js'
import { scenarios as menu } from '../../load-tests/scenarios/menu.js'
import type { Scenario } from '../../load-tests/scenarios/scenario.js'

/** The command line over streams, without pinning the process that runs the tests. */
async function run(args: string[], scenarios: readonly Scenario[] = menu, signal = never()) {
  const stdout = new PassThrough({ encoding: 'utf8' })
  const stderr = new PassThrough({ encoding: 'utf8' })
  const code = await main(args, {
    signal,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    scenarios,
    pin: () => ({ core: undefined, description: 'not pinned' }),
  })
  return { code, stdout: stdout.read() ?? '', stderr: stderr.read() ?? '' }
}

function never(): AbortSignal {
  return new AbortController().signal
}

function fake(name: string, ok: boolean): Scenario {
  const checks = [{ name: 'a threshold', ok, detail: `it was ${ok}` }]
  return { name, question: `${name}?`, run: async () => ({ rows: [], checks }) }
}

const good = fake('good', true)
const bad = fake('bad', false)

describe('without arguments', () => {
  test('lists every scenario with its question and exits with 0', async () => {
    const { code, stdout } = await run([])
    expect(code).toBe(0)
    for (const { name, question } of menu) {
      expect(stdout).toMatch(new RegExp(`^  ${name} +${question.replace(/[?.]/g, '\\$&')}$`, 'm'))
    }
  })
})

describe('bad usage exits with 2, says what is wrong, names the scenarios, and runs nothing', () => {
  test.for([
    [['good', 'nonesuch'], 'unknown scenario: nonesuch'],
    [['--quick'], 'which scenario?'],
    [['--fast'], "Unknown option '--fast'"],
    [['--json'], "'--json <value>' argument missing"],
    [['good', '--json', '/no/such/folder/report.json'], '--json: Error: ENOENT'],
    [['--html'], "'--html <value>' argument missing"],
    [['good', '--html', '/no/such/folder/report.html'], '--html: Error: ENOENT'],
    [['good', '--html', ''], '--html: Error: ENOENT'],
  ] as const)('%j', async ([args, problem]) => {
    const { code, stdout, stderr } = await run([...args], [good, bad])
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(problem)
    expect(stderr).toMatch(/^ {2}good +good\?$/m)
  })
})

describe('options of a scenario', () => {
  const picky: Scenario = {
    ...good,
    name: 'picky',
    options: { colour: 'NAME  a colour' },
    refuse: ({ colour }) => (colour?.includes('grey') ? 'no grey' : undefined),
    run: async ({ chosen }) => ({
      rows: [],
      checks: [{ name: 'chosen', ok: true, detail: JSON.stringify(chosen) }],
    }),
  }

  test('reach it, as often as they are given, and are in the usage', async () => {
    const { stdout } = await run(['picky', '--colour', 'red', '--colour', 'blue'], [good, picky])
    expect(stdout).toContain('chosen: {"colour":["red","blue"]}')
    expect((await run([], [good, picky])).stdout).toContain(
      'Options of picky:\n  --colour NAME  a colour\n',
    )
  })

  test.for([
    [['picky', '--colour', 'grey'], 'picky: no grey'],
    [['good', '--colour', 'red'], '--colour has no effect on good'],
    [['picky', '--size', '1'], "Unknown option '--size'"],
  ] as const)('are refused before anything runs: %j', async ([args, problem]) => {
    const { code, stdout, stderr } = await run([...args], [good, picky])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(problem)
  })
})

describe('the report in files', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'load-cli-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  test('--json and --html write all scenarios that ran, also when a threshold failed', async () => {
    const [json, html] = [join(folder, 'report.json'), join(folder, 'report.html')]
    const { code } = await run(['good', 'bad', '--json', json, '--html', html], [good, bad])
    expect(code).toBe(1)
    const { scenarios } = JSON.parse(await readFile(json, 'utf8')) as Report
    expect(scenarios.map(({ name }) => name)).toEqual(['good', 'bad'])
    const page = await readFile(html, 'utf8')
    expect(page).toMatch(/^<!doctype html>/)
    expect(page).toContain('<h2>good</h2>')
    expect(page).toContain('<h2>bad</h2>')
  })
})

describe('thresholds decide the exit code', () => {
  test('all held: 0', async () => {
    const { code, stdout } = await run(['good'], [good, bad])
    expect(code).toBe(0)
    expect(stdout).toContain('✓ a threshold: it was true')
    expect(stdout).toContain('Every threshold held.')
  })

  test('one failed: 1, after all the others have run', async () => {
    const { code, stdout } = await run(['bad', 'good'], [good, bad])
    expect(code).toBe(1)
    expect(stdout).toContain('✗ a threshold: it was false')
    expect(stdout).toContain('✓ a threshold: it was true')
    expect(stdout).toContain('A threshold failed in bad.')
  })

  test('a scenario that throws has failed: 1, and says why', async () => {
    const broken: Scenario = { ...good, run: () => Promise.reject(new Error('out of luck')) }
    const { code, stdout } = await run(['good'], [broken])
    expect(code).toBe(1)
    expect(stdout).toContain('out of luck')
  })

  test('interrupted: 130, with what had run before', async () => {
    const interrupted = new AbortController()
    const interrupting: Scenario = {
      ...good,
      name: 'interrupting',
      run: async ({ signal }) => {
        interrupted.abort(new Error('interrupted'))
        signal.throwIfAborted()
        return { rows: [], checks: [] }
      },
    }
    const args = ['good', 'interrupting', 'bad']
    const { code, stdout } = await run(args, [good, interrupting, bad], interrupted.signal)
    expect(code).toBe(130)
    expect(stdout).toContain('✓ a threshold: it was true')
    expect(stdout).toContain('Interrupted.')
    expect(stdout).not.toContain('bad?')
  })
})
