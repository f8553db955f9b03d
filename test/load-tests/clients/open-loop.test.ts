import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Ended,
  type Paced,
  type PacedLoad,
  pace,
} from '../../../load-tests/clients/open-loop.js'
import { poisson } from '../../../load-tests/clients/schedule.js'

let server: Server
let answer: RequestListener
let connections: number

beforeEach(async () => {
  connections = 0
  answer = (_, response) => response.end('ok')
  server = createServer((request, response) => answer(request, response))
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** About 100 requests in half a second, each with a second to go. */
function run(
  load: Partial<PacedLoad> = {},
  signal = new AbortController().signal,
  most?: number,
): Promise<Paced> {
  const { port } = server.address() as AddressInfo
  return pace(
    {
      ...{ url: `http://127.0.0.1:${port}`, path: '/', rate: 200, seconds: 0.5, warmUp: 0 },
      ...{ deadline: 1000, newcomers: 0, seed: 1 },
      ...load,
    },
    signal,
    most,
  )
}

describe('an open loop', () => {
  test('sends as many as are due, however slow the answers are', async () => {
    answer = (_, response) => setTimeout(() => response.end('ok'), 400)
    const { all } = await run()
    const due = poisson(200, 0.5, 1).length
    expect(all).toEqual({ due, answered: due, refused: 0, failed: 0, hanging: 0 })
  })

  test('requests never wait for a connection behind one another', async () => {
    let most = 0
    let now = 0
    answer = (_, response) => {
      most = Math.max(most, ++now)
      setTimeout(() => {
        now--
        response.end('ok')
      }, 400)
    }
    await run()
    expect(most).toBeGreaterThan(40)
  })

  test('counts what is refused, fails, and is left hanging apart', async () => {
    let n = 0
    answer = ({ socket }, response) => {
      switch (n++ % 4) {
        case 0:
          return response.end('ok')
        case 1:
          return response.writeHead(503).end()
        case 2:
          return socket.destroy()
        default:
          return response.writeHead(500).end()
      }
    }
    const { all } = await run()
    expect(all.answered + all.refused + all.failed).toBe(all.due)
    expect(all.refused).toBeGreaterThan(all.due / 4 - 2)
    expect(all.failed).toBeGreaterThan(all.due / 2 - 2)

    answer = () => {}
    const silent = await run({ deadline: 100 })
    expect(silent.all).toMatchObject({ answered: 0, hanging: silent.all.due })
    expect([silent.latency, silent.refusals]).toEqual([{}, {}])
  })

  test('an answer that is cut is no answer', async () => {
    answer = ({ socket }, response) => {
      response.writeHead(200)
      response.write('half', () => socket.destroy())
    }
    const { all } = await run()
    expect(all).toMatchObject({ answered: 0, failed: all.due })
  })

  test('posts a file where it is given one, and tells what became of each that counts', async () => {
    const bodies: string[] = []
    answer = async (request, response) => {
      const parts = await request.toArray()
      bodies.push(`${request.method} ${request.headers['content-type']} ${Buffer.concat(parts)}`)
      response.end()
    }
    const ended: Ended[] = []
    const upload = { headers: { 'content-type': 'text/plain' }, body: Buffer.from('file') }
    const { all } = await run({ upload, warmUp: 0.25, onEnd: (one) => ended.push(one) })
    expect(new Set(bodies)).toEqual(new Set(['POST text/plain file']))
    expect(ended).toHaveLength(all.due)
    const dues = poisson(200, 0.5, 1).filter((at) => at >= 250)
    const known = ended.map(({ due }) => due).toSorted((a, b) => a - b)
    expect(known.map(Math.round)).toEqual(dues.map(Math.round))
    expect(ended.every(({ outcome, took }) => outcome === 'answered' && took > 0)).toBe(true)
  })

  test('leaves out what comes before the warm-up is over', async () => {
    const { all } = await run({ warmUp: 0.25 })
    expect(all.due).toBe(poisson(200, 0.5, 1).filter((at) => at >= 250).length)
    expect(all.answered).toBe(all.due)
  })

  test('newcomers come over connections of their own, the others over those there are', async () => {
    const { all, newcomers } = await run({ newcomers: 1 })
    expect(newcomers).toEqual(all)
    expect(connections).toBe(all.due)
    connections = 0
    await run({ newcomers: 0 })
    expect(connections).toBeLessThan(all.due / 2)
  })

  test('what there is no connection for is left hanging, and the load goes on to its end', async () => {
    answer = () => {}
    const ended: Ended[] = []
    const load = { warmUp: 0.25, onEnd: (one: Ended) => ended.push(one) }
    const { all, unsent } = await run(load, undefined, 1)
    expect(all.due).toBe(poisson(200, 0.5, 1).filter((at) => at >= 250).length)
    // The first of all has the only one until its deadline, when all are due.
    expect({ ...all, unsent }).toMatchObject({ hanging: all.due, failed: 0, unsent: all.due })
    expect(connections).toBe(1)
    expect(ended.every(({ outcome, took }) => outcome === 'hanging' && took >= 1000)).toBe(true)
  })

  test('where all connections are open, an idle one gives way to a newcomer', async () => {
    const { newcomers, unsent } = await run({ rate: 40, newcomers: 0.5 }, undefined, 1)
    expect(newcomers.answered).toBeGreaterThan(newcomers.due / 2)
    expect(newcomers.answered + unsent).toBeGreaterThanOrEqual(newcomers.due)
  })

  test('the deadline runs from when a request was due: a client that stalls counts as slowness', async () => {
    const stall = setTimeout(() => {
      const end = performance.now() + 300
      while (performance.now() < end);
    }, 100)
    const { latency, behind } = await run()
    clearTimeout(stall)
    expect(behind.max).toBeGreaterThan(200)
    expect(latency.max).toBeGreaterThanOrEqual(behind.max ?? 0)
  })

  test('closes its connections at its end, and when it is interrupted', async () => {
    const open = () =>
      new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
    const closed = async () => {
      for (let look = 0; look < 100 && (await open()) > 0; look++) {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return open()
    }
    await run()
    expect(await closed()).toBe(0)
    answer = () => {}
    const interrupted = AbortSignal.timeout(100)
    await expect(run({ seconds: 60, deadline: 60_000 }, interrupted)).rejects.toThrow('timeout')
    expect(await closed()).toBe(0)
  })
})

describe('a schedule', () => {
  test('is the same for the same seed, and ascends within its time', () => {
    const due = poisson(1000, 2, 7)
    expect(due).toEqual(poisson(1000, 2, 7))
    expect(due).not.toEqual(poisson(1000, 2, 8))
    expect(due).toEqual(due.toSorted((a, b) => a - b))
    expect(due.at(-1)).toBeLessThan(2000)
  })

  test('has the rate asked for, in gaps as independent arrivals have', () => {
    const due = poisson(1000, 50, 3)
    expect(due.length / 50).toBeGreaterThan(980)
    expect(due.length / 50).toBeLessThan(1020)
    const gaps = due.slice(1).map((at, index) => at - (due[index] as number))
    // Of an exponential distribution as many are shorter than the mean as of no other.
    const shorter = gaps.filter((gap) => gap < 1).length / gaps.length
    expect(shorter).toBeCloseTo(1 - Math.exp(-1), 1)
  })
})
