/** The store over real servers: what it does where they refuse, fall silent, restart or forget. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Batch, Claim, Push, Reply } from '../../../../src/sluice/shared/protocol.js'
import type { RedisClient } from '../../../../src/sluice/shared/redis/client.js'
import { RedisStore } from '../../../../src/sluice/shared/redis/redis-store.js'
import { SharedLimiter } from '../../../../src/sluice/shared/shared-limiter.js'
import { hasServer, type RedisServer, startRedis } from '../../../support/redis-server.js'

const LEASE = 5000
const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

async function serverWith(...args: string[]): Promise<RedisServer> {
  const server = await startRedis(...args)
  endings.push(() => server.kill())
  return server
}

function storeAt(
  url: string,
  warnings: string[] = [],
  Client: new (o: object) => RedisClient = Redis,
) {
  const store = RedisStore.connect(Client, url, { onWarning: (message) => warnings.push(message) })
  endings.push(() => store.close())
  return store
}

let seq = 0

/** One that nobody else is. */
function batchOf(member: string, claim: Partial<Claim> = {}, more: Partial<Batch> = {}): Batch {
  return {
    ...{ name: 'db', member, seq: ++seq, generation: undefined, nonce: `${seq}`, valid: false },
    ...{ lease: LEASE, limit: 10, limitForAll: false, leaving: false },
    claims: [{ key: '', seen: 0, returned: 0, want: 0, spare: 0, priority: 0, ...claim }],
    ...more,
  }
}

/** Learning is over. */
async function settled(server: RedisServer, store: RedisStore): Promise<Reply> {
  await store.sync(batchOf('first'))
  const forward =
    "local s = {cmsgpack.unpack(redis.call('GET', KEYS[1]))} s[4] = 0 redis.call('SET', KEYS[1], cmsgpack.pack(unpack(s)))"
  await server.call('EVAL', forward, 1, 'sluice:{db}:s')
  return store.sync(batchOf('first'))
}

describe.skipIf(!hasServer)('a store in Redis', () => {
  test.each([
    ['ioredis', Redis],
    ['iovalkey', Valkey],
  ])('%s: one limit over several limiters, and who starves is told at once', async (_, Client) => {
    const server = await serverWith()
    const limiters = [1, 2].map(
      () =>
        new SharedLimiter({
          ...{ name: 'db', limit: 3, lease: 1000, store: storeAt(server.url, [], Client) },
          queue: { timeout: Number.POSITIVE_INFINITY },
        }),
    )
    const [one, two] = limiters as [SharedLimiter, SharedLimiter]
    const tokens = await Promise.all([one.acquire(), one.acquire(), one.acquire()])
    const waiting = two.acquire()
    await vi.waitFor(() => expect(two.members).toBe(2))
    await sleep(50)
    expect([one.inFlight, two.inFlight, two.queued]).toEqual([3, 0, 1])
    tokens[0]?.succeed()
    const token = await waiting
    expect([one.inFlight, two.inFlight]).toEqual([2, 1])
    for (const each of [...tokens.slice(1), token]) each.succeed()
    await Promise.all(limiters.map((limiter) => limiter.leave()))
    expect(await server.call('HLEN', 'sluice:{db}:a')).toBe('0')
  })

  test('a grant is told to whom it is, and what concerns all to all of that name', async () => {
    const server = await serverWith()
    const store = storeAt(server.url)
    const first = await settled(server, store)
    const told: [string, Push][] = []
    for (const member of ['first', 'second', 'third']) {
      store.listen(member, (push) => told.push([member, push]))
    }
    const { generation } = first
    await store.sync(batchOf('first', { want: 10 }, { generation }))
    const { generation: third } = await store.sync(batchOf('third'))
    // Subscribing is not awaited by anyone.
    await vi.waitFor(async () =>
      expect(await server.call('PUBSUB', 'CHANNELS', '*:third')).toContain('third'),
    )
    const second = await store.sync(batchOf('second', { want: 2 }))
    await vi.waitFor(() => expect(told.map(([member]) => member)).toContain('first'))
    await vi.waitFor(async () =>
      expect(await server.call('PUBSUB', 'CHANNELS', '*:second')).toContain('second'),
    )
    told.length = 0
    await store.sync(batchOf('first', { want: 8, seen: 10, returned: 2 }, { generation }))
    await vi.waitFor(() => expect(told).toHaveLength(1))
    const push = {
      key: '',
      granted: 2,
      contended: false,
      level: expect.any(Number),
      generation: second.generation,
    }
    expect(told).toEqual([['second', push]])
    expect(third).not.toBe(second.generation)
  })

  test('nothing is granted for a lease after data may have been lost', async () => {
    const server = await serverWith()
    const store = storeAt(server.url)
    const { generation, learning } = await settled(server, store)
    expect(learning).toBe(false)
    await server.call('FLUSHALL')
    const valid = { generation, valid: true }
    expect(await store.sync(batchOf('first', {}, valid))).toMatchObject({ learning: true })
    await settled(server, store)
    await server.restart()
    await vi.waitFor(async () =>
      expect(await store.sync(batchOf('first', {}, valid))).toMatchObject({ learning: true }),
    )
  })

  test('another run of the store has older data: generations begin anew, and it learns', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'redis-'))
    endings.push(() => rmSync(dir, { recursive: true }))
    const server = await serverWith('--dir', dir)
    const store = storeAt(server.url)
    const { generation } = await settled(server, store)
    await server.call('SAVE')
    await server.restart()
    expect(await server.call('EXISTS', 'sluice:{db}:s')).toBe('1')
    const reply = await vi.waitFor(() =>
      store.sync(batchOf('first', {}, { generation, valid: true })),
    )
    expect(reply.learning).toBe(true)
    expect(reply.generation).not.toBe(generation)
  })
})

