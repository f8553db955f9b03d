/** Who is dropped, told by the bytes that were taken: the clock is a number, the connection an object. */
import type { FastifyReply } from 'fastify'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Watcher } from '../../routes/stream/watcher.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

function connection() {
  const socket = { bytesWritten: 0, writableLength: 0 }
  const sent: string[] = []
  const raw = {
    socket,
    writableNeedDrain: false,
    destroyed: false,
    writableEnded: false,
    destroy: () => {
      raw.destroyed = true
    },
  }
  const send = async ({ data }: { data: string }): Promise<void> => {
    sent.push(data)
    socket.bytesWritten += data.length
    socket.writableLength += data.length
  }
  const reply = { raw, sse: { isConnected: true, send } }
  return { raw, socket, sent, reply: reply as unknown as FastifyReply }
}

test('a reader that takes a little stays, however full its connection is at each look', () => {
  const { raw, socket, sent, reply } = connection()
  const watcher = new Watcher(reply, 1000)
  watcher.send([{ data: 'x'.repeat(5000) }])
  raw.writableNeedDrain = true
  for (let look = 0; look < 40; look++) {
    vi.advanceTimersByTime(500)
    socket.writableLength -= 100
    watcher.send([{ data: 'y' }])
  }
  expect(raw.destroyed).toBe(false)
  expect(sent).toHaveLength(1)
})

test('a reader that takes nothing is dropped once its patience is over, not before', () => {
  const { raw, socket, reply } = connection()
  const watcher = new Watcher(reply, 1000)
  watcher.send([{ data: 'x'.repeat(5000) }])
  raw.writableNeedDrain = true
  socket.writableLength -= 100
  watcher.send([{ data: 'y' }])
  vi.advanceTimersByTime(999)
  watcher.send([{ data: 'y' }])
  expect(raw.destroyed).toBe(false)
  vi.advanceTimersByTime(1)
  watcher.send([{ data: 'y' }])
  expect(raw.destroyed).toBe(true)
})
