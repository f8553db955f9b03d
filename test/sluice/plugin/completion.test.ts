/** What an editor shows of an option that is given by an algorithm's name is what then applies. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type NamedLimit, toAlgorithm } from '../../../src/sluice/core/limits/named.js'
import { LanguageServer } from '../../support/language-server.js'

const OPTIONS = {
  aimd: ['initial', 'min', 'max', 'backoffRatio', 'timeout'],
  vegas: ['initial', 'min', 'max', 'smoothing', 'probeMultiplier', 'maxRtt'],
  gradient2: ['initial', 'min', 'max', 'smoothing', 'longWindow', 'tolerance', 'maxRtt'],
} as const

let server: LanguageServer

beforeAll(async () => {
  const lines = Object.entries(OPTIONS).map(([algorithm, names]) => {
    const options = [...names, ...(algorithm === 'gradient2' ? ['queueSize'] : [])]
    const given = options.map((name) => `${name}: undefined`).join(', ')
    return `export const ${algorithm}: NamedLimit = { algorithm: '${algorithm}', ${given} }`
  })
  server = await LanguageServer.open(
    ["import type { NamedLimit } from '../../../src/sluice/index.js'", ...lines].join('\n'),
  )
})

afterAll(() => {
  server.close()
  vi.restoreAllMocks()
})

/** How the limit goes while the service gets overloaded, recovers, drops work and idles. */
function course(limit: NamedLimit): number[] {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  const algorithm = toAlgorithm(limit)
  const limits: number[] = []
  for (let at = 1, count = 0; count < 20_000; count++, at += 5) {
    const inFlight = count % 4000 < 3000 ? algorithm.limit : 1
    const slots = count % 10_000 < 5000 ? 40 : 1200
    const rtt = 20 * Math.max(1, inFlight / slots) + (count % 7)
    const dropped = count % 9000 > 8000
    algorithm.onSample({ startTime: at, rtt: count % 6000 > 5990 ? 6000 : rtt, inFlight, dropped })
    limits.push(algorithm.limit)
  }
  return limits
}

describe.each(Object.entries(OPTIONS))('%s', (algorithm, names) => {
  const plain = { algorithm } as NamedLimit & object

  test.each(names)('%s', async (name) => {
    const shown = await server.hover(`const ${algorithm}`, `${name}:`)
    const [, value] = /default\s+(\d+(?:\.\d+)?|Infinity)/.exec(shown) ?? []
    expect(value, shown).toBeDefined()
    const expected = course(plain)
    expect(course({ ...plain, [name]: Number(value) } as NamedLimit)).toEqual(expected)
  })
})

test('the burst of gradient2', async () => {
  const shown = await server.hover('const gradient2', 'queueSize:')
  expect(shown).toMatch(/default\s+`0\.3 \* Math\.sqrt\(limit\)`/)
  const queueSize = (limit: number): number => 0.3 * Math.sqrt(limit)
  expect(course({ algorithm: 'gradient2', queueSize })).toEqual(course({ algorithm: 'gradient2' }))
})

test.each<NamedLimit>([
  { algorithm: 'aimd', min: 20 },
  { algorithm: 'aimd', max: 200 },
  { algorithm: 'aimd', backoffRatio: 0.5 },
  { algorithm: 'aimd', timeout: 100 },
  { algorithm: 'vegas', smoothing: 0.2 },
  { algorithm: 'gradient2', min: 20 },
  { algorithm: 'gradient2', smoothing: 0.2 },
  { algorithm: 'gradient2', longWindow: 600 },
  { algorithm: 'gradient2', tolerance: 1.5 },
  { algorithm: 'gradient2', queueSize: 4 },
])('with another value the limit goes another way: %j', (limit) => {
  const { algorithm } = limit as { algorithm: 'aimd' }
  expect(course(limit)).not.toEqual(course({ algorithm }))
})
