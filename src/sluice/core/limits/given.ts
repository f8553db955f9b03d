/**
 * Numbers that may as well be functions: a number is checked once, what a function gives each time.
 * With NaN every comparison is false, so that nonsense would bend a limit unseen.
 */
import { checkNumberIn, show, wrongType, wrongValue } from '../check.js'

/** A number, or one that depends on the limit. */
export type OfLimit = number | ((limit: number) => number)

/** The most that may count as normal, in milliseconds, > 0, or a function that gives it. */
export type MaxRtt = number | (() => number)

/** The function that it is, or stands for. @throws RangeError or TypeError, it and the function. */
export function maxRttOf(value: MaxRtt): () => number {
  return given('maxRtt', value, 'milliseconds > 0, or a function that gives them', (n) => n > 0)
}

/** As `maxRttOf`; a `max` that is finite is said to be. */
export function ofLimit(name: string, value: OfLimit, max: number): (limit: number) => number {
  const kind = max === Number.POSITIVE_INFINITY ? 'a number' : 'a finite number'
  const takes = `${kind} >= 0, or a function of the limit`
  return given(name, value, takes, (n) => n >= 0 && n <= max)
}

/** As `maxRttOf`, but for the number. */
export function randomOf(value: () => number): () => number {
  if (typeof value !== 'function') {
    throw wrongType('random', show(value), 'a function')
  }
  return given('random', value, 'a function that gives [0, 1)', (n) => n >= 0 && n < 1)
}

function given<Args extends number[]>(
  name: string,
  value: number | ((...args: Args) => number),
  takes: string,
  fits: (n: number) => boolean,
): (...args: Args) => number {
  if (typeof value !== 'function') {
    checkNumberIn(name, value, takes, fits)
    return () => value
  }
  return (...args) => {
    const number: unknown = value(...args)
    if (typeof number === 'number' && fits(number)) return number
    throw wrongValue(name, `a function that gives ${show(number)}`, takes)
  }
}
