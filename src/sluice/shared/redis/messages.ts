/** The messages of the protocol as the script takes and gives them. */
import type { Batch, Push, Reply, Standing } from '../protocol.js'

/** Values before those of the claims. */
const HEAD = 7
/** Values of one claim's answer. */
const STANDING = 3

/** @param run of the store that is to get it */
export function argumentsOf(batch: Batch, run: string): (string | number)[] {
  const { member, seq, generation = '', nonce, valid, leaving, limitForAll, lease, limit } = batch
  const flags = [valid, leaving, limitForAll].map(Number)
  const args = [run, member, seq, generation, nonce, ...flags, lease, limit]
  for (const { key, seen, returned, want, spare, priority } of batch.claims) {
    args.push(key, seen, returned, want, spare, priority)
  }
  return args
}

/** @param values numbers, or strings that hold them */
export function replyOf(batch: Batch, values: readonly (string | number)[]): Reply {
  const [seq, generation, limit, ownLimit, members, learning, again] = values
  return {
    ...{ seq: Number(seq), generation: String(generation) },
    limit: limitOf(limit),
    ...{ ownLimit: Number(ownLimit), members: Number(members), learning: Number(learning) === 1 },
    ...(again !== '' && { again: Number(again) }),
    standings: batch.claims.map(({ key }, at) => standingOf(key, values, HEAD + STANDING * at)),
  }
}

function standingOf(key: string, values: readonly (string | number)[], at: number): Standing {
  const [granted, contended, level] = values.slice(at, at + STANDING)
  return {
    ...{ key, granted: Number(granted), contended: Number(contended) === 1, level: limitOf(level) },
  }
}

/** A negative one stands for none. */
function limitOf(value: string | number | undefined): number {
  return Number(value) < 0 ? Number.POSITIVE_INFINITY : Number(value)
}

/** What was published; without a generation it is for all. */
export function toldBy(message: string): Standing & Partial<Pick<Push, 'generation'>> {
  return JSON.parse(message)
}
