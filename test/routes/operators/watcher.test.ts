/** Who is dropped, told by the bytes that were taken: the clock is a number, the connection an object. */
import type { FastifyReply } from 'fastify'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Watcher } from '../../../routes/operators/stream/watcher.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

function connection() {
  const handle = { bytesWritten: 0, writeQueueSize: 0 }
  const sent: Buffer[] = []
  const raw = {
    socket: { _handle: handle },
    writableNeedDrain: false,
    destroyed: false,
    writableEnded: false,
    destroy: () => {
      raw.destroyed = true
    },
    write: (message: Buffer) => {
      sent.push(message)
      handle.bytesWritten += message.length
      handle.writeQueueSize += message.length
    },
  }
  const reply = { raw, sse: { sendHeaders: () => {} } }
  return { raw, handle, sent, reply: reply as unknown as FastifyReply }
}

test('a reader that takes a little stays, however full its connection is at each look', () => {
  const { raw, handle, sent, reply } = connection()
  const watcher = new Watcher(reply, 1000)
  watcher.send(Buffer.alloc(5000))
  raw.writableNeedDrain = true
  for (let look = 0; look < 40; look++) {
    vi.advanceTimersByTime(500)
    handle.writeQueueSize -= 100
    watcher.send(Buffer.from('y'))
  }
  expect(raw.destroyed).toBe(false)
  expect(sent).toHaveLength(1)
})

test('a reader that takes nothing is dropped once its patience is over, not before', () => {
  const { raw, handle, reply } = connection()
  const watcher = new Watcher(reply, 1000)
  watcher.send(Buffer.alloc(5000))
  raw.writableNeedDrain = true
  handle.writeQueueSize -= 100
  watcher.send(Buffer.from('y'))
  vi.advanceTimersByTime(999)
  watcher.send(Buffer.from('y'))
  expect(raw.destroyed).toBe(false)
  vi.advanceTimersByTime(1)
  watcher.send(Buffer.from('y'))
  expect(raw.destroyed).toBe(true)
})
