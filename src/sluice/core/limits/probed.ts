/**
 * Finds out from time to time what work takes when less of it is in flight, and so tells a service
 * that became slower for good from one that is asked too much: seen from inside an overload they look
 * alike, so that a baseline which only watches takes the overload for the normal case after a while.
 *
 * A probe halves the limit for about three times as long as work takes: once for what is in flight to
 * end, once to begin what is measured, once for that to end. What it measures, and twice its standard
 * error so that chance condemns nobody, is the most that the limit behind may take for normal. Probes
 * come at least 1 and at most 15 s apart, closer as long as they bring news, and take at most a sixth
 * of the time. The moments are random, so that many processes do not probe together.
 * After BBR's probing of the round-trip time (Cardwell et al., 2016).
 */
import { checkRtt, type LimitAlgorithm, type Sample } from './limit.js'

const SHORTEST = 1000
const LONGEST = 15_000
/** Pauses that are at least this many times as long as the probe before them. */
const REST = 5
const FEWEST = 3
/** A change that is news. */
const NEWS = 0.2

export class ProbedLimit implements LimitAlgorithm {
  readonly #delegate: LimitAlgorithm
  readonly #min: number
  readonly #random: () => number
  readonly #usual = new Usual()
  #rttAtRest = Number.POSITIVE_INFINITY
  #probe: Probe | undefined
  #next: number | undefined
  #pause = SHORTEST

  /**
   * @param create makes the limit; it is given what work takes at rest, in milliseconds, as far as is
   * known: Infinity before the first probe.
   * @param min no probe goes below it. @param random gives [0, 1).
   */
  constructor(
    create: (rttAtRest: () => number) => LimitAlgorithm,
    min: number,
    random: () => number = Math.random,
  ) {
    this.#delegate = create(() => this.#rttAtRest)
    this.#min = min
    this.#random = random
  }

  get limit(): number {
    return this.#probe?.limit ?? this.#delegate.limit
  }

  onSample(sample: Sample): number {
    checkRtt(sample.rtt)
    const now = sample.startTime + sample.rtt
    const probe = this.#probe
    if (probe === undefined) {
      this.#delegate.onSample(sample)
      // How long work goes on until it is dropped is not what it takes.
      if (sample.dropped) return this.limit
      this.#usual.add(sample.rtt)
      this.#next ??= now + SHORTEST
      if (now >= this.#next) this.#begin(now)
    } else {
      if (sample.dropped) this.#delegate.onSample(sample)
      else probe.add(sample)
      if (now >= probe.end) this.#finish(probe, now)
    }
    return this.limit
  }

  #begin(now: number): void {
    const half = Math.max(this.#min, Math.floor(this.#delegate.limit / 2))
    this.#probe = new Probe(half, now, this.#usual.longest)
  }

  #finish(probe: Probe, now: number): void {
    this.#probe = undefined
    if (probe.count >= FEWEST) {
      const rtt = probe.average + (2 * this.#usual.deviation) / Math.sqrt(probe.count)
      const isNews = !(Math.abs(rtt - this.#rttAtRest) <= NEWS * this.#rttAtRest)
      this.#rttAtRest = rtt
      this.#pause = isNews ? SHORTEST : Math.min(LONGEST, this.#pause * 2)
    }
    const pause = Math.max(this.#pause, REST * (probe.end - probe.start))
    this.#next = now + pause * (0.5 + this.#random() / 2)
  }
}

/** The average and deviation of the last hundred samples that were not dropped, about. */
class Usual {
  #count = 0
  #average = 0
  #square = 0

  add(rtt: number): void {
    const factor = 1 / Math.min(++this.#count, 100)
    this.#average += (rtt - this.#average) * factor
    this.#square += (rtt ** 2 - this.#square) * factor
  }

  get deviation(): number {
    return Math.sqrt(Math.max(0, this.#square - this.#average ** 2))
  }

  /** Nearly all are shorter. */
  get longest(): number {
    return this.#average + 2 * this.deviation
  }
}

class Probe {
  readonly limit: number
  readonly start: number
  readonly end: number
  count = 0
  #sum = 0
  readonly #lastStart: number

  constructor(limit: number, start: number, longest: number) {
    this.limit = limit
    this.start = start
    this.#lastStart = start + 2 * longest
    this.end = this.#lastStart + longest
  }

  /** Only what began under its limit, and early enough that slow work has ended as well as fast. */
  add({ startTime, rtt, inFlight }: Sample): void {
    if (startTime < this.start || startTime > this.#lastStart || inFlight > this.limit) return
    this.count++
    this.#sum += rtt
  }

  get average(): number {
    return this.#sum / this.count
  }
}
