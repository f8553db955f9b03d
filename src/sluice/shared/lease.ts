/**
 * How long a process may use what it holds: until half a lease after it sent what was last answered.
 * By the larger of two clocks: a monotonic one may stand still while a machine sleeps, and the time of
 * day may be set.
 */
export class Lease {
  /** Milliseconds for which the store keeps one that is silent. */
  readonly length: number
  #mono = Number.NEGATIVE_INFINITY
  #wall = Number.NEGATIVE_INFINITY

  constructor(length: number) {
    this.length = length
  }

  /** What was sent then has been answered. */
  renew(mono: number, wall: number): void {
    this.#mono = mono
    this.#wall = wall
  }

  /** Milliseconds since then; Infinity: nothing was ever answered. */
  age(mono: number, wall: number): number {
    return Math.max(mono - this.#mono, wall - this.#wall)
  }

  /** Milliseconds until it ends; Infinity where it has. */
  left(mono: number, wall: number): number {
    const left = this.length / 2 - this.age(mono, wall)
    return left > 0 ? left : Number.POSITIVE_INFINITY
  }

  isValid(mono: number, wall: number): boolean {
    return this.age(mono, wall) < this.length / 2
  }
}
