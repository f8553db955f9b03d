/**
 * A loop that has more to compute than it can. Real sockets, because turns of the loop are the
 * subject, and a process of its own, because its clients must not be held up with it.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Agent, request } from 'undici'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SluiceOptions, Snapshot } from '../../src/sluice/index.js'
import { open } from '../support/wire.js'

const SERVER = fileURLToPath(new URL('../support/busy-server.ts', import.meta.url))

let server: ChildProcess
let port: number
let agent: Agent

beforeEach(() => {
  // A connection for each: none waits for another's.
  agent = new Agent({ connections: 1000, pipelining: 0 })
})

afterEach(async () => {
  await agent.destroy()
  if (server.exitCode === null && server.signalCode === null) {
    server.kill('SIGKILL')
    await once(server, 'exit')
  }
})

async function serve(options: SluiceOptions, milliseconds: number): Promise<void> {
  server = fork(SERVER, [JSON.stringify(options), String(milliseconds)], {
    execArgv: ['--import', 'tsx'],
  })
  ;[port] = (await once(server, 'message')) as [number]
}

async function ask(path: string): Promise<{ status: number; text: string }> {
  const { statusCode, body } = await request(`http://127.0.0.1:${port}${path}`, {
    dispatcher: agent,
  })
  return { status: statusCode, text: await body.text() }
}

/** When all is over: nothing is held, nobody is lost. */
async function settled(): Promise<Snapshot & { started: string[] }> {
  const look = async () => JSON.parse((await ask('/concurrency')).text)
  let snapshot = await look()
  // This look itself is active.
  for (let i = 0; i < 100 && snapshot.requests.active > 1; i++) {
    await sleep(10)
    snapshot = await look()
  }
  const { requests, limiters } = snapshot
  expect(requests.active).toBe(1)
  expect(requests.total).toBe(requests.answered + requests.aborted + 1)
  for (const { inFlight, queued } of limiters) {
    expect({ inFlight, queued }).toEqual({ inFlight: 0, queued: 0 })
  }
  return snapshot
}

test('what is exempt is answered while a flood of work is still under way', async () => {
  await serve({ pressure: true }, 20)
  let ended = 0
  const flood = Array.from({ length: 60 }, (_, index) => ask(`/work/${index}`).then(() => ended++))
  await sleep(100)
  expect((await ask('/health/live')).text).toBe('live')
  const before = ended
  await Promise.all(flood)
  expect(before).toBeLessThan(40)
  await settled()
})

test('guarantee 6: a flood beyond what the loop can do is shed, and everybody is told', async () => {
  await serve({ pressure: { target: 10, interval: 50 } }, 10)
  const asked: Promise<{ status: number; text: string }>[] = []
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 8; i++) asked.push(ask(`/work/${round}`))
    await sleep(10)
  }
  const answers = await Promise.all(asked)
  const served = answers.filter(({ status }) => status === 200).length
  const shed = answers.filter(({ status }) => status === 503)
  expect(served + shed.length).toBe(320)
  expect(served).toBeGreaterThan(10)
  expect(shed.length).toBeGreaterThan(50)
  for (const { text } of shed) expect(JSON.parse(text)).toMatchObject({ code: 'SLUICE_PRESSURE' })
  const { limiters, requests, started } = await settled()
  expect(started).toHaveLength(served)
  expect(requests.rejected).toBe(shed.length)
  expect(limiters[0]).toMatchObject({ admitted: served, rejected: { pressure: shed.length } })
})

test('guarantee 4: a client that leaves while it waits for the loop never reaches its handler', async () => {
  await serve({ pressure: true }, 25)
  const busy = Array.from({ length: 20 }, (_, index) => ask(`/work/busy${index}`))
  await sleep(60)
  const wire = await open(port)
  wire.socket.write('GET /work/left HTTP/1.1\r\nHost: x\r\n\r\n')
  await sleep(100)
  wire.socket.resetAndDestroy()
  await Promise.all(busy)
  const { requests, started } = await settled()
  expect(started).not.toContain('left')
  expect(requests.aborted).toBe(1)
})

test('guarantee 7: in a drain who waits for the loop is told so, and who was let in finishes', async () => {
  await serve({ pressure: true }, 25)
  const flood = Array.from({ length: 30 }, (_, index) =>
    ask(`/work/${index}`).catch(() => undefined),
  )
  let text = ''
  for (let look = 0; look < 300 && !(text && JSON.parse(text).limiters[0].queued > 0); look++) {
    await sleep(10)
    text = (await ask('/concurrency')).text
  }
  expect((await ask('/concurrency/drain')).text).toBe('draining')
  const answers = await Promise.all(flood)
  expect(JSON.parse(text).limiters[0].queued).toBeGreaterThan(0)
  expect(answers.filter((answer) => answer?.status === 200).length).toBeGreaterThan(0)
  const refused = answers.filter((answer) => answer?.text.includes('SLUICE_CLOSED'))
  expect(refused.length).toBeGreaterThan(0)
})

test('a deadline that passes while one waits for the loop is a 503, and its handler never runs', async () => {
  await serve({ pressure: { target: 5000, interval: 5000 }, timeout: 200 }, 25)
  const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => ask(`/work/${index}`)))
  const late = answers.filter(({ text }) => text.includes('SLUICE_DEADLINE')).length
  const served = answers.filter(({ status }) => status === 200).length
  expect(late).toBeGreaterThan(0)
  expect(served).toBeGreaterThan(0)
  expect(served + late).toBe(30)
  expect((await settled()).started).toHaveLength(served)
})
