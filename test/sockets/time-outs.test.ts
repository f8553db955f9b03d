/** What a client may take to send its request: the time-outs are looked after, on every port there is. */
import type { FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { buildServer } from '../../src/app.js'
import { buildExamples } from '../../src/server/examples.js'
import { listen, send, type Wire } from '../support/wire.js'

const apps: FastifyInstance[] = []

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close()
})

/** The app's own time-outs are a minute; how often it looks is its own. */
function hurry(app: FastifyInstance): void {
  apps.push(app)
  app.server.headersTimeout = 100
  app.server.requestTimeout = 200
}

async function isEnded({ received, closed }: Wire): Promise<void> {
  // Node's own look, every 30 s, would come long after the test's end.
  await received('HTTP/1.1 408')
  await closed
}

const HALF_HEADER = 'GET /fast HTTP/1.1\r\nHost: x\r\nX'
const HALF_BODY =
  'POST /patterns/broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{'

test.each([
  ['half a header', HALF_HEADER],
  ['half a body', HALF_BODY],
])(
  'the server ends %s within seconds of its time, also at the operators’ port',
  async (_name, half) => {
    const { app, admin } = await buildServer({ TIME_SCALE: 0, ADMIN_PORT: 0 })
    hurry(app)
    const ports = [await listen(app), Number((await admin?.open('127.0.0.1', 0))?.port)]
    await Promise.all(ports.map(async (port) => isEnded(await send(port, half))))
  },
)

test('each of the examples’ eight ports ends half a header', async () => {
  const { app, listen: open } = await buildExamples({ timeScale: 0 })
  hurry(app)
  const ports = Object.values(await open('any'))
  expect(ports).toHaveLength(8)
  await Promise.all(ports.map(async (port) => isEnded(await send(port, HALF_HEADER))))
})
