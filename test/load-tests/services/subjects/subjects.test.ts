import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { request } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { uploadOf } from '../../../../load-tests/clients/upload.js'
import { choiceOf } from '../../../../load-tests/services/chosen.js'
import type { ContenderName } from '../../../../load-tests/services/subjects/contender-names.js'
import { contenderOf } from '../../../../load-tests/services/subjects/contenders.js'
import { kinds, serviceOf } from '../../../../load-tests/services/subjects/menu.js'
import { serve } from '../../../../load-tests/services/subjects/serve.js'
import { upstream } from '../../../../load-tests/subjects/upstream.js'

let behind: Server
let servers: Server[]

beforeEach(async () => {
  servers = []
  behind = await listen(upstream())
})

afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

async function listen(server: Server): Promise<Server> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

const urlOf = (server: Server): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}`

async function ask(server: Server, path: string, upload = false) {
  const more = upload ? { method: 'POST' as const, ...uploadOf() } : {}
  const { statusCode, body } = await request(urlOf(server) + path, more)
  return { statusCode, text: await body.text() }
}

async function start(name: string, contender: ContenderName, limit = 7): Promise<Server> {
  const service = serviceOf(name)
  const setting = {
    ...{ service: name, parameters: {}, contender: contenderOf(contender, service, limit) },
    ...{ upstream: service.upstream === undefined ? '' : urlOf(behind), seed: 1 },
  }
  return listen(await serve(JSON.stringify(setting)))
}

describe('every service', () => {
  test.for(kinds.map(({ name }) => name))('%s answers all its streams', async (name) => {
    const server = await start(name, 'unprotected')
    for (const { path, upload } of serviceOf(name).streams) {
      expect(await ask(server, path, upload), path).toMatchObject({ statusCode: 200 })
    }
    expect(await ask(server, '/health/live')).toEqual({ statusCode: 200, text: 'live' })
  })

  test('a hand-set limit stands before the route that somebody would limit, or before the app', async () => {
    const limits = async (name: string, contender: ContenderName) => {
      const server = await start(name, contender)
      const { limiters } = JSON.parse((await ask(server, '/concurrency')).text)
      return limiters.map((one: { name: string; limit: number }) => `${one.name} ${one.limit}`)
    }
    expect(await limits('dear', 'fixed')).toEqual([expect.stringMatching(/\/dear 7$/)])
    expect(await limits('dear', 'default')).toEqual([expect.stringMatching(/\/dear 7$/)])
    expect(await limits('fetch', 'fixed')).toEqual(['app 7'])
    expect(await limits('fetch', 'default')).toEqual(['app 7'])
  })

  test('takes all of an upload', async () => {
    const server = await start('dear', 'unprotected')
    expect((await ask(server, '/upload', true)).text).toBe('{"bytes":100000}')
  })
})

describe('the upstream', () => {
  const took = async (count: number, path: string): Promise<number> => {
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: count }, () => ask(behind, path)))
    return performance.now() - startedAt
  }

  test('serves as many at once as it has slots, also when they become more', async () => {
    await ask(behind, '/slots/2')
    expect(await took(6, '/?ms=60')).toBeGreaterThan(3 * 58)
    const waiting = took(6, '/?ms=300')
    await ask(behind, '/slots/6')
    expect(await waiting).toBeLessThan(2 * 298)
  })

  test('thrashes beyond its slots, where that is asked for', async () => {
    await ask(behind, '/slots/2')
    // The last of four in two slots: 2^1.3 times as long.
    expect(await took(4, '/thrashing?ms=100')).toBeGreaterThan(2 ** 1.3 * 100 - 5)
    expect(await took(2, '/thrashing?ms=20')).toBeGreaterThan(18)
  })

  test('fails while it is told to, and a service before it answers 502', async () => {
    const server = await start('fails', 'unprotected')
    await ask(behind, '/failing/1')
    expect(await ask(behind, '/?ms=1')).toMatchObject({ statusCode: 500 })
    expect(await ask(server, '/')).toMatchObject({ statusCode: 502 })
    await ask(behind, '/failing/0')
    expect(await ask(server, '/')).toMatchObject({ statusCode: 200 })
  })
})

describe('what is chosen', () => {
  test('replaces what there is otherwise', () => {
    const given = { service: ['fetch'], factor: ['2', '5'], seed: ['7'], set: ['fetch.busy=12'] }
    expect(choiceOf(given)).toMatchObject({
      ...{ services: ['fetch'], factors: [2, 5], seeds: [7], seconds: undefined },
      parameters: { fetch: { busy: 12 } },
    })
    expect(choiceOf({})).toMatchObject({
      ...{ services: kinds.map(({ name }) => name), factors: undefined, seeds: [1, 2, 3] },
    })
  })

  test.for<[Record<string, string[]>, string]>([
    [{ service: ['nonesuch'] }, 'no service nonesuch'],
    [{ contender: ['nonesuch'] }, 'no contender nonesuch'],
    [{ factor: ['much'] }, '--factor much: a number >= 0'],
    [{ seconds: [''] }, '--seconds : a number'],
    [{ set: ['busy=1'] }, '--set busy=1: NAME.KEY=N'],
    [{ set: ['fetch.busier=1'] }, 'fetch has no parameter busier: it has wait, busy'],
    [{ set: ['fetch.busy=x'] }, '--set x: a number >= 0'],
  ])('%j is refused', ([given, problem]) => {
    expect(() => choiceOf(given)).toThrow(problem)
  })
})
