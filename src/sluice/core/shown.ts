/**
 * Text that came from outside, as it may be shown: in errors, answers, the log, on a page or a terminal.
 * It is bounded, so that nobody gets back more than they sent, and what would move a cursor, begin a
 * line or turn the direction of writing is written out.
 */

/** Controls, format characters, line and paragraph separators, and halves of pairs. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
/** UTF-16 units. */
const MOST = 100

/** @param most how much of it is shown, in UTF-16 units */
export function shown(text: string, most: number = MOST): string {
  return text.length <= most ? visible(text) : `${visible(beginning(text, most))}...`
}

/** All of it, written out. */
export function visible(text: string): string {
  return text.replace(UNSEEN, escaped)
}

/** At most so many UTF-16 units of it, and no half of a pair at the end. */
export function beginning(text: string, most: number): string {
  const last = text.charCodeAt(most - 1)
  const isHalf = last >= 0xd800 && last <= 0xdbff
  return text.slice(0, isHalf ? most - 1 : most)
}

/** As JSON writes it. */
function escaped(character: string): string {
  const units = character.split('')
  return units.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
}
