/**
 * Counts durations without keeping them: log-linear buckets of 1/8 octave (12.5 % wide) from 1 µs
 * to 35 minutes for quantiles, and beside them the buckets of OpenTelemetry's HTTP conventions,
 * exactly, for Prometheus. `record` is index arithmetic on plain numbers; memory is fixed (2 KB).
 */
export class Histogram {
  /** Upper bounds, inclusive, in milliseconds; one more bucket counts what is beyond the last. */
  static readonly bounds: readonly number[] = [
    5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000,
  ]

  /** How many fell in each of `bounds` and beyond; not cumulative. */
  readonly buckets: Float64Array = new Float64Array(Histogram.bounds.length + 1)
  readonly #fine = new Float64Array(FINE_BUCKETS)
  #count = 0
  #sum = 0
  #min = Number.POSITIVE_INFINITY
  #max = 0

  /** All of them as one. */
  static merge(histograms: Iterable<Histogram>): Histogram {
    const merged = new Histogram()
    for (const histogram of histograms) merged.#add(histogram)
    return merged
  }

  /**
   * What was recorded since `earlier`, a copy of the same counts: what lies between. Its quantiles
   * stay within the buckets that it fell in.
   */
  since(earlier: Histogram): Histogram {
    const later = new Histogram()
    later.#count = this.#count - earlier.#count
    later.#sum = this.#sum - earlier.#sum
    this.buckets.forEach((inside, index) => {
      later.buckets[index] = inside - (earlier.buckets[index] as number)
    })
    for (let index = 0; index < FINE_BUCKETS; index++) {
      const inside = (this.#fine[index] as number) - (earlier.#fine[index] as number)
      if (inside === 0) continue
      later.#fine[index] = inside
      later.#min = Math.min(later.#min, Math.max(fineLowerBound(index), this.#min))
      later.#max = Math.min(fineLowerBound(index + 1), this.#max)
    }
    return later
  }

  get count(): number {
    return this.#count
  }

  /** Milliseconds. */
  get sum(): number {
    return this.#sum
  }

  /** @param duration milliseconds, fractional; below 0 (a clock that stepped back) counts as 0. */
  record(duration: number): void {
    const ms = Math.max(duration, 0)
    this.#count++
    this.#sum += ms
    if (ms < this.#min) this.#min = ms
    if (ms > this.#max) this.#max = ms
    let bucket = 0
    while (bucket < BOUNDS && ms > (BOUNDS_MS[bucket] as number)) bucket++
    this.buckets[bucket] = (this.buckets[bucket] as number) + 1
    const index = fineIndex(ms)
    this.#fine[index] = (this.#fine[index] as number) + 1
  }

  /** @param q in [0, 1]. Milliseconds, to the microsecond, within 12.5 %, never outside what was recorded; 0 without data. */
  quantile(q: number): number {
    if (this.#count === 0) return 0
    const rank = q * this.#count
    let below = 0
    for (let index = 0; index < FINE_BUCKETS; index++) {
      const inside = this.#fine[index] as number
      if (inside > 0 && below + inside >= rank) {
        const low = fineLowerBound(index)
        // The first buckets are a microsecond wide: nothing to interpolate.
        const width = index < 8 ? 0 : fineLowerBound(index + 1) - low
        const value = low + (width * (rank - below)) / inside
        return toMicroseconds(Math.min(Math.max(value, this.#min), this.#max))
      }
      below += inside
    }
    return toMicroseconds(this.#max)
  }

  #add(other: Histogram): void {
    this.#count += other.#count
    this.#sum += other.#sum
    this.#min = Math.min(this.#min, other.#min)
    this.#max = Math.max(this.#max, other.#max)
    other.buckets.forEach((inside, index) => {
      this.buckets[index] = (this.buckets[index] as number) + inside
    })
    other.#fine.forEach((inside, index) => {
      this.#fine[index] = (this.#fine[index] as number) + inside
    })
  }
}

/** Read once, not off the class at each step. */
const BOUNDS_MS = Histogram.bounds
const BOUNDS = BOUNDS_MS.length

const MAX_MICROSECONDS = 2 ** 31 - 1
const FINE_BUCKETS = 232

function fineIndex(ms: number): number {
  const us = ms * 1000 < MAX_MICROSECONDS ? (ms * 1000) | 0 : MAX_MICROSECONDS
  if (us < 8) return us
  const octave = 31 - Math.clz32(us)
  return ((octave - 2) << 3) + ((us >>> (octave - 3)) & 7)
}

/** Milliseconds. */
function fineLowerBound(index: number): number {
  return (index < 8 ? index : (8 + (index & 7)) * 2 ** ((index >> 3) - 1)) / 1000
}

/** What is finer is noise. */
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
