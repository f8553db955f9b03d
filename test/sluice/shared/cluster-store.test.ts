/** One limit for the workers of a machine: the two halves of its store, and real workers. */
import { spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import {
  type ClusterWorker,
  serveClusterStore,
} from '../../../src/sluice/shared/cluster-primary.js'
import { type ClusterChannel, ClusterStore } from '../../../src/sluice/shared/cluster-store.js'
import type { Batch, Push } from '../../../src/sluice/shared/protocol.js'
import { until } from '../../support/wire.js'

/** Both ends of a channel; what goes through it is JSON. */
function pair() {
  const worker = new EventEmitter()
  const channel = new EventEmitter()
  const state = { connected: true, delivers: true, sent: 0 }
  const pass = (to: EventEmitter) => (message: object) => {
    state.sent++
    const text = JSON.stringify(message)
    if (state.delivers) queueMicrotask(() => to.emit('message', JSON.parse(text)))
  }
  Object.assign(worker, { isConnected: () => state.connected, send: pass(channel) })
  Object.defineProperty(channel, 'connected', { get: () => state.connected })
  Object.assign(channel, { send: pass(worker) })
  return {
    state,
    worker: worker as ClusterWorker & EventEmitter,
    channel: channel as ClusterChannel & EventEmitter,
  }
}

function served() {
  const cluster = new EventEmitter()
  const service = serveClusterStore(cluster)
  const join = () => {
    const ends = pair()
    cluster.emit('fork', ends.worker)
    return { ...ends, store: new ClusterStore({ channel: ends.channel, timeout: 50 }) }
  }
  return { join, service }
}

const batch = (member: string, seq: number, said: Partial<Batch> = {}, want = 10): Batch => ({
  ...{ name: 'db', member, seq, generation: undefined, nonce: `${member}${seq}` },
  ...{ valid: seq > 1, lease: 60_000, limit: 10, limitForAll: false, leaving: false },
  claims: [{ key: '', seen: 0, returned: 0, want, spare: 0, priority: 0 }],
  ...said,
})

test('workers borrow from one limit, with one message a sync and one for its answer', async () => {
  const { join } = served()
  const [a, b] = [join(), join()]
  const [first, second] = await Promise.all([
    a.store.sync(batch('a', 1)),
    b.store.sync(batch('b', 1)),
  ])
  expect(first.standings[0]?.granted).toBe(10)
  expect(second.standings[0]?.granted).toBe(0)
  expect([a.state.sent, b.state.sent]).toEqual([2, 2])
})

test('answers that come in another order find their calls', async () => {
  const { join } = served()
  const { store } = join()
  const replies = await Promise.all([1, 2, 3].map((n) => store.sync(batch(`m${n}`, 10 + n, {}, 1))))
  expect(replies.map(({ seq }) => seq)).toEqual([11, 12, 13])
})

test('a member is told between its syncs, until it listens no more', async () => {
  const { join } = served()
  const [a, b] = [join(), join()]
  const told: Push[] = []
  const listening = a.store.listen('a', (push) => told.push(push))
  const { generation } = await a.store.sync(batch('a', 1))
  await b.store.sync(batch('b', 1))
  await until(() => told.length > 0)
  expect(told[0]).toMatchObject({ generation, contended: true })
  listening[Symbol.dispose]()
  const before = told.length
  const c = join()
  await c.store.sync(batch('c', 1))
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(told.length).toBe(before)
})

test('a worker that exits gives back at once what it had, and those who starve are told', async () => {
  const { join } = served()
  const [a, b] = [join(), join()]
  await a.store.sync(batch('a', 1))
  const told: Push[] = []
  b.store.listen('b', (push) => told.push(push))
  await b.store.sync(batch('b', 1))
  a.state.connected = false
  a.worker.emit('exit')
  await until(() => told.some(({ granted }) => granted === 10))
})

test('a sync rejects when the primary is gone, takes too long, or the store is closed', async () => {
  const { join } = served()
  const { store, state, channel } = join()
  state.delivers = false
  await expect(store.sync(batch('a', 1))).rejects.toThrow('longer than 50 ms')
  const cut = store.sync(batch('a', 2))
  state.connected = false
  channel.emit('disconnect')
  await expect(cut).rejects.toThrow('The primary is gone')
  await expect(store.sync(batch('a', 3))).rejects.toThrow('The primary is gone')
  store.close()
  await expect(store.sync(batch('a', 4))).rejects.toThrow('closed')
  expect([channel.listenerCount('message'), channel.listenerCount('disconnect')]).toEqual([0, 0])
})

test("what the store refuses is the worker's error, and other messages are nobody's", async () => {
  const { join, service } = served()
  const { store, channel, worker } = join()
  channel.emit('message', { call: 1, reply: {} })
  channel.emit('message', null)
  worker.emit('message', 'hello')
  service[Symbol.dispose]()
  await expect(store.sync(batch('a', 1))).rejects.toThrow('longer than')
  expect(worker.listenerCount('message')).toBe(0)
})

test('a process without a parent is refused by name', () => {
  expect(
    () => new ClusterStore({ channel: new EventEmitter() as unknown as ClusterChannel }),
  ).toThrow('channel: got a process without a parent')
  expect(() => new ClusterStore({ timeout: -1, channel: pair().channel })).toThrow(
    'timeout: got -1',
  )
})

interface Work {
  name: string
  began: number
  ended: number
}

test('two real workers never have more than the limit in flight, and the permits of one that is killed are back within its lease', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'cluster-limit.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const work: Work[] = []
  let exit = 0
  createInterface(child.stdout).on('line', (line) => {
    const said = JSON.parse(line)
    if ('exit' in said) exit ||= said.exit
    else work.push(said)
  })
  try {
    const of = (name: string) => work.filter((one) => one.name === name)
    await until(() => of('a').length > 50 && of('b').length > 50, undefined, 15_000)
    child.stdin.write('kill\n')
    // Four at once: it has all of them.
    const whole = () =>
      of('b').filter(({ began }) => began > exit && exit > 0 && most(of('b'), began) === 4)
    await until(() => whole().length > 0, undefined, 15_000)
    expect((whole()[0] as Work).began - exit).toBeLessThan(2000)
    expect(Math.max(...work.map(({ began }) => most(work, began)))).toBeLessThanOrEqual(4)
    expect(Math.max(...work.map(({ began }) => most(work, began)))).toBe(4)
  } finally {
    child.kill('SIGKILL')
  }
})

/** In flight at that time. */
function most(work: readonly Work[], at: number): number {
  return work.filter(({ began, ended }) => began <= at && at < ended).length
}
