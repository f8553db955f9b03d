import { describe, expect, test } from 'vitest'
import { buildApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'

describe('the environment', () => {
  test('has a default for everything; an empty value counts as unset', () => {
    const defaults = {
      HOST: '127.0.0.1',
      PORT: 3000,
      LOG_LEVEL: 'info',
      TIME_SCALE: 1,
      DRAIN_DELAY_MS: 0,
      DRAIN_TIMEOUT_MS: 10_000,
    }
    expect(readConfig({})).toEqual(defaults)
    expect(readConfig({ PORT: '', HOST: '', LIMIT: '', OTHER: 'x' })).toEqual(defaults)
    expect(Object.isFrozen(readConfig({}))).toBe(true)
  })

  test('becomes numbers where numbers are meant', () => {
    expect(
      readConfig({
        PORT: '0',
        TIME_SCALE: '0.5',
        LIMIT: '7',
        QUEUE_SIZE: '0',
        QUEUE_TIMEOUT_MS: '9',
      }),
    ).toMatchObject({ PORT: 0, TIME_SCALE: 0.5, LIMIT: 7, QUEUE_SIZE: 0, QUEUE_TIMEOUT_MS: 9 })
  })

  test.each(['aimd', 'vegas', 'gradient2'])('LIMIT=%s names an algorithm', async (LIMIT) => {
    const config = readConfig({ LIMIT })
    expect(config.LIMIT).toBe(LIMIT)
    const app = await buildApp(config)
    expect(app.concurrency.limiters[0]).toMatchObject({ name: 'app', limit: 20 })
    await app.close()
  })

  test.each([
    ['PORT', '-1'],
    ['PORT', '80.5'],
    ['PORT', 'http'],
    ['PORT', '0x50'],
    ['PORT', ' 80'],
    ['HOST', 'a b'],
    ['LOG_LEVEL', 'INFO'],
    ['TIME_SCALE', '11'],
    ['TIME_SCALE', '-0.1'],
    ['TIME_SCALE', 'NaN'],
    ['LIMIT', '0'],
    ['LIMIT', '2.5'],
    ['LIMIT', 'Vegas'],
    ['DRAIN_DELAY_MS', '-1'],
    ['DRAIN_TIMEOUT_MS', 'Infinity'],
  ])('guarantee 8: %s=%s is refused by name, with what it got and what it takes', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(
      new RegExp(`^${name}: got "${value.replace('.', '\\.')}", takes .+`),
    )
  })

  test('a queue without a limit is refused, not ignored', () => {
    expect(() => readConfig({ QUEUE_SIZE: '5', QUEUE_TIMEOUT_MS: '5' })).toThrow(
      'QUEUE_SIZE: got "5", takes an integer >= 0, beside LIMIT\n' +
        'QUEUE_TIMEOUT_MS: got "5", takes milliseconds from 0 to 2147483647, beside LIMIT',
    )
  })
})
