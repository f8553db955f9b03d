/**
 * What windows of samples of a route usually say: how long a quarter of its work takes at most, and a
 * half, and all of it on average; and how much that varies from one window to the next. Geometrically,
 * since durations vary by factors.
 */
import type { Quantiles } from './sample-window.js'

/** The weight of a window, once some are known; and of one that is quicker, while work is bound. */
const WEIGHT = 0.005
const QUICKER = 0.2
/** The weight of a window in what they vary by, and how much that is taken to be at first. */
const SPREAD_WEIGHT = 0.05
const FIRST_SPREAD = 0.1
/** Mean deviations: as many are four standard ones, about; quicker than the second is no chance. */
const SLOWER = 5
const CHANCE = 3
/** Standard errors. */
const CHANCE_OF_MEAN = 2
/** Slowdowns that are none, and while little is known. */
const LEAST = 1.5
const LEAST_AT_FIRST = 2
const MOST = 4
const KNOWN = 5
const LITTLE = 0.1

/** A logarithm, and by how much it moves from one window to the next: a mean absolute deviation. */
class Track {
  #value = 0
  #before = 0
  spread = FIRST_SPREAD

  get milliseconds(): number {
    return Math.exp(this.#value)
  }

  /** Takes note of how far it is from the window before, so that what changes for good is no spread. */
  compare(milliseconds: number, weight: number): void {
    const log = Math.log(milliseconds)
    this.spread += (Math.abs(log - this.#before) / Math.SQRT2 - this.spread) * weight
    this.#before = log
  }

  set(milliseconds: number): void {
    this.#value = Math.log(milliseconds)
    this.#before = this.#value
  }

  move(milliseconds: number, weight: number): void {
    this.#value += (Math.log(milliseconds) - this.#value) * weight
  }

  lower(milliseconds: number): void {
    this.#value = Math.min(this.#value, Math.log(milliseconds))
  }
}

export class Usual {
  readonly #low = new Track()
  readonly #middle = new Track()
  readonly #mean = new Track()
  /** Of the mean, relative to it. */
  #error = 0
  #windows = 0

  get isKnown(): boolean {
    return this.#windows > 0
  }

  /** Enough is known that chance is no matter. */
  get isSure(): boolean {
    return this.#windows >= KNOWN
  }

  /** What a quarter of the work takes at most, in milliseconds. */
  get low(): number {
    return this.#low.milliseconds
  }

  /** Windows are alike, so that smaller ones tell as much. */
  get variesLittle(): boolean {
    return this.#windows >= KNOWN && this.#middle.spread < LITTLE
  }

  /**
   * Whether both quantiles are so much slower that it is no chance: work of two kinds may have one of
   * them at the border between the two, and seldom both.
   */
  isSlow({ low, middle }: Quantiles): boolean {
    const slowdown = Math.min(low / this.low, middle / this.#middle.milliseconds)
    return slowdown > this.#threshold
  }

  get #threshold(): number {
    if (this.#windows < KNOWN) return LEAST_AT_FIRST
    return Math.min(Math.max(LEAST, Math.exp(SLOWER * this.#middle.spread)), MOST)
  }

  /**
   * Milliseconds that all work takes longer than usual, >= 0: what both quantiles say, or the mean,
   * where that is beyond chance. In lockstep, part of the work waits for a whole turn and part for none.
   */
  delay({ low, middle, mean, error }: Quantiles): number {
    const ofQuick = Math.min(low - this.low, middle - this.#middle.milliseconds)
    const usual = this.#mean.milliseconds
    const ofAll = mean - usual - CHANCE_OF_MEAN * Math.max(error, this.#error * usual)
    return Math.max(0, ofQuick, ofAll)
  }

  /** A window in which nothing was bound. */
  learn(seen: Quantiles): void {
    if (++this.#windows === 1) return this.restart(seen)
    const ofSpread = Math.max(1 / this.#windows, SPREAD_WEIGHT)
    this.#middle.compare(seen.middle, ofSpread)
    this.#error += (seen.error / seen.mean - this.#error) * ofSpread
    if (this.#windows < KNOWN) {
      // Who starts into an overload sees what is usual only at the beginning.
      this.#low.lower(seen.low)
      this.#middle.lower(seen.middle)
      this.#mean.lower(seen.mean)
    } else this.#move(seen, Math.max(1 / (this.#windows - KNOWN + 2), WEIGHT))
  }

  /** A window in which work was bound: it is usually at least as quick. */
  lower(seen: Quantiles): void {
    const least = Math.exp(-CHANCE * this.#middle.spread)
    const isQuicker = Math.max(seen.low / this.low, seen.middle / this.#middle.milliseconds) < least
    if (isQuicker) this.#move(seen, QUICKER)
  }

  /** What is seen is usual from now on. */
  restart({ low, middle, mean, error }: Quantiles): void {
    this.#error = error / mean
    this.#low.set(low)
    this.#middle.set(middle)
    this.#mean.set(mean)
  }

  #move({ low, middle, mean }: Quantiles, weight: number): void {
    this.#low.move(low, weight)
    this.#middle.move(middle, weight)
    this.#mean.move(mean, weight)
  }
}
