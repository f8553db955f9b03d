/** What came from outside in lines of the log, of JSON or at a terminal; and where the server shows it. */
import { beginning, escaped, visible } from './core/shown.js'

export { shown, visible } from './core/shown.js'

/** Of what `visible` writes out, what a line of JSON can have as it is. */
const UNSEEN_IN_JSON = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g
/** UTF-16 units: of a line with more, each text has so many. */
const LONG_LINE = 16_384
const LONGEST_TEXT = 4096

/** A line of JSON that means the same, for whatever shows it; of a very long one, the texts' beginnings. */
export function visibleJson(line: string): string {
  return boundedJson(line).replace(UNSEEN_IN_JSON, escaped)
}

/** A line of JSON whose texts are bounded, and say how much of them is missing. */
export function boundedJson(line: string): string {
  if (line.length <= LONG_LINE) return line
  const bounded: unknown = JSON.parse(line, (_, value) =>
    typeof value === 'string' && value.length > LONGEST_TEXT
      ? `${beginning(value, LONGEST_TEXT)}... (${value.length - LONGEST_TEXT} more)`
      : value,
  )
  return `${JSON.stringify(bounded)}\n`
}

/** The lines of a stack, none of which can be taken for a line of the log. */
export function visibleStack(stack: string): string {
  const [first = '', ...others] = stack.split('\n').map(visible)
  return [first, ...others.map((line) => (line.startsWith('    ') ? line : `    ${line}`))].join(
    '\n',
  )
}
