/** What of the work that was let through an algorithm is told. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Outcome } from '../../../src/sluice/core/limiter/token.js'
import { processStops, Stops } from '../../../src/sluice/core/loop/stops.js'
import { type LimitAlgorithm, Limiter, type Sample } from '../../../src/sluice/index.js'
import { fakeClock, stopPerformanceClock } from '../../support/clock.js'

afterEach(() => {
  processStops.rest()
  vi.restoreAllMocks()
})

function recorder(learnsFromLosses?: boolean): LimitAlgorithm & { samples: Sample[] } {
  const samples: Sample[] = []
  const algorithm = { limit: 5, samples, onSample: (sample: Sample) => samples.push(sample) }
  return learnsFromLosses === undefined ? algorithm : { ...algorithm, learnsFromLosses }
}

function told(outcome: Outcome, learnsFromLosses?: boolean): Sample[] {
  const algorithm = recorder(learnsFromLosses)
  const clock = fakeClock(1)
  const token = new Limiter({ limit: algorithm, clock }).tryAcquire()
  clock.advance(10)
  token?.end(outcome)
  return algorithm.samples
}

test.each(['failed', 'aborted'] as const)('%s: only who asks for losses is told', (outcome) => {
  expect(told(outcome)).toEqual([])
  const [sample] = told(outcome, true)
  expect(sample).toMatchObject({ rtt: 10, dropped: false })
  expect(sample?.failed).toBe(outcome === 'failed' ? true : undefined)
  expect(sample?.censored).toBe(outcome === 'aborted' ? true : undefined)
})

test.each(['ignored', 'abandoned'] as const)('%s: nobody is told', (outcome) => {
  expect(told(outcome, true)).toEqual([])
})

test('guarantee 11: gradient2 does not grow while its work fails', () => {
  const clock = fakeClock(1)
  const limiter = new Limiter({ limit: 'gradient2', clock })
  for (let round = 0; round < 100; round++) {
    const tokens = Array.from({ length: limiter.limit }, () => limiter.tryAcquire())
    clock.advance(10)
    for (const token of tokens) token?.end('failed')
  }
  expect(limiter.limit).toBe(20)
})

describe('a stop of the process', () => {
  test('what it was part of is no sample; what began after it is', () => {
    const clock = stopPerformanceClock()
    const algorithm = recorder()
    const limiter = new Limiter({ limit: algorithm })
    processStops.beat(clock())
    const [early, late] = [limiter.tryAcquire(), limiter.tryAcquire()]
    clock.advance(20_000)
    early?.succeed()
    processStops.beat(clock())
    late?.succeed()
    expect(algorithm.samples).toEqual([])
    const after = limiter.tryAcquire()
    clock.advance(10)
    after?.succeed()
    expect(algorithm.samples).toHaveLength(1)
  })

  test('beats close together are none, and after a rest none is known', () => {
    const stops = new Stops()
    expect(stops.spans(0, 100_000)).toBe(false)
    for (let now = 0; now <= 10_000; now += 1000) stops.beat(now)
    expect(stops.spans(0, 10_500)).toBe(false)
    stops.rest()
    expect(stops.spans(0, 100_000)).toBe(false)
    stops.beat(200_000)
    expect(stops.spans(150_000, 200_001)).toBe(false)
  })
})
