/** Errors: answered with their status, with their causes, and survived. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Patterns, startPatterns } from '../../support/patterns.js'
import { until } from '../../support/wire.js'

let patterns: Patterns
beforeEach(async () => {
  patterns = await startPatterns(0)
})
afterEach(() => patterns.close())

test('a division by zero is answered 400, any other with its whole quotient', async () => {
  expect(await patterns.ask('errors/divide')).toMatchObject({
    status: 400,
    result: 'Cannot divide by zero',
  })
  expect(await patterns.ask('errors/divide?a=-7&b=2')).toMatchObject({ status: 200, result: -3 })
})

test('an error comes through three layers with the cause of each', async () => {
  expect(await patterns.ask('errors/propagation?user=')).toMatchObject({
    status: 404,
    result: ['Cannot show the profile', 'Cannot load the profile', 'User not found'],
  })
  expect((await patterns.ask('errors/propagation')).result).toBe('Profile for user123')
})

test('a background task that fails is logged and counted, and the next request is answered', async () => {
  expect((await patterns.ask('errors/background')).result).toEqual({ running: 1, failedBefore: 0 })
  await until(() => patterns.log.some(({ msg }) => msg === 'A background task failed'))
  const { level, err } = patterns.log.find(({ msg }) => msg === 'A background task failed') ?? {}
  expect([level, err?.message]).toEqual([40, 'Something went wrong'])
  expect((await patterns.ask('errors/background')).result).toEqual({ running: 1, failedBefore: 1 })
})

test('a background task ends with the app, and that is no failure', async () => {
  const slow = await startPatterns(10)
  await slow.ask('errors/background?delay=1000')
  await slow.close()
  expect(slow.log.filter(({ level }) => level >= 40)).toEqual([])
})
