/** Which services there are. */
import { compute } from '../kinds/compute.js'
import { database } from '../kinds/database.js'
import { dear, dearBackend } from '../kinds/dear.js'
import { fails, half, stopped } from '../kinds/fails.js'
import { fetch } from '../kinds/fetch.js'
import { givesUp, givesUpOne } from '../kinds/gives-up.js'
import { longShort } from '../kinds/long-short.js'
import { mix } from '../kinds/mix.js'
import { spreads } from '../kinds/spread.js'
import { stream } from '../kinds/stream.js'
import type { Kind, Parameters, Service } from './service.js'

export const kinds: readonly Kind[] = [
  mix,
  ...spreads,
  longShort,
  fetch,
  database,
  compute,
  stream,
  dear,
  dearBackend,
  givesUp,
  givesUpOne,
  fails,
  half,
  stopped,
]

/**
 * @param given in place of the service's own
 * @throws RangeError for a service or a parameter that does not exist
 */
export function serviceOf(name: string, given: Parameters = {}): Service {
  const kind = kinds.find((known) => known.name === name)
  if (kind === undefined) throw new RangeError(`no service ${name}`)
  const unknown = Object.keys(given).find((key) => !(key in kind.parameters))
  if (unknown !== undefined) {
    const has = Object.keys(kind.parameters).join(', ')
    throw new RangeError(`${name} has no parameter ${unknown}: it has ${has}`)
  }
  return kind.make({ ...kind.parameters, ...given })
}
