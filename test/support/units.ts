/** Texts of any kind. */
import fc from 'fast-check'

/** UTF-16 units as they come, so that there are halves of pairs, and pairs. */
export const units = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    fc.constantFrom('\ud83d', '\ude00', '\u{1f600}', '\u{e0041}'),
  ),
  { maxLength: 60 },
)
