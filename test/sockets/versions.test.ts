/** A request line may name any version: the connection decides what is spoken. */
import { fastify } from 'fastify'
import { expect, test } from 'vitest'
import sluice from '../../src/sluice/index.js'
import { untilIdle } from '../support/probe-app.js'
import { listen, send } from '../support/wire.js'

test.each(['HTTP/2.0', 'HTTP/1.0'])(
  'a request that says %s on a connection of HTTP/1.1 is limited, answered and counted as any, with a body and without',
  async (version) => {
    const app = fastify()
    await app.register(sluice, { limit: 1 })
    app.all('/fast', async () => 'fast')
    const port = await listen(app)
    const start = `/fast ${version}\r\nHost: x\r\n`
    const body = 'Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}'
    for (const request of [`GET ${start}\r\n`, `POST ${start}${body}`]) {
      const wire = await send(port, request)
      expect(await wire.received(/\r\n\r\n[\s\S]+/)).toMatch(/ 200 OK[\s\S]*fast$/)
      wire.socket.destroy()
    }
    await untilIdle({ app })
    expect(app.concurrency.snapshot().requests).toMatchObject({ answered: 2, aborted: 0 })
    await app.close()
  },
)
