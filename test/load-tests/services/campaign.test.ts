/** Real servers in processes of their own, under little load. */
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Progress } from '../../../load-tests/report/progress.js'
import { campaign } from '../../../load-tests/services/campaign.js'
import { choiceOf } from '../../../load-tests/services/chosen.js'
import { capacityOf } from '../../../load-tests/services/measures/capacity.js'
import { measure } from '../../../load-tests/services/measures/measure.js'
import { tablesOf } from '../../../load-tests/services/report/tables.js'

let said: PassThrough
let ended: AbortController

beforeEach(() => {
  said = new PassThrough({ encoding: 'utf8' })
  ended = new AbortController()
})
// A test that fails takes its servers with it.
afterEach(() => ended.abort())

const stand = () => ({
  core: undefined,
  signal: ended.signal,
  progress: new Progress(said as unknown as NodeJS.WriteStream),
})

test('the best limit is found by a sweep, and every contender gets the same arrivals of each seed', {
  timeout: 90_000,
}, async () => {
  const choice = choiceOf({
    ...{ service: ['gives-up-one'], contender: ['fixed', 'default'], factor: ['0.5', '3'] },
    ...{ seed: ['1', '2'], seconds: ['0.4'] },
  })
  const effort = { warmUp: 0.1, sweep: 0.4, deploys: false, measures: false, tries: 1 }
  const [found] = await campaign(choice, effort, stand())
  if (found === undefined) throw new Error('nothing was found')
  expect(found.swept.map(({ limit }) => limit)).toEqual([1, 2, 3])
  expect(found.swept.map(({ limit }) => limit)).toContain(found.limit)
  const { merged } = found
  // With nothing else, a limit is tried where too much arrives.
  expect(merged.map(({ contender, factor }) => `${contender} ${factor}`)).toEqual([
    ...['fixed 0.5', 'fixed 3', 'default 3'],
  ])
  const dues = merged.map(({ points }) => points.map(({ seed, due }) => [seed, due]))
  expect(dues[1]?.map(([seed]) => seed)).toEqual([1, 2])
  expect(dues[2]).toEqual(dues[1])
  expect(dues[0]).not.toEqual(dues[1])
  const [table] = tablesOf([found], choice.seeds)
  expect(table?.rows).toHaveLength(3)
  expect(table?.note).toContain('Medians of seeds 1, 2.')
  expect(said.read().split('\n').filter(Boolean)).toHaveLength(3 + 6)
})

test('trouble comes in the second third, and looks tell the limit beside it', {
  timeout: 60_000,
}, async () => {
  const at = { service: 'stopped', parameters: {}, capacity: 100, factor: 0.5, seed: 1 }
  const options = { limit: 100 }
  const point = await measure(
    { ...at, seconds: 6, warmUp: 0, contender: { kind: 'sluice', options } },
    stand(),
  )
  const [before, during] = point.windows
  expect(point.windows.map(({ name }) => name)).toEqual([
    ...['before', 'the process is stopped: at first', 'after it: at first'],
  ])
  expect(before?.counts.answered).toBeGreaterThan(0)
  // Whoever came in the first of its two seconds has left at its end.
  expect((during?.counts.hanging ?? 0) / (during?.due ?? 1)).toBeGreaterThan(0.3)
  expect(before?.limits).toContain(100)
  expect(point.course).toHaveLength(6)
})

test('what a service can do is what a closed loop shows, or what it declares', {
  timeout: 60_000,
}, async () => {
  expect(await capacityOf('dear', { rate: 7 }, stand())).toBe(7)
  const shown = await capacityOf('compute', { busy: 1 }, stand())
  expect(shown).toBeGreaterThan(0)
  expect(shown).toBeLessThan(1000)
})
