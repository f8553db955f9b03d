/** Servers that cannot take in a connection: that is a line in the log, and no end. */
import dns from 'node:dns'
import { once } from 'node:events'
import { createServer, Server } from 'node:net'
import { Writable } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { buildServer } from '../../src/app.js'

interface Line {
  level: number
  msg: string
}

function keptLog(): { log: Line[]; logger: FastifyBaseLogger } {
  const log: Line[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)) as Line)
      done()
    },
  })
  return { log, logger: pino({ level: 'info' }, stream) }
}

afterEach(() => {
  vi.restoreAllMocks()
})

// Elsewhere 127.0.0.2 is not the machine's own.
test.runIf(process.platform === 'linux').each(['127.0.0.1', 'localhost'])(
  'on each address of %s and on the operators, a failed accept is logged once a second',
  async (host) => {
    const { lookup } = dns
    const both = [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ]
    vi.spyOn(dns, 'lookup').mockImplementation(((name: string, ...rest: unknown[]) => {
      const [options, callback] = rest as [{ all?: boolean }, () => void]
      if (name === 'localhost' && options.all) process.nextTick(callback, null, both)
      else lookup(name, options as object, callback)
    }) as typeof lookup)
    const servers = new Set<Server>()
    const { listen } = Server.prototype
    vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...args) {
      servers.add(this)
      return listen.apply(this, args)
    })
    const { log, logger } = keptLog()
    const { app, admin } = await buildServer({ TIME_SCALE: 0, ADMIN_PORT: 1 }, logger)
    await admin?.open('127.0.0.1', 0)
    const url = await app.listen({ host, port: 0 })
    expect(servers.size).toBe(host === 'localhost' ? 3 : 2)
    for (const server of servers) {
      for (let time = 0; time < 3; time++) server.emit('error', new Error('accept EMFILE'))
    }
    const lines = log.filter(({ msg }) => msg === 'cannot take in a connection')
    expect(lines.map(({ level }) => level)).toEqual(Array(servers.size).fill(50))
    for (const address of host === 'localhost' ? ['127.0.0.1', '127.0.0.2'] : ['127.0.0.1']) {
      const { port } = new URL(url)
      expect((await fetch(`http://${address}:${port}/fast`)).status).toBe(200)
    }
    await app.close()
  },
)

test('a port that cannot be opened is the error of who opens it, and no line', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const { log, logger } = keptLog()
  const { app, admin } = await buildServer({ TIME_SCALE: 0, ADMIN_PORT: port }, logger)
  await expect(admin?.open('127.0.0.1', port)).rejects.toThrow('EADDRINUSE')
  await expect(app.listen({ host: '127.0.0.1', port })).rejects.toThrow('EADDRINUSE')
  expect(log.filter(({ level }) => level >= 50)).toEqual([])
  await app.close()
  other.close()
})
