/** Where a limit starts and how far it may go; an `initial` alone stretches the default bounds. */
import { checkInteger, wrongValue } from '../check.js'

export interface BoundOptions {
  initial?: number | undefined
  min?: number | undefined
  max?: number | undefined
}

export interface Bounds {
  readonly initial: number
  readonly min: number
  readonly max: number
}

/** @throws RangeError unless min <= initial <= max, all of them integers >= 1; TypeError for no number. */
export function readBounds(options: BoundOptions, defaults: Bounds): Bounds {
  for (const name of ['initial', 'min', 'max'] as const) {
    if (options[name] !== undefined) checkInteger(name, options[name], 1, Number.MAX_SAFE_INTEGER)
  }
  const { initial } = options
  const min =
    options.min ?? Math.min(defaults.min, initial ?? defaults.min, options.max ?? Infinity)
  const max = options.max ?? Math.max(defaults.max, initial ?? defaults.max, min)
  if (min > max) throw wrongValue('min', String(min), `at most max, ${max}`)
  const start = initial ?? Math.min(Math.max(defaults.initial, min), max)
  checkInteger('initial', start, min, max)
  return { initial: start, min, max }
}
