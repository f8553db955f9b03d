/** What came from outside in lines of the log, of JSON or at a terminal; and where the server shows it. */
import { beginning, visible } from 'fastify-sluice/core'

export { shown, visible } from 'fastify-sluice/core'

/** UTF-16 units of a line as it is written. */
const LONGEST_LINE = 16_384
/** UTF-16 units of each text in a line with more, until it fits. */
const TEXTS = [4096, 1024, 256, 64]

/** A line of JSON, bounded, that means the same for whatever shows it. */
export function visibleJson(line: string): string {
  return `${boundedJson(line)}\n`
}

/** What a line of JSON says, bounded, for a terminal: lines are in stacks alone. */
export function visibleValue(line: string): object {
  return mapTexts(boundedJson(line), (text, name) =>
    name === 'stack' ? visibleStack(text) : visible(text),
  )
}

/** JSON that is no longer than a line may be when written out; texts say how much of them is missing. */
function boundedJson(line: string): string {
  const whole = visible(line.trimEnd())
  if (whole.length <= LONGEST_LINE) return whole
  let value: Record<string, unknown> = {}
  for (const most of TEXTS) {
    value = mapTexts(line, (text) => cut(text, most))
    const bounded = visible(JSON.stringify(value))
    if (bounded.length <= LONGEST_LINE) return bounded
  }
  return visible(JSON.stringify(essence(value, whole.length)))
}

/** Of what is long by the number of its values: when, how bad, whose, and what. */
function essence(value: Record<string, unknown>, length: number): object {
  const told = ['level', 'time', 'reqId', 'msg'].filter((name) => typeof value[name] !== 'object')
  return {
    ...Object.fromEntries(told.map((name) => [name, value[name]])),
    cut: `a line of ${length} characters`,
  }
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
function mapTexts(
  json: string,
  change: (text: string, name?: string) => string,
): Record<string, unknown> {
  return JSON.parse(json, (name, value: unknown) => {
    if (typeof value === 'string') return change(value, name)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [change(name), inner]))
  })
}
