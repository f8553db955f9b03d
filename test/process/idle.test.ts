/** A process that has nothing to do is left asleep, and its first reading says what went before it. */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

const script = `
import { setTimeout as sleep } from 'node:timers/promises'
import { fastify } from 'fastify'
import sluice from 'fastify-sluice'
const apps = [fastify(), fastify(), fastify()]
for (const app of apps) {
  await app.register(sluice, { limit: 1, pressure: true })
  await app.listen({ host: '127.0.0.1', port: 0 })
}
const turns = () => performance.nodeTiming.uvMetricsInfo.loopCount
await sleep(3000)
// A busy machine may wake it: then a stall is told at the end of the second, and not at once.
let woken, told, before
for (let tries = 0; tries < 3 && !(told?.atOnce && woken < 20); tries++) {
  await sleep(2000)
  before = turns()
  await sleep(2000)
  woken = turns() - before
  const end = performance.now() + 300
  while (performance.now() < end);
  await sleep(50)
  for (let looks = 0; looks < 50; looks++) {
    const { delayMs, utilization } = apps[2].concurrency.snapshot().eventLoop
    told = { late: delayMs.p99, utilization, atOnce: looks === 0 }
    if (told.late >= 300) break
    await sleep(50)
  }
  before = turns()
}
await sleep(2000)
const awake = turns() - before
for (const app of apps) await app.close()
console.log(JSON.stringify({ woken, ...told, awake }))
`

test('three registrations wake an idle process hardly ever, and yet miss no stall', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', script],
    { cwd: root },
  )
  const { woken, late, atOnce, utilization, awake } = JSON.parse(stdout)
  // Our own timer, and whatever the runtime does for itself.
  expect(woken).toBeLessThan(20)
  expect(late).toBeGreaterThanOrEqual(300)
  expect(atOnce).toBe(true)
  expect(utilization).toBeLessThan(0.02)
  // While there is something to see it looks a hundred times a second.
  expect(awake).toBeGreaterThan(50)
}, 60_000)
