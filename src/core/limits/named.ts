/**
 * Limits by their name, for who has no numbers to give. The defaults differ from the classes' own,
 * which are the reference's: a limit that is only named must find what suits a service of which
 * nothing is known, be that 1 or some hundreds.
 *
 * - `min` 1 and `max` 1000: the reference's `min` of 20 keeps a small service overloaded for ever.
 * - Every one is windowed, over twice the fastest sample and at least 100 ms, so that it reacts to
 *   the load and not to single requests; a window of a single sample counts, or a limit of 1 before
 *   slow work would never learn.
 */
import { show } from '../check.js'
import { AimdLimit, type AimdOptions } from './aimd.js'
import { type BoundOptions, type Bounds, readBounds } from './bounds.js'
import { FixedLimit } from './fixed.js'
import { Gradient2Limit, type Gradient2Options } from './gradient2.js'
import type { LimitAlgorithm } from './limit.js'
import { VegasLimit, type VegasOptions } from './vegas.js'
import { WindowedLimit } from './windowed.js'

interface OptionsByName {
  aimd: AimdOptions
  vegas: VegasOptions
  gradient2: Gradient2Options
}

export type AlgorithmName = keyof OptionsByName

/** A name, or an object with the name and options of that algorithm. */
export type NamedLimit =
  | AlgorithmName
  | { [Name in AlgorithmName]: { algorithm: Name } & OptionsByName[Name] }[AlgorithmName]

/** Whatever can be given as a limit. */
export type LimitOption = number | NamedLimit | LimitAlgorithm

const BOUNDS: Bounds = { initial: 20, min: 1, max: 1000 }
const WINDOW = { minWindow: 100, windowSize: 1 }

const create: { [Name in AlgorithmName]: (options: OptionsByName[Name]) => LimitAlgorithm } = {
  aimd: (options) => new AimdLimit({ ...options, ...boundsOf(options) }),
  vegas: (options) => new VegasLimit({ ...options, ...boundsOf(options) }),
  gradient2: ({ tolerance = 1.2, smoothing = 0.5, queueSize = halfRoot, ...options }) =>
    new Gradient2Limit({ ...options, tolerance, smoothing, queueSize, ...boundsOf(options) }),
}

const NAMES = "'aimd', 'vegas' or 'gradient2'"

/** @throws RangeError or TypeError that names the option, what it got and what it takes. */
export function toAlgorithm(given: LimitOption): LimitAlgorithm {
  if (typeof given === 'number') return new FixedLimit(given)
  if (typeof given === 'string' && isName(given)) return createNamed({ algorithm: given })
  if (typeof given !== 'object' || given === null) return refuse(given)
  if ('onSample' in given) return checkAlgorithm(given)
  if (!('algorithm' in given)) return refuse(given)
  if (isName(given.algorithm)) return createNamed(given)
  throw new TypeError(`limit.algorithm: got ${show(given.algorithm)}, takes ${NAMES}`)
}

function createNamed<Name extends AlgorithmName>(
  given: { algorithm: Name } & OptionsByName[Name],
): LimitAlgorithm {
  const { algorithm, ...options } = given
  try {
    return new WindowedLimit(create[algorithm](options as OptionsByName[Name]), WINDOW)
  } catch (error) {
    ;(error as Error).message = `limit.${(error as Error).message}`
    throw error
  }
}

function checkAlgorithm(given: LimitAlgorithm): LimitAlgorithm {
  const { limit, onSample } = given
  if (typeof limit !== 'number' || typeof onSample !== 'function') return refuse(given)
  if (Number.isFinite(limit)) return given
  throw new RangeError(`limit: got an algorithm whose limit is ${limit}, takes a finite one`)
}

function refuse(given: unknown): never {
  const takes = `an integer >= 1, ${NAMES}, an object with one of them as its algorithm, or a limit algorithm`
  throw new TypeError(`limit: got ${show(given)}, takes ${takes}`)
}

function boundsOf(options: BoundOptions): Bounds {
  return readBounds(options, BOUNDS)
}

function isName(value: unknown): value is AlgorithmName {
  return typeof value === 'string' && Object.hasOwn(create, value)
}

/** Enough to find out whether more would do, and little enough to be forgiven. */
function halfRoot(limit: number): number {
  return Math.sqrt(limit) / 2
}