describe.skipIf(!hasServer)('a store that refuses', () => {
  test('full (OOM): it goes on, since it is what makes room', async () => {
    const server = await serverWith()
    const store = storeAt(server.url)
    const { generation } = await settled(server, store)
    await server.call('CONFIG', 'SET', 'maxmemory', '1')
    await expect(server.call('SET', 'other', '1')).rejects.toThrow('OOM')
    expect(await store.sync(batchOf('first', { want: 3 }, { generation }))).toMatchObject({
      standings: [{ granted: 3 }],
    })
  })

  test('READONLY: it rejects, connects anew, and goes on when there is a master', async () => {
    const server = await serverWith()
    const store = storeAt(server.url)
    await store.sync(batchOf('first'))
    const clients = await server.call('INFO', 'stats')
    await server.call('REPLICAOF', '127.0.0.1', '1')
    await expect(store.sync(batchOf('first'))).rejects.toThrow(/READONLY/)
    await server.call('REPLICAOF', 'NO', 'ONE')
    await vi.waitFor(() => store.sync(batchOf('first')), { timeout: 5000 })
    const received = (info: string) => Number(/total_connections_received:(\d+)/.exec(info)?.[1])
    // Three of the test's own, one of the store's.
    expect(received(await server.call('INFO', 'stats')) - received(clients)).toBeGreaterThan(3)
  })

  test('NOSCRIPT: it brings the script along', async () => {
    const server = await serverWith()
    const store = storeAt(server.url)
    await store.sync(batchOf('first'))
    await server.call('SCRIPT', 'FLUSH')
    expect(await store.sync(batchOf('first'))).toMatchObject({ members: 1 })
  })

  test('an ACL without channels: syncs go on, grants come with them, and a warning says so', async () => {
    const server = await serverWith()
    const commands = '+@read +@write +@scripting +@pubsub +@connection +info +time'.split(' ')
    const user = ['SETUSER', 'app', 'on', '>secret', '~sluice:*', 'resetchannels', ...commands]
    await server.call('ACL', ...user)
    const warnings: string[] = []
    const store = storeAt(server.url.replace('//', '//app:secret@'), warnings)
    const { generation } = await settled(server, store)
    store.listen('second', () => {})
    await store.sync(batchOf('first', { want: 10 }, { generation }))
    const second = await store.sync(batchOf('second', { want: 2 }))
    await store.sync(batchOf('first', { want: 8, seen: 10, returned: 2 }, { generation }))
    const more = batchOf('second', { want: 2 }, { generation: second.generation })
    expect(await store.sync(more)).toMatchObject({ standings: [{ granted: 2 }] })
    await vi.waitFor(() =>
      expect(warnings).toContainEqual(expect.stringMatching(/^grants are heard .* NOPERM/)),
    )
  })

  test('LOADING: it rejects until the store has its data', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'redis-'))
    endings.push(() => rmSync(dir, { recursive: true }))
    const slow = ['--key-load-delay', '2000', '--loading-process-events-interval-bytes', '1024']
    const server = await serverWith('--dir', dir, ...slow)
    const fill = "for i = 1, 500 do redis.call('SET', i, string.rep('x', 100)) end"
    await server.call('EVAL', fill, 0)
    await server.call('SAVE')
    const restarting = server.restart()
    const store = storeAt(server.url)
    await expect(store.sync(batchOf('first', {}, { lease: 1000 }))).rejects.toThrow()
    await restarting
    await vi.waitFor(() => store.sync(batchOf('first')), { timeout: 10_000 })
  })

  test('an evicting one: a warning says so', async () => {
    const server = await serverWith('--maxmemory-policy', 'allkeys-lru')
    const warnings: string[] = []
    await storeAt(server.url, warnings).sync(batchOf('first'))
    expect(warnings).toEqual([expect.stringContaining('maxmemory-policy is allkeys-lru')])
  })

  test('no password of it is in an error or a warning', async () => {
    const server = await serverWith('--requirepass', 'correct')
    const warnings: string[] = []
    const store = storeAt(server.url.replace('//', '//:s3cr%40t@'), warnings)
    const error = await store.sync(batchOf('first')).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(Error)
    expect(warnings).toContainEqual(expect.stringContaining('WRONGPASS'))
    expect(inspect([error, warnings], { depth: 9, showHidden: true })).not.toMatch(/s3cr|correct/)
    const right = storeAt(server.url.replace('//', '//:correct@'))
    expect(await right.sync(batchOf('first'))).toMatchObject({ members: 1 })
  })
})

