/** What the event loop's limiter sees of the loop, so that a person can follow what it does. */

export interface LoopFindings {
  /** Milliseconds that whatever is due waits for the loop, on average. */
  readonly lateMs: number
  /** Milliseconds of loop time that those in flight are expected to need. */
  readonly heldMs: number
  /** And may need; null as long as the loop is not late. */
  readonly roomMs: number | null
  /** Only routes that have been asked for. */
  readonly routes: readonly {
    readonly name: string
    /** Milliseconds of loop time that a request is expected to need. */
    readonly costMs: number
    readonly inFlight: number
    readonly queued: number
  }[]
}

interface Room {
  readonly lateness: number
  readonly held: number
  readonly most: number
}

interface Class {
  readonly name: string
  readonly cost: number
  readonly inFlight: number
  readonly queue: { readonly size: number }
}

/** As plain data, as of now. */
export function loopFindings(room: Room, classes: readonly Class[]): LoopFindings {
  const used = classes.filter(({ cost }) => cost > 0)
  return {
    // At rest nobody measures it.
    lateMs: used.some(({ inFlight }) => inFlight > 0) ? room.lateness : 0,
    heldMs: room.held,
    roomMs: room.most === Number.POSITIVE_INFINITY ? null : room.most,
    routes: used.map(({ name, cost: costMs, inFlight, queue }) => {
      return { name, costMs, inFlight, queued: queue.size }
    }),
  }
}
