/**
 * The limits do what the reference does: 600 samples a trace, the limit compared after each. The
 * reference counts whole nanoseconds and casts to int, so that a rounding at an integer's edge may
 * differ by 1 on a rare sample; nothing else may.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  AimdLimit,
  Gradient2Limit,
  type LimitAlgorithm,
  VegasLimit,
  WindowedLimit,
} from '../../../../src/sluice/index.js'

interface Run {
  algorithm: 'aimd' | 'vegas' | 'gradient2' | 'windowed-gradient2'
  options: Record<string, number>
  trace: string
  initial: number
  samples: [startTime: number, rtt: number, inFlight: number, dropped: 0 | 1, limit: number][]
}

const create: Record<Run['algorithm'], (options: Run['options']) => LimitAlgorithm> = {
  aimd: (options) => new AimdLimit(options),
  vegas: (options) => new VegasLimit(options),
  gradient2: (options) => new Gradient2Limit(options),
  'windowed-gradient2': (options) => new WindowedLimit(new Gradient2Limit(options)),
}

const runs = readFileSync(new URL('../../../fixtures/golden/limits.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Run)

describe('replaying the reference', () => {
  test.each(runs)('$algorithm $options on $trace', ({ algorithm, options, initial, samples }) => {
    const limit = create[algorithm](options)
    expect(limit.limit).toBe(initial)
    const differences = samples.map(([startTime, rtt, inFlight, dropped, expected]) =>
      Math.abs(limit.onSample({ startTime, rtt, inFlight, dropped: dropped === 1 }) - expected),
    )
    expect(Math.max(...differences)).toBeLessThanOrEqual(1)
    expect(differences.filter((difference) => difference > 0).length).toBeLessThanOrEqual(3)
  })
})
