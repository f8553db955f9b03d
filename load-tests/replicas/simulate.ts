/** Runs one strategy through one case, and looks at it every 10 ms. */
import { mulberry32 } from '../figures/random.js'
import type { Case } from './case.js'
import { demand, MOVES_EVERY } from './demand.js'
import type { Strategy } from './strategies.js'
import { World } from './world.js'

export interface Run {
  /** The part of what could be used, min(limit, callers that do not pause), that was, from the first move on. */
  readonly used: number
  /** Calls to the store a second. */
  readonly calls: number
  /** Milliseconds from a move until 97 % of it were used over 100 ms, at worst. */
  readonly recovery: number
  readonly mostInFlight: number
}

const LOOK = 10
const RECOVERED = 0.97
/** Looks: longer than the work of those that had callers before the move. */
const OVER = 10

/** @param moves how often the demand moves */
export async function simulate(strategy: Strategy, one: Case, moves: number): Promise<Run> {
  const world = new World()
  const random = mulberry32(1)
  world.network = {
    delay: () => one.delay * (random() < 0.1 ? 2 : 1),
    copies: () => (random() < one.lost ? 0 : 1),
  }
  const { replicas, calls } = strategy.start(world, one)
  const callers = Math.round(one.limit * one.load)
  let used = 0
  let recovery = 0
  let mostInFlight = 0
  let before = 0
  for (let move = 0; move <= moves; move++) {
    const counts = demand(one.replicas, callers, move)
    replicas.forEach((replica, index) => {
      replica.callers = counts[index] as number
    })
    const parts: number[] = []
    for (let time = LOOK; time <= MOVES_EVERY; time += LOOK) {
      await world.advance(LOOK)
      const inFlight = replicas.reduce((sum, replica) => sum + replica.inFlight, 0)
      const busy = replicas.reduce((sum, replica) => sum + replica.busy, 0)
      mostInFlight = Math.max(mostInFlight, inFlight)
      // Work of those that had callers before is work, too.
      parts.push(inFlight / Math.min(one.limit, busy))
    }
    if (move === 0) before = calls()
    else {
      used += mean(parts) / moves
      recovery = Math.max(recovery, recoveryOf(parts))
    }
  }
  const seconds = (moves * MOVES_EVERY) / 1000
  return { used, calls: (calls() - before) / seconds, recovery, mostInFlight }
}

/** Milliseconds until enough is used for a while; Infinity: never. */
function recoveryOf(parts: readonly number[]): number {
  const first = parts.findIndex((_, index) => {
    const some = parts.slice(index, index + OVER)
    return some.length === OVER && mean(some) >= RECOVERED
  })
  return first < 0 ? Number.POSITIVE_INFINITY : first * LOOK
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length
}
