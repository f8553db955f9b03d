/**
 * How much loop time a request of each class takes, which nobody can see directly behind an `await`:
 * regression of the loop's busy time on what finished meanwhile. Recent readings count most. What they
 * do not tell apart is taken to be alike.
 * Source: weighted least squares over non-negative costs, by coordinate descent.
 */
import type { LoopReading } from './loop-room.js'

/** What finished, of one class. */
export interface Costed {
  /** Milliseconds of loop time; an estimate. */
  cost: number
  /** It is work, of which nothing is known at first; what is not is taken to cost nothing. */
  readonly isWork: boolean
  /** Since it was last asked. */
  takeFinished(): number
}

/** What each request costs that comes, also those that are refused. */
export class Arrivals implements Costed {
  cost = 0
  readonly isWork = false
  count = 0

  takeFinished(): number {
    const { count } = this
    this.count = 0
    return count
  }
}

/** Milliseconds; in less, what finished is not what the loop was busy with. */
const EVERY = 500
/** The weight of what was known, at each reading. */
const MEMORY = 0.95
const SWEEPS = 3
/** How many requests' worth of evidence it takes to tell a class from the average. */
const PRIOR = 1
/** Milliseconds. */
const LEAST = 0.01

export class LoopCosts {
  readonly #classes: Costed[] = []
  /** Sums of products: of what finished of any two classes, and of each with the busy time. */
  readonly #pairs: number[][] = []
  readonly #busy: number[] = []
  #finished = 0
  #time = 0
  /** Milliseconds since they were told last, and those of them in which the loop was busy. */
  #passed = 0
  #unread = 0

  get size(): number {
    return this.#classes.length
  }

  add(costed: Costed): void {
    this.#classes.push(costed)
    this.#busy.push(0)
    for (const row of this.#pairs) row.push(0)
    this.#pairs.push(this.#classes.map(() => 0))
  }

  /** What one costs on average, in milliseconds. */
  get average(): number {
    return this.#finished > 0 ? this.#time / this.#finished : 1
  }

  /** Readings as they come; true where they were enough to tell the costs anew. */
  collect({ passed, busy }: Pick<LoopReading, 'passed' | 'busy'>): boolean {
    this.#passed += passed
    this.#unread += busy
    if (this.#passed < EVERY) return false
    this.read(this.#unread)
    this.#passed = this.#unread = 0
    return true
  }

  /** @param busy milliseconds of loop time since the last reading */
  read(busy: number): void {
    const finished = this.#classes.map((each) => each.takeFinished())
    const sum = finished.reduce(
      (total, each, index) => total + (this.#classes[index]?.isWork ? each : 0),
      0,
    )
    // What goes on and on, as a stream does, says nothing of what it costs.
    if (sum === 0) return
    this.#finished = this.#finished * MEMORY + sum
    this.#time = this.#time * MEMORY + busy
    for (const [index, count] of finished.entries()) {
      const row = this.#pairs[index] as number[]
      for (const [other, otherCount] of finished.entries()) {
        row[other] = (row[other] as number) * MEMORY + count * otherCount
      }
      this.#busy[index] = (this.#busy[index] as number) * MEMORY + count * busy
    }
    for (let sweep = 0; sweep < SWEEPS; sweep++) this.#sweep()
  }

  #sweep(): void {
    const { average } = this
    for (const [index, costed] of this.#classes.entries()) {
      const row = this.#pairs[index] as number[]
      let left = (this.#busy[index] as number) + (costed.isWork ? PRIOR * average : 0)
      for (const [other, { cost }] of this.#classes.entries()) {
        if (other !== index) left -= (row[other] as number) * cost
      }
      costed.cost = Math.max(LEAST, left / ((row[index] as number) + PRIOR))
    }
  }
}
