/** Bytes flipped, put in, left out, or repeated. */
import type { Dice } from './dice.js'

export function mutated(dice: Dice, bytes: Buffer): Buffer {
  let now = bytes
  for (const _ of dice.some(4, () => 0)) {
    if (now.length === 0) return now
    const at = dice.below(now.length)
    const length = 1 + dice.below(Math.min(40, now.length - at))
    const [before, piece, after] = [
      now.subarray(0, at),
      now.subarray(at, at + length),
      now.subarray(at + length),
    ]
    now = dice.one([
      () => Buffer.concat([before, dice.bytes(length), after]),
      () => Buffer.concat([before, dice.bytes(1 + dice.below(8)), piece, after]),
      () => Buffer.concat([before, after]),
      () =>
        Buffer.concat([before, ...Array.from({ length: 1 + dice.below(20) }, () => piece), after]),
    ])()
  }
  return now
}
