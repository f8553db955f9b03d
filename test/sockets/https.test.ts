/** Guarantee 7 over TLS, with a key that both ends know in place of a certificate. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import fastify from 'fastify'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { LoopLimiter } from '../../src/sluice/core/loop/loop-limiter.js'
import sluice from '../../src/sluice/index.js'
import { deferred } from '../support/deferred.js'
import { hasBoth, twoAddresses } from '../support/localhost.js'
import { connectPsk, psk } from '../support/psk.js'
import { get, open, until } from '../support/wire.js'

const sockets: TLSSocket[] = []

beforeAll(() => import(twoAddresses))

afterEach(() => {
  vi.restoreAllMocks()
  for (const socket of sockets.splice(0)) socket.destroy()
})

async function secure(port: number, host: string): Promise<TLSSocket> {
  const socket = connectPsk(port, host)
  sockets.push(socket)
  await once(socket, 'secureConnect')
  return socket
}

async function closes(name: string, host: string): Promise<void> {
  const connected = vi.spyOn(LoopLimiter.prototype, 'connected')
  const app = fastify({ https: { ...psk } })
  const held = deferred<string>()
  let came = 0
  app.get('/outside', () => {
    came++
    return held.promise
  })
  await app.register(async (scope) => {
    await scope.register(sluice, { pressure: true })
    scope.get('/inside', () => 'inside')
  })
  await app.listen({ host: name, port: 0 })
  const { port } = app.server.address() as AddressInfo

  const raw = await open(port, host)
  const silent = await secure(port, host)
  const half = await secure(port, host)
  half.write('GET /inside HT')
  const busy = await secure(port, host)
  busy.write(get('/outside'))
  let text = ''
  busy.on('data', (chunk) => {
    text += chunk
  })
  await until(() => came === 1)
  expect(connected).toHaveBeenCalledTimes(4)

  const closed = app.close()
  await Promise.all([raw.closed, once(silent, 'close'), once(half, 'close')])
  held.resolve('outside')
  await Promise.all([closed, once(busy, 'close')])
  expect(text).toMatch(/^HTTP\/1.1 200 /)
  expect(text).toMatch(/outside$/)
}

describe('a close ends what is idle, half-sent or without a handshake, each counted once, and lets requests out of its scope finish', () => {
  test('on one address', () => closes('127.0.0.1', '127.0.0.1'))

  test.skipIf(!hasBoth)('on the second of localhost (skipped where there is no ::1)', () =>
    closes('localhost', '::1'),
  )
})
