/** Checks options where they are given: at registration, and at each route that has some. */

import { show } from '../core/check.js'
import { OptionsError } from '../core/errors.js'
import { Limiter, type LimiterOptions } from '../core/limiter.js'
import type { RouteConcurrency, RouteConcurrencyOptions, SluiceOptions } from './types.js'

/** @throws SLUICE_OPTIONS */
export function checkPluginOptions(options: SluiceOptions): void {
  checkNames('', options, ['limit', 'queue', 'prefix'])
  if (options.queue !== undefined && options.limit === undefined) {
    throw new OptionsError('queue', show(options.queue), 'effect only beside limit')
  }
}

/** @throws SLUICE_OPTIONS */
export function readRouteConcurrency(
  where: string,
  value: RouteConcurrency,
): RouteConcurrencyOptions | false {
  if (value === false) return false
  if (typeof value === 'number') return { limit: value }
  if (typeof value !== 'object' || value === null) {
    throw new OptionsError(
      `${where}: config.concurrency`,
      show(value),
      'an integer >= 1, an object of options, or false',
    )
  }
  checkNames(`${where}: config.concurrency.`, value, ['limit', 'queue'])
  return value
}

/** @throws SLUICE_OPTIONS in place of the limiter's own errors. */
export function createLimiter(options: LimiterOptions): Limiter {
  try {
    return new Limiter(options)
  } catch (cause) {
    const [option = '', rest = ''] = split((cause as Error).message, ': got ')
    const [got = '', takes = ''] = split(rest, ', takes ')
    throw Object.assign(new OptionsError(`${options.name}: ${option}`, got, takes), { cause })
  }
}

function checkNames(where: string, options: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) {
      throw new OptionsError(
        `${where}${name}`,
        show(value),
        `no such option; known are ${known.join(', ')}`,
      )
    }
  }
}

function split(text: string, separator: string): string[] {
  const at = text.lastIndexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)]
}
