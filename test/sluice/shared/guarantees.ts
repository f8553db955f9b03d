/** What holds after every event, word for word as it is promised. */
import type { Process } from './process.js'
import type { TestStore } from './test-store.js'

/**
 * Says what is wrong, if anything is.
 * @param grace milliseconds after its last answered sync was sent, after which what a process has in
 *   flight is what it had when it was cut off
 */
export function wrongs(
  processes: readonly Process[],
  store: TestStore,
  limit: number,
  grace: number,
): string[] {
  const wrong = [...store.wrongs]
  let inFlight = 0
  for (const process of processes) {
    if (!process.alive) continue
    const { limiter, work, world, lease } = process
    for (const each of work) {
      if (world.now - process.answered >= grace) each.outlived = true
      if (!each.outlived) inFlight++
      if (each.since - process.answered >= lease / 2 && each.since === world.now) {
        wrong.push('G4: admitted without a valid lease')
      }
    }
    if (limiter.inFlight > limiter.share) {
      wrong.push(`G2: ${limiter.inFlight} in flight, ${limiter.share} held`)
    }
    const held = store.held(process.name, process.member, process.generation)
    const isCounted = limiter.share === limiter.inFlight
    if (held !== undefined && limiter.share > held && !isCounted) {
      wrong.push(`G2: it holds ${limiter.share}, the store has ${held}`)
    }
  }
  if (inFlight > limit) wrong.push(`G3: ${inFlight} in flight of ${limit}`)
  return wrong
}
