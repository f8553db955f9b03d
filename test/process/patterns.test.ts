/** The patterns in the built server: threads load their compiled file, and a drain ends all of it. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { get, send, until } from '../support/wire.js'

let server: ServerProcess
let temporary: string

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  server = await startServer({ TIME_SCALE: '0.1', TMPDIR: temporary })
})
afterEach(async () => {
  server.child.kill('SIGKILL')
  await server.exit
  await rm(temporary, { recursive: true })
})

test('after a signal running patterns end, streams with their last byte, and nothing is left', async () => {
  const { port, child, exit, log } = server
  const ask = async (path: string, method = 'GET'): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/patterns/${path}`, { method })
    return ((await response.json()) as { result: unknown }).result
  }
  // Each of these leaves something behind that the end has to take away.
  expect(await ask('threads')).toMatchObject({ sums: Array(4).fill('333332833333500000') })
  expect(await ask('fan-out')).toMatchObject({ answered: 8 })
  expect(await ask('files/write', 'POST')).toBe('Data written to log.txt')
  expect(await readdir(temporary)).toHaveLength(1)
  await ask('errors/background?delay=60000')
  const stream = await send(port, get('/patterns/broadcast'))
  await stream.received('event: listening')
  const polling = await send(port, get('/patterns/polling?for=6000'))
  await until(() => JSON.stringify(log).includes('/patterns/polling'))
  child.kill('SIGTERM')
  await stream.received(/\r\n0\r\n\r\n$/)
  await polling.received('Main task done.')
  expect(await exit).toBe(0)
  expect(await readdir(temporary)).toEqual([])
  expect(log.filter(({ level }) => Number(level) >= 50)).toEqual([])
})
