/** Guarantee 7 over TLS, with a key that both ends know in place of a certificate. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import fastify from 'fastify'
import { afterEach, expect, test } from 'vitest'
import sluice from '../../src/index.js'
import { deferred } from '../support/deferred.js'
import { get, open, until } from '../support/wire.js'

const key = Buffer.from('a key that both of them know')
const tls = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const

const sockets: TLSSocket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

async function secure(port: number): Promise<TLSSocket> {
  const pskCallback = () => ({ psk: key, identity: 'test' })
  const checkServerIdentity = () => undefined
  const socket = connect({ port, host: '127.0.0.1', pskCallback, checkServerIdentity, ...tls })
  sockets.push(socket)
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

test('a close ends what is idle, half-open or without a handshake, and lets requests out of its scope finish', async () => {
  const app = fastify({ https: { pskCallback: () => key, ...tls } })
  const held = deferred<string>()
  let came = 0
  app.get('/outside', () => {
    came++
    return held.promise
  })
  await app.register(async (scope) => {
    await scope.register(sluice)
    scope.get('/inside', () => 'inside')
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo

  const raw = await open(port)
  const silent = await secure(port)
  const half = await secure(port)
  half.write('GET /inside HT')
  const busy = await secure(port)
  busy.write(get('/outside'))
  let text = ''
  busy.on('data', (chunk) => {
    text += chunk
  })
  await until(() => came === 1)

  const closed = app.close()
  await Promise.all([raw.closed, once(silent, 'close'), once(half, 'close')])
  held.resolve('outside')
  await Promise.all([closed, once(busy, 'close')])
  expect(text).toMatch(/^HTTP\/1.1 200 /)
  expect(text).toMatch(/outside$/)
})
