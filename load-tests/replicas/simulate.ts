/** Runs one strategy through one case, and looks at it every 10 ms. */
import { mulberry32 } from '../figures/random.js'
import { demand, MOVES_EVERY } from './demand.js'
import type { Strategy } from './strategies.js'
import { World } from './world.js'

export interface Case {
  readonly name: string
  readonly replicas: number
  readonly limit: number
  /** Callers for each permit. */
  readonly load: number
  /** Milliseconds that a message takes, at least; a tenth of them twice as long. */
  readonly delay: number
  /** The part of the messages that is lost. */
  readonly lost: number
}

export interface Run {
  /** The part of what could be used, min(limit, callers), that was, from the first move on. */
  readonly used: number
  /** Calls to the store a second. */
  readonly calls: number
  /** Milliseconds from a move until 97 % of it were used, at worst. */
  readonly recovery: number
  readonly mostInFlight: number
}

const LOOK = 10
const RECOVERED = 0.97

/** @param moves how often the demand moves */
export async function simulate(strategy: Strategy, one: Case, moves: number): Promise<Run> {
  const world = new World()
  const random = mulberry32(1)
  world.network = {
    delay: () => one.delay * (random() < 0.1 ? 2 : 1),
    copies: () => (random() < one.lost ? 0 : 1),
  }
  const { replicas, calls } = strategy.start(world, one.replicas, one.limit)
  const callers = Math.round(one.limit * one.load)
  const usable = Math.min(one.limit, callers)
  let used = 0
  let looks = 0
  let recovery = 0
  let mostInFlight = 0
  let before = 0
  for (let move = 0; move <= moves; move++) {
    const counts = demand(one.replicas, callers, move)
    replicas.forEach((replica, index) => {
      replica.callers = counts[index] as number
    })
    let recovered = Number.POSITIVE_INFINITY
    for (let time = LOOK; time <= MOVES_EVERY; time += LOOK) {
      await world.advance(LOOK)
      const inFlight = replicas.reduce((sum, replica) => sum + replica.inFlight, 0)
      mostInFlight = Math.max(mostInFlight, inFlight)
      // Work of those that had callers before is work, too.
      const part = Math.min(1, inFlight / usable)
      if (part >= RECOVERED) recovered = Math.min(recovered, time)
      if (move === 0) continue
      used += part
      looks++
    }
    if (move === 0) before = calls()
    else recovery = Math.max(recovery, recovered)
  }
  const seconds = (moves * MOVES_EVERY) / 1000
  return { used: used / looks, calls: (calls() - before) / seconds, recovery, mostInFlight }
}
