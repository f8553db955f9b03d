/** What came from outside in lines of the log, of JSON or at a terminal; and where the server shows it. */
import { beginning, visible } from './core/shown.js'

export { shown, visible } from './core/shown.js'

/** UTF-16 units of a line. */
const LONGEST_LINE = 16_384
/** UTF-16 units of each text in a line with more, until it fits. */
const TEXTS = [4096, 1024, 256, 64]

/** A line of JSON, bounded, that means the same for whatever shows it. */
export function visibleJson(line: string): string {
  return `${visible(boundedJson(line).trimEnd())}\n`
}

/** What a line of JSON says, bounded, for a terminal: lines are in stacks alone. */
export function visibleValue(line: string): object {
  return mapTexts(boundedJson(line), (text, name) =>
    name === 'stack' ? visibleStack(text) : visible(text),
  )
}

/** A line of JSON whose texts, where it is long, are bounded and say how much of them is missing. */
function boundedJson(line: string): string {
  let bounded = line
  for (const most of TEXTS) {
    if (bounded.length <= LONGEST_LINE) break
    bounded = JSON.stringify(mapTexts(line, (text) => cut(text, most)))
  }
  return bounded
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text
  const kept = beginning(text, most)
  return `${kept}... (${text.length - kept.length} more)`
}

/** The lines of a stack, none of which can be taken for a line of the log. */
function visibleStack(stack: string): string {
  const lines = stack.split('\n').map(visible)
  return lines.map((line, at) => (at === 0 || /^ {4}/.test(line) ? line : `    ${line}`)).join('\n')
}

/** What the JSON says with each text changed, names included; a text has the name it is under. */
function mapTexts(json: string, change: (text: string, name?: string) => string): object {
  return JSON.parse(json, (name, value: unknown) => {
    if (typeof value === 'string') return change(value, name)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [change(name), inner]))
  })
}
