import { describe, expect, test } from 'vitest'
import { buildApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'

describe('the environment', () => {
  test('has a default for everything; an empty value counts as unset', () => {
    const defaults = {
      HOST: '127.0.0.1',
      PORT: 3000,
      LOG_LEVEL: 'info',
      LOG_FAILURE: 'drop',
      WORKERS: 1,
      TIME_SCALE: 1,
      SHARED_NAME: 'sluice',
      SHARED_MODE: 'loans',
      SHARED_LEASE_MS: 5000,
      SHARED_FALLBACK: 'share',
      PRESSURE: false,
      WATCHERS: 100,
      ADMIN_HOST: '127.0.0.1',
      DRAIN_DELAY_MS: 0,
      DRAIN_TIMEOUT_MS: 10_000,
    }
    expect(readConfig({})).toEqual(defaults)
    expect(readConfig({ PORT: '', HOST: '', LIMIT: '', PRESSURE: '', OTHER: 'x' })).toEqual(
      defaults,
    )
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

  test.each(['auto', 'aimd', 'vegas', 'gradient2'])(
    'LIMIT=%s names an algorithm',
    async (LIMIT) => {
      const config = readConfig({ LIMIT })
      expect(config.LIMIT).toBe(LIMIT)
      const app = await buildApp(config)
      expect(app.concurrency.limiters[0]).toMatchObject({
        name: 'app',
        limit: LIMIT === 'auto' ? 50 : 20,
      })
      await app.close()
    },
  )

  test.each([
    ['true', ['event-loop']],
    ['false', []],
    ['', []],
  ])(
    'PRESSURE=%s turns the pressure of the event loop on or leaves it off',
    async (PRESSURE, names) => {
      const app = await buildApp(readConfig({ PRESSURE }))
      const limiters = app.concurrency.limiters.map(({ name }) => name)
      expect(limiters.filter((name) => name === 'event-loop')).toEqual(names)
      await app.close()
    },
  )

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
    ['PRESSURE', '1'],
    ['PRESSURE', 'TRUE'],
    ['PRESSURE', ' true'],
    ['PRESSURE', 'null'],
    ['ADMIN_PORT', '65536'],
    ['ADMIN_PORT', '3000'],
    ['ADMIN_HOST', '0.0.0.0'],
    ['DRAIN_DELAY_MS', '-1'],
    ['DRAIN_TIMEOUT_MS', 'Infinity'],
    ['TIME_SCALE', '9'.repeat(400)],
  ])('guarantee 8: %s=%s is refused by name, with what it got and what it takes', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(
      new RegExp(`^${name}: got "${value.replaceAll('.', '\\.')}", takes .+`),
    )
  })

  test.each(['short', 'fifteen-letters', 'with blanks in between', 'sixteen=letters=and=more'])(
    'a token that no header could carry, or that is soon guessed, is refused and not shown: %s',
    (token) => {
      expect(() => readConfig({ ADMIN_TOKEN: token })).toThrow(
        new RegExp(
          `^ADMIN_TOKEN: got ${token.length} characters, takes 16 or more letters, digits and -\\._~\\+/$`,
        ),
      )
    },
  )

  test('the port of the operators may be any free one, beside any free one', () => {
    const token = 'abcDEF123-._~+/9=='
    expect(
      readConfig({ PORT: '0', ADMIN_PORT: '0', ADMIN_HOST: '::1', ADMIN_TOKEN: token }),
    ).toMatchObject({ PORT: 0, ADMIN_PORT: 0, ADMIN_HOST: '::1', ADMIN_TOKEN: token })
  })

  test('a queue without a limit is refused, not ignored', () => {
    expect(() => readConfig({ QUEUE_SIZE: '5', QUEUE_TIMEOUT_MS: '5' })).toThrow(
      'QUEUE_SIZE: got "5", takes an integer >= 0, beside LIMIT\n' +
        'QUEUE_TIMEOUT_MS: got "5", takes milliseconds from 0 to 2147483647, beside LIMIT',
    )
  })
})
