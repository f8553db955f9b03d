/**
 * `npm run test:hostile`, bounded and by a fixed seed: what is sent, to whom and what has to hold is in
 * load-tests/hostile. By hand it takes as long as it is asked to.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { main } from '../../../load-tests/hostile/cli.js'
import { builders } from '../../../load-tests/hostile/scenarios/menu.js'

const RUNNER = fileURLToPath(new URL('../../../load-tests/hostile/run.ts', import.meta.url))
const running = new Set<ChildProcess>()

afterEach(() => {
  // One that outlived its test is told to end, and takes its servers with it.
  for (const child of running) child.kill('SIGTERM')
})

async function run(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', RUNNER, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const exited = once(child, 'exit')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = (await exited) as [number | null]
  running.delete(child)
  return { code, stdout, stderr }
}

/** The servers that it started, by the lines that say so. */
function pidsIn(stderr: string): number[] {
  return [...stderr.matchAll(/server (\d+) listens/g)].map(([, pid]) => Number(pid))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test.each(Object.keys(builders))(
  'hostile clients and a sick machine: %s holds',
  async (name) => {
    const { code, stdout, stderr } = await run('--quick', '--seed', '20', name)
    expect(stdout).toMatch(new RegExp(`^${name}  .+`, 'm'))
    expect(stdout.split('\n').filter((line) => line.includes('✗'))).toEqual([])
    expect({ code, stdout, stderr }).toMatchObject({ code: 0 })
    expect(pidsIn(stderr).filter(isAlive)).toEqual([])
  },
  120_000,
)

describe('bad usage exits with 2, says what it got and takes, and runs nothing', () => {
  test.each([
    [['--seed', 'x'], '--seed: got "x", takes an integer'],
    [['--seconds', '0'], '--seconds: got "0", takes seconds > 0'],
    [['--connections', '1.5'], '--connections: got "1.5", takes an integer >= 1'],
    [['nonesuch'], 'unknown scenario: nonesuch'],
    [['--fast'], "Unknown option '--fast'"],
  ])('%j', async (args, problem) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    const streams = { stdout, stderr } as unknown as Pick<
      Parameters<typeof main>[1],
      'stdout' | 'stderr'
    >
    const { signal } = new AbortController()
    expect(await main(args, { ...streams, signal })).toBe(2)
    expect(stdout.read()).toBe(null)
    const said = String(stderr.read())
    expect(said).toContain(problem)
    expect(said).toContain('Usage: npm run test:hostile')
  })
})
