/**
 * A key as it is kept. Its text comes from the client, 15 KB of a header at will, and stays as long as
 * the key does: a long one is kept as its hash, and a short one apart from what it was cut out of.
 */
import { createHash } from 'node:crypto'

/** Characters. */
const LONGEST = 64
/** Fewer than this V8 copies; what it cuts longer holds the whole text that it was cut out of. */
const SHORTEST_CUT = 13

/** Of equal keys equal, of others different: no key that is kept as it is has the length of a hash. */
export function keptKey(key: string): string {
  if (key.length < SHORTEST_CUT) return key
  // UTF-16, as UTF-8 has one sign for all halves of pairs.
  const units = Buffer.from(key, 'utf16le')
  if (key.length <= LONGEST) return units.toString('utf16le')
  return `#${createHash('sha256').update(units).digest('hex')}`
}
