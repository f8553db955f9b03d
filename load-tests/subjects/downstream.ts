/**
 * Something behind the server that thrashes: beyond its slots everything takes longer for everybody,
 * so that it gets less done the more it is asked. Its own queue is endless, as databases' are.
 */
export class Downstream {
  slots: number
  #inside = 0

  constructor(slots: number) {
    this.slots = slots
  }

  /** Takes longer by (n / slots)^1.3 for n inside beyond the slots. */
  async work(milliseconds: number): Promise<void> {
    this.#inside++
    const crowding = Math.max(1, this.#inside / this.slots) ** 1.3
    await new Promise((resolve) => setTimeout(resolve, milliseconds * crowding))
    this.#inside--
  }
}

/** Keeps the event loop busy, as computing does. */
export function compute(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}