describe.skipIf(!hasServer)('a store that is away', () => {
  test('gone: a sync rejects at once, is not sent later, and the next works when it is back', async () => {
    const server = await serverWith()
    const store = storeAt(server.url)
    await store.sync(batchOf('first'))
    await server.kill()
    const started = performance.now()
    for (let sync = 0; sync < 5; sync++) {
      await expect(store.sync(batchOf(`late ${sync}`))).rejects.toThrow()
    }
    expect(performance.now() - started).toBeLessThan(0.4 * LEASE)
    await server.restart()
    const reply = await vi.waitFor(() => store.sync(batchOf('first')), { timeout: 5000 })
    expect(reply.members).toBe(1)
  })

  test('silent: a sync rejects after two beats, and it connects anew', async () => {
    const server = await serverWith()
    const store = storeAt(server.url)
    await store.sync(batchOf('first', {}, { lease: 1000 }))
    const before = await server.call('CLIENT', 'LIST')
    server.pause()
    endings.push(() => server.resume())
    const started = performance.now()
    await expect(store.sync(batchOf('first', {}, { lease: 1000 }))).rejects.toThrow(/no answer/)
    expect(performance.now() - started).toBeGreaterThan(190)
    server.resume()
    await vi.waitFor(() => store.sync(batchOf('first', {}, { lease: 1000 })), { timeout: 5000 })
    const ids = (list: string) => new Set(list.match(/\bid=\d+/g))
    const after = ids(await server.call('CLIENT', 'LIST'))
    // Nothing that it was connected by is used any more.
    expect([...ids(before)].filter((id) => after.has(id))).toEqual([])
  })

  test('closed: it rejects, and keeps no connection', async () => {
    const server = await serverWith()
    const store = storeAt(server.url)
    await store.sync(batchOf('first'))
    store.close()
    await expect(store.sync(batchOf('first'))).rejects.toThrow(/closed/i)
    await vi.waitFor(async () =>
      expect((await server.call('CLIENT', 'LIST')).trim().split('\n')).toHaveLength(1),
    )
  })
})

test.each([
  [{}, 'client: got undefined, takes a client of ioredis or iovalkey'],
  [{ client: { duplicate() {} }, prefix: 1 }, 'prefix: got 1, takes a string'],
])('bad options are refused: %j', (options, message) => {
  expect(() => new RedisStore(options as never)).toThrow(message)
})
