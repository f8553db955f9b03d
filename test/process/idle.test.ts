/** A process that has nothing to do is left asleep, and its first reading says what went before it. */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

const script = `
import { setTimeout as sleep } from 'node:timers/promises'
import { fastify } from 'fastify'
import sluice from './dist/src/index.js'
const apps = [fastify(), fastify(), fastify()]
for (const app of apps) {
  await app.register(sluice, { limit: 1, pressure: true })
  await app.listen({ host: '127.0.0.1', port: 0 })
}
const turns = () => performance.nodeTiming.uvMetricsInfo.loopCount
await sleep(5000)
const before = turns()
await sleep(2000)
const woken = turns() - before
const end = performance.now() + 300
while (performance.now() < end);
await sleep(50)
const { delayMs, utilization } = apps[2].concurrency.snapshot().eventLoop
await sleep(2000)
const awake = turns() - before - woken
for (const app of apps) await app.close()
console.log(JSON.stringify({ woken, late: delayMs.p99, utilization, awake }))
`

test('three registrations wake an idle process hardly ever, and yet miss no stall', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', script],
    { cwd: root },
  )
  const { woken, late, utilization, awake } = JSON.parse(stdout)
  // Our own timer, and whatever the runtime does for itself.
  expect(woken).toBeLessThan(20)
  expect(late).toBeGreaterThanOrEqual(300)
  expect(utilization).toBeLessThan(0.02)
  // While there is something to see it looks a hundred times a second.
  expect(awake).toBeGreaterThan(50)
}, 30_000)
