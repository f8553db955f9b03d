/**
 * Tells of times in which the process did not run (SIGSTOP, a suspended machine, a blocked loop): what
 * was in progress then took long for that reason. It is told each time the process is seen to run, at
 * least several times a second; until then, and after `rest`, it knows of none.
 */

/** Milliseconds without a beat: none that work alone explains. */
const STOP = 2000

export class Stops {
  #last = Number.NaN
  #end = Number.NEGATIVE_INFINITY

  /** The process runs. @param now milliseconds */
  beat(now: number): void {
    if (now - this.#last > STOP) this.#end = now
    this.#last = now
  }

  /** Nobody will say so from now on. */
  rest(): void {
    this.#last = Number.NaN
  }

  /** Whether any of the time since then was one of them; also of one whose end no beat has told yet. */
  spans(startTime: number, now: number): boolean {
    return startTime < this.#end || now - this.#last > STOP
  }
}

/** By `performance.now`. */
export const processStops = new Stops()
