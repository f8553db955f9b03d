/** What a route is called in messages, and its limiter in metrics. */
import type { RouteOptions } from 'fastify'
import { isPlainObject, show } from '../../core/check.js'

/** The label of requests that no route matched. */
export const UNMATCHED = '(unmatched)'

/** Routes of one URL that differ by constraints have limiters, and so metrics, of their own. */
export function nameOf({
  method,
  url,
  constraints = {},
}: Pick<RouteOptions, 'method' | 'url' | 'constraints'>): string {
  const differences = Object.entries(constraints).map(([name, value]) => ` ${name}=${text(value)}`)
  return `${[method].flat().join(',')} ${url}${differences.join('')}`
}

/** A string as it is; what a constraint of one's own may be besides, so that two of them differ. */
function text(value: unknown): string {
  if (typeof value === 'string' || value instanceof RegExp) return String(value)
  if (Array.isArray(value)) return `[${value.map(text).join(',')}]`
  if (!isPlainObject(value)) return show(value)
  const parts = Object.entries(value).map(([name, part]) => `${name}:${text(part)}`)
  return `{${parts.join(',')}}`
}
