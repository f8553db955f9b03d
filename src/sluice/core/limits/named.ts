/**
 * Limits by their name, for who has no numbers to give. The defaults differ from the classes' own,
 * which are the reference's: a limit that is only named must find what suits a service of which
 * nothing is known, be that 1 or some hundreds.
 *
 * - `min` 1 and `max` 1000: the reference's `min` of 20 keeps a small service overloaded for ever.
 * - Every one is windowed, over twice the fastest sample and at least 100 ms, so that it reacts to
 *   the load and not to single requests; a window of a single sample counts, or a limit of 1 before
 *   slow work would never learn.
 * - Those with a baseline are probed, so that an overload does not become it (see probed.ts).
 * - Gradient2 lets samples be 1.15 times the average and allows for a burst of 0.3 * sqrt(limit), so
 *   that it settles a fifth above the limit from which on a thrashing downstream gets less done; its
 *   own 1.5 and 4 settle at nearly twice that. Half of each change is made, and the average spans 100
 *   windows, not 600, since probes keep it low: the limit halves within 5 s and doubles within 5.
 */
import { isPlainObject, show, within, wrongType } from '../check.js'
import { AimdLimit, type AimdOptions } from './aimd.js'
import { AutoLimit, type AutoOptions } from './auto.js'
import { type Bounds, readBounds } from './bounds.js'
import { FixedLimit } from './fixed.js'
import { type MaxRtt, maxRttOf, type OfLimit } from './given.js'
import { Gradient2Limit } from './gradient2.js'
import { type LimitAlgorithm, readLimit } from './limit.js'
import { ProbedLimit } from './probed.js'
import { VegasLimit, type VegasOptions } from './vegas.js'
import { WindowedLimit } from './windowed.js'

/** Where two declare an option, an editor shows the first one's: what applies by name comes first. */
interface NamedBounds {
  /** An integer in [min, max]; default 20, or what of `min` and `max` is nearest to it. */
  initial?: number | undefined
  /** An integer >= 1; default 1. */
  min?: number | undefined
  /** An integer >= min; default 1000, or `initial` or `min` where that is more. */
  max?: number | undefined
}

/** Of `{ algorithm: 'aimd' }`. */
interface NamedAimdOptions extends NamedBounds, AimdOptions {}

/** Of the two that are made to measure what work takes at rest, from time to time. */
interface ProbedOptions extends NamedBounds {
  /**
   * The most that may count as normal: milliseconds > 0, or a function that gives them; default
   * Infinity. Whatever it is, what probes measure at rest bounds it, too.
   */
  maxRtt?: MaxRtt | undefined
}

/** Of `{ algorithm: 'vegas' }`. */
interface NamedVegasOptions extends ProbedOptions, VegasOptions {}

/** Of `{ algorithm: 'gradient2' }`. */
interface NamedGradient2Options extends ProbedOptions {
  /** How much of each change is made, in (0, 1]; default 0.5. */
  smoothing?: number | undefined
  /**
   * The burst that is allowed for: a number >= 0, or a function of the limit; default
   * `0.3 * Math.sqrt(limit)`.
   */
  queueSize?: OfLimit | undefined
  /** The windows that the long average spans: an integer >= 1; default 100. */
  longWindow?: number | undefined
  /** How much slower than the average a sample may be: >= 1; default 1.15. */
  tolerance?: number | undefined
}

/** What each takes beside its name. */
interface OptionsByName {
  /** As `new AutoLimit` takes them. */
  auto: AutoOptions
  /** With bounds for whoever has no numbers. */
  aimd: NamedAimdOptions
  /** With those, and bounded by what work takes at rest. */
  vegas: NamedVegasOptions
  /** The same. */
  gradient2: NamedGradient2Options
}

/** The algorithms that a limit may name; `auto` is for whoever knows nothing of the load. */
export type AlgorithmName = keyof OptionsByName

/** A name, or an object with the name and options of that algorithm. */
export type NamedLimit =
  | AlgorithmName
  | { [Name in AlgorithmName]: { algorithm: Name } & OptionsByName[Name] }[AlgorithmName]

/** Whatever can be given as a limit. */
export type LimitOption = number | NamedLimit | LimitAlgorithm

const BOUNDS: Bounds = { initial: 20, min: 1, max: 1000 }

const create: { [Name in AlgorithmName]: (options: OptionsByName[Name]) => LimitAlgorithm } = {
  auto: (options) => new AutoLimit(options),
  aimd: (options) => windowed(new AimdLimit({ ...options, ...readBounds(options, BOUNDS) })),
  vegas: (options) =>
    probed(options, (common) => windowed(new VegasLimit({ ...options, ...common }))),
  gradient2: (options) => {
    const { tolerance = 1.15, smoothing = 0.5, queueSize = burst, longWindow = 100 } = options
    const own = { tolerance, smoothing, queueSize, longWindow }
    return probed(options, (common) =>
      windowed(new Gradient2Limit({ ...options, ...own, ...common })),
    )
  },
}

const NAMES = "'auto', 'aimd', 'vegas' or 'gradient2'"

/** @throws RangeError or TypeError that names the option, what it got and what it takes. */
export function toAlgorithm(given: LimitOption): LimitAlgorithm {
  if (typeof given === 'number') return new FixedLimit(given)
  if (typeof given === 'string' && isName(given)) return createNamed({ algorithm: given })
  if (typeof given !== 'object' || given === null) return refuse(given)
  if ('onSample' in given) return checkAlgorithm(given)
  if (!isPlainObject(given) || !('algorithm' in given)) return refuse(given)
  if (isName(given.algorithm)) return createNamed(given)
  throw wrongType('limit.algorithm', show(given.algorithm), NAMES)
}

function createNamed<Name extends AlgorithmName>(
  given: { algorithm: Name } & OptionsByName[Name],
): LimitAlgorithm {
  const { algorithm, ...options } = given
  return within('limit.', () => create[algorithm](options as OptionsByName[Name]))
}

function checkAlgorithm(given: LimitAlgorithm): LimitAlgorithm {
  if (typeof given.limit !== 'number' || typeof given.onSample !== 'function') return refuse(given)
  readLimit(given)
  return given
}

function refuse(given: unknown): never {
  const takes = `an integer >= 1, ${NAMES}, an object with one of them as its algorithm, or a limit algorithm`
  throw wrongType('limit', show(given), takes)
}

function isName(value: unknown): value is AlgorithmName {
  return typeof value === 'string' && Object.hasOwn(create, value)
}

function windowed(limit: LimitAlgorithm): LimitAlgorithm {
  return new WindowedLimit(limit, { minWindow: 100, windowSize: 1 })
}

function probed(
  options: ProbedOptions,
  limit: (common: Bounds & { maxRtt: MaxRtt }) => LimitAlgorithm,
): LimitAlgorithm {
  const bounds = readBounds(options, BOUNDS)
  const { maxRtt = Number.POSITIVE_INFINITY } = options
  const normal = maxRttOf(maxRtt)
  return new ProbedLimit(
    (atRest) => limit({ ...bounds, maxRtt: () => Math.min(normal(), atRest()) }),
    bounds.min,
  )
}

/** Enough to find out whether more would do, and little enough to be forgiven. */
function burst(limit: number): number {
  return 0.3 * Math.sqrt(limit)
}
