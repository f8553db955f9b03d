import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { fire } from '../../../load-tests/clients/closed-loop.js'
import type { Row } from '../../../load-tests/figures/outcome.js'
import { allAnswered, noErrors } from '../../../load-tests/scenarios/checks.js'

let server: Server | undefined

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
  server = undefined
})

/** A load of 20 on a server that answers the nth request as given. */
async function load(answer: (n: number) => RequestListener, signal = new AbortController().signal) {
  let n = 0
  server = createServer((request, response) => answer(++n)(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/`
  const volley = await fire({ url, connections: 2, amount: 20, body: 'right' }, signal)
  const row: Row = { label: 'GET /', connections: 2, served: n, ...volley }
  return row
}

const right: RequestListener = (_request, response) => response.end('right')

describe('a load', () => {
  test('sends as many requests as it was told, and counts every answer', async () => {
    const row = await load(() => right)
    expect(row).toMatchObject({ sent: 20, answered: 20, served: 20, errors: 0 })
    expect([noErrors(row), allAnswered(row)]).toMatchObject([{ ok: true }, { ok: true }])
  })

  test('tells latencies and times shorter than a millisecond', async () => {
    const { p50 = 0, p99 = 0, max, seconds, rate } = await load(() => right)
    expect(p50).toBeGreaterThan(0)
    expect(p99).toBeGreaterThanOrEqual(p50)
    expect(max).toBeGreaterThanOrEqual(p99)
    expect(rate).toBeCloseTo(20 / seconds)
  })

  test('takes a wrong body for an error', async () => {
    const wrong: RequestListener = (_request, response) => response.end('wrong')
    const row = await load((n) => (n === 7 ? wrong : right))
    expect(row).toMatchObject({ sent: 20, answered: 20, errors: 1 })
    expect(noErrors(row).ok).toBe(false)
  })

  test('takes a wrong status for one error, though its body is wrong too', async () => {
    const refused: RequestListener = (_request, response) => response.writeHead(503).end('busy')
    const row = await load((n) => (n === 20 ? refused : right))
    expect(row).toMatchObject({ sent: 20, answered: 20, errors: 1 })
  })

  test('notices a request that vanished, which is no error to autocannon', async () => {
    const silent: RequestListener = (request) => request.socket.end()
    const row = await load((n) => (n === 5 ? silent : right))
    expect(row).toMatchObject({ sent: 20, answered: 19, errors: 0 })
    expect(allAnswered(row)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('sent 20'),
    })
  })

  test('ends when its signal aborts, with the reason', async () => {
    const interrupted = new AbortController()
    const hanging = load((n) => {
      if (n === 2) interrupted.abort(new Error('enough'))
      return () => {}
    }, interrupted.signal)
    await expect(hanging).rejects.toThrow('enough')
  })
})

describe('answers that only one side counts fail the check', () => {
  const row: Row = {
    ...{ label: 'GET /', connections: 1, sent: 10, answered: 10, served: 10, errors: 0 },
    ...{ seconds: 1, rate: 10, p50: 1, p99: 1, max: 1 },
  }
  test.for([{ served: 9 }, { served: 11 }, { answered: 9 }, { sent: 11 }])('%j', (change) => {
    expect(allAnswered(row, { ...row, ...change }).ok).toBe(false)
  })

  test('and equal counts hold it', () => {
    expect(allAnswered(row, row).ok).toBe(true)
  })
})
