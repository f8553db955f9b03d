/**
 * A world in which time is a number: events happen in their order, each with all that follows from it
 * at once, and a network delays, loses, doubles and reorders what is said in it.
 */

export interface Network {
  /** Milliseconds; drawn for each message. */
  delay(): number
  /** How many copies arrive. */
  copies(): number
}

export const perfectNetwork: Network = { delay: () => 1, copies: () => 1 }

const TURN = 1000

interface Event {
  readonly at: number
  readonly order: number
  run: () => void
}

export class World {
  /** Milliseconds, monotonic. */
  now = 0
  network: Network = perfectNetwork
  /** Called after each event. */
  check: () => void = nothing
  /** A heap: the next one first. */
  readonly #events: Event[] = []
  #order = 0
  #settled = 0

  after(ms: number, run: () => void): Disposable {
    const event = { at: this.now + ms, order: ++this.#order, run }
    this.#push(event)
    return {
      [Symbol.dispose]: () => {
        event.run = nothing
      },
    }
  }

  /** What is said arrives as JSON, as often and as late as the network has it. */
  send<T>(message: T, arrive: (message: T) => void): void {
    const text = JSON.stringify(message)
    for (let copy = this.network.copies(); copy > 0; copy--) {
      this.after(this.network.delay(), () => arrive(JSON.parse(text)))
    }
  }

  async advance(ms: number): Promise<void> {
    const end = this.now + ms
    await this.settle()
    while ((this.#events[0]?.at ?? Number.POSITIVE_INFINITY) <= end) {
      const { at, run } = this.#pop()
      if (run === nothing) continue
      this.now = at
      run()
      await this.settle()
    }
    this.now = end
  }

  /** Lets promises run, all of them: ticks come after. And timers of the real world, once in a while. */
  async settle(): Promise<void> {
    await new Promise(++this.#settled % TURN === 0 ? setImmediate : process.nextTick)
    this.check()
  }

  #push(event: Event): void {
    const events = this.#events
    let index = events.length
    while (index > 0) {
      const parent = (index - 1) >>> 1
      if (!isBefore(event, events[parent] as Event)) break
      events[index] = events[parent] as Event
      index = parent
    }
    events[index] = event
  }

  #pop(): Event {
    const events = this.#events
    const first = events[0] as Event
    const last = events.pop() as Event
    const size = events.length
    for (let index = 0; size > 0; ) {
      let child = 2 * index + 1
      if (child + 1 < size && isBefore(events[child + 1] as Event, events[child] as Event)) child++
      if (child >= size || !isBefore(events[child] as Event, last)) {
        events[index] = last
        break
      }
      events[index] = events[child] as Event
      index = child
    }
    return first
  }
}

function nothing(): void {}

function isBefore(a: Event, b: Event): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at
}
