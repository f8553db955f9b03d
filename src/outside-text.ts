/**
 * Text that came from outside, as it may be shown: in answers, in the log, on a page or a terminal.
 * It is bounded, so that nobody gets back more than they sent, and what would move a cursor, begin a
 * line or turn the direction of writing is written out.
 */

/** Controls, format characters, line and paragraph separators, and halves of pairs. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
/** Those of them that a line of JSON can have as they are. */
const UNSEEN_IN_JSON = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** UTF-16 units. */
const MOST = 100

/** @param most how much of it is shown, in UTF-16 units */
export function shown(text: string, most: number = MOST): string {
  if (text.length <= most) return visible(text)
  return `${visible(text.slice(0, most))}...`
}

/** All of it, written out. */
export function visible(text: string): string {
  return text.replace(UNSEEN, escapeOf)
}

/** A line of JSON that means the same, for whatever shows it. */
export function visibleJson(line: string): string {
  return line.replace(UNSEEN_IN_JSON, escapeOf)
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) as number
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
}
