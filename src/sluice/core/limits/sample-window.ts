/** Samples of a stretch of time: how long the quicker half took, and how many were in flight. */
import type { Sample } from './limit.js'

/** Milliseconds that a judgement takes at least; with few samples longer. */
const LENGTH = 100
const LONG = 1000
const FEW = 8
/** More say no more. */
const MOST = 200
/** Of those in flight. */
const WHOLE = 0.5
/** Of a correlation. */
const STRONG = 0.5

/**
 * In milliseconds: what a quarter and a half of the samples did not exceed, the mean of all, and its
 * standard error.
 */
export interface Quantiles {
  readonly low: number
  readonly middle: number
  readonly mean: number
  readonly error: number
}

export class SampleWindow {
  readonly #starts: number[] = []
  readonly #rtts: number[] = []
  readonly #began: number
  #inFlight = 0
  /** The most in flight when one of them began, itself included. */
  peak = 0
  /** How many were of work that succeeded. */
  good = 0

  /** @param now milliseconds */
  constructor(now: number) {
    this.#began = now
  }

  get count(): number {
    return this.#rtts.length
  }

  /** How many were in flight when one of them began, on average. */
  get inFlight(): number {
    return this.#inFlight / this.count
  }

  /** How many ended a second. */
  rate(now: number): number {
    return (this.count / Math.max(now - this.#began, 1)) * 1000
  }

  add({ startTime, rtt, inFlight }: Sample, isGood: boolean): void {
    this.#starts.push(startTime)
    this.#rtts.push(rtt)
    this.#inFlight += inFlight
    if (inFlight > this.peak) this.peak = inFlight
    if (isGood) this.good++
  }

  /** @param enough how many samples are worth a judgement */
  isFull(now: number, enough: number): boolean {
    const { count } = this
    const length = now - this.#began
    if (length < LENGTH) return count >= MOST
    return count >= enough || (count >= FEW && length >= LONG)
  }

  /**
   * Whether what ended is what was in flight, by Little's law: after a start, only the quickest have
   * ended.
   */
  isWhole(now: number): boolean {
    const sum = this.#rtts.reduce((total, rtt) => total + rtt, 0)
    return sum >= WHOLE * this.inFlight * (now - this.#began)
  }

  quantiles(): Quantiles {
    return quantilesOf(this.#rtts)
  }

  /**
   * Of the first of them, where work takes the longer the later it began, as behind a queue that grows:
   * of other work, that which ends first began late and is quick.
   */
  quantilesAtFirst(): Quantiles {
    const isRising = correlation(this.#starts, this.#rtts) > STRONG
    return quantilesOf(isRising ? this.#rtts.slice(0, Math.ceil(this.count / 4)) : this.#rtts)
  }
}

function quantilesOf(rtts: readonly number[]): Quantiles {
  const sorted = rtts.toSorted((a, b) => a - b)
  const at = (part: number): number => sorted[Math.ceil(part * sorted.length) - 1] as number
  const average = mean(rtts)
  const error = Math.sqrt(mean(rtts.map((rtt) => (rtt - average) ** 2)) / rtts.length)
  return { low: at(0.25), middle: at(0.5), mean: average, error }
}

/** Of Pearson's; 0 where one of the two does not vary. */
function correlation(xs: readonly number[], ys: readonly number[]): number {
  const [meanX, meanY] = [mean(xs), mean(ys)]
  let [both, ofX, ofY] = [0, 0, 0]
  for (const [index, x] of xs.entries()) {
    const [dx, dy] = [x - meanX, (ys[index] as number) - meanY]
    both += dx * dy
    ofX += dx * dx
    ofY += dy * dy
  }
  return both === 0 ? 0 : both / Math.sqrt(ofX * ofY)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
