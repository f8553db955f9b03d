import { show, wrongType } from '../check.js'

/** What a permit needs of the semaphore it came from. */
export interface PermitOwner {
  /** Makes `count` permits free and grants whoever then fits. */
  giveBack(count: number): void
  /** Lets `count` permits that are out disappear. */
  takeOut(count: number): void
}

/**
 * The right to run, as `count` permits of one semaphore. It returns them exactly once, at `release`
 * or at the end of a `using` block; one that is dropped without either is lost to the semaphore.
 */
export class Permit implements Disposable {
  static {
    // A promise looks for a `then` in whatever it resolves with; found here, the search is short.
    Object.defineProperty(Permit.prototype, 'then', { value: undefined })
  }

  readonly #owner: PermitOwner
  #count: number

  private constructor(owner: PermitOwner, count: number) {
    this.#owner = owner
    this.#count = count
  }

  /** @internal Permits come from a semaphore. */
  static of(owner: PermitOwner, count: number): Permit {
    return new Permit(owner, count)
  }

  /** How many permits it holds; 0 once released, forgotten or merged into another. */
  get count(): number {
    return this.#count
  }

  /** Gives the permits back and grants whoever then fits, before it returns. Idempotent. */
  release(): void {
    const count = this.#count
    if (count === 0) return
    this.#count = 0
    this.#owner.giveBack(count)
  }

  [Symbol.dispose](): void {
    this.release()
  }

  /** Ends the permit without giving anything back: the semaphore has that many fewer for good. */
  forget(): void {
    this.#owner.takeOut(this.#count)
    this.#count = 0
  }

  /** Takes `n` of its permits into a new one; undefined unless `n` is an integer in 1..count. */
  split(n: number): Permit | undefined {
    if (!(Number.isInteger(n) && n >= 1 && n <= this.#count)) return undefined
    this.#count -= n
    return new Permit(this.#owner, n)
  }

  /** Takes over all that `other` holds. @throws TypeError for another semaphore's permit. */
  merge(other: Permit): void {
    if (!(other instanceof Permit)) {
      throw wrongType('other', show(other), 'a permit')
    }
    if (other.#owner !== this.#owner) {
      throw wrongType('other', 'a permit of another semaphore', 'one of the same')
    }
    if (other === this) return
    this.#count += other.#count
    other.#count = 0
  }
}
