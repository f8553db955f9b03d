/** The log neither holds the service up nor ends it, whatever becomes of those who should take it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { get, send, until } from '../support/wire.js'

const entry = createRequire(import.meta.url).resolve('../../dist/src/server.js')
const hasFull = existsSync('/dev/full')
const children: ChildProcess[] = []
const folders: string[] = []

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** A port that is free now: what listens on it cannot say so where its log goes. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function start(stdout: 'pipe' | number, env: Record<string, string> = {}) {
  const port = await freePort()
  const child = spawn(process.execPath, [entry], {
    env: { PATH: process.env.PATH, PORT: String(port), DRAIN_TIMEOUT_MS: '3000', ...env },
    stdio: ['ignore', stdout, 'pipe'],
  })
  children.push(child)
  const stderr: string[] = []
  child.stderr?.on('data', (chunk) => stderr.push(String(chunk)))
  let listens = false
  for (let look = 0; look < 200 && !listens; look++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    listens = await fetch(`http://127.0.0.1:${port}/health/live`).then(
      (response) => response.ok,
      () => false,
    )
    if (child.exitCode !== null) break
  }
  return { child, port, stderr: () => stderr.join('') }
}

/** So many requests, each with a line of its own, pipelined on a few connections. */
async function ask(port: number, count: number): Promise<void> {
  for (let asked = 0; asked < count; asked += 50) {
    const wire = await send(port, get('/fast').repeat(50))
    await until(() => wire.text().split('200 OK').length === 51)
    wire.socket.destroy()
  }
}

const dropped = async (port: number): Promise<number> => {
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  return Number(/^log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1])
}

async function end(child: ChildProcess): Promise<number | null> {
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const [code] = await exit
  return code as number | null
}

test('a pipe that nobody reads: requests are answered, lines are counted, SIGTERM is heard', async () => {
  const { child, port } = await start('pipe')
  child.stdout?.pause()
  await ask(port, 15_000)
  expect(await dropped(port)).toBeGreaterThan(1000)
  const before = performance.now()
  expect(await end(child)).toBe(0)
  expect(performance.now() - before).toBeLessThan(6000)
})

test('read again, it says how many lines are missing, and nothing that was taken is lost', async () => {
  const { child, port } = await start('pipe')
  let text = ''
  child.stdout?.setEncoding('utf8').pause()
  await ask(port, 15_000)
  child.stdout?.on('data', (chunk) => {
    text += chunk
  })
  child.stdout?.resume()
  await until(() => text.length > 1_000_000)
  await ask(port, 50)
  const lost = await dropped(port)
  expect(await end(child)).toBe(0)
  const lines = text.trim().split('\n')
  expect(lines.at(-1)).toContain('closed, every request answered')
  const requests = lines.filter((line) => line.includes('GET /fast 200')).length
  expect(requests + lost).toBe(15_050)
  // A look at the pipe by the one who pauses makes room for a few in between: then there are two gaps.
  const gaps = [...text.matchAll(/"msg":"(\d+) log lines were dropped"/g)].map(([, gap]) =>
    Number(gap),
  )
  expect(gaps.reduce((sum, gap) => sum + gap, 0)).toBe(lost)
})

test('a reader that has gone: the service goes on', async () => {
  const { child, port } = await start('pipe')
  child.stdout?.destroy()
  await ask(port, 100)
  await until(() => child.exitCode === null)
  expect(await dropped(port)).toBeGreaterThan(0)
  expect(await end(child)).toBe(0)
})

test.skipIf(!hasFull)('a full disk: the service goes on', async () => {
  const full = openSync('/dev/full', constants.O_WRONLY)
  const { child, port } = await start(full)
  closeSync(full)
  await ask(port, 8000)
  expect(await dropped(port)).toBeGreaterThan(0)
  expect(await end(child)).toBe(0)
})

test.skipIf(!hasFull)(
  'an operator may ask for an end instead: it drains, says why and exits 1',
  async () => {
    const full = openSync('/dev/full', constants.O_WRONLY)
    const { child, stderr } = await start(full, { LOG_FAILURE: 'exit' })
    closeSync(full)
    if (child.exitCode === null) await once(child, 'exit')
    expect(child.exitCode).toBe(1)
    expect(stderr()).toMatch(/^LOG_FAILURE: the log cannot be written \(ENOSPC/)
  },
)

test('a pipe that nobody reads is such a failure, too', async () => {
  const { child, port, stderr } = await start('pipe', { LOG_FAILURE: 'exit' })
  child.stdout?.pause()
  const exit = once(child, 'exit')
  // It may end under way.
  await ask(port, 15_000).catch(() => {})
  await until(() => stderr() !== '')
  const before = performance.now()
  const [code] = await exit
  expect(code).toBe(1)
  expect(performance.now() - before).toBeLessThan(6000)
  expect(stderr()).toBe(
    'LOG_FAILURE: the log cannot be written (nobody takes it, and its buffer is full), closing\n',
  )
})

test('a file gets every line, in order', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-log-'))
  folders.push(folder)
  const path = join(folder, 'log')
  const file = openSync(path, 'w')
  const { child, port } = await start(file)
  closeSync(file)
  await ask(port, 500)
  expect(await end(child)).toBe(0)
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  const times = lines.map((line) => (JSON.parse(line) as { time: number }).time)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(lines.filter((line) => line.includes('GET /fast 200'))).toHaveLength(500)
  expect(lines.at(-1)).toContain('closed, every request answered')
})
