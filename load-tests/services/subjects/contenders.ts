/** What stands before a service. */
import type { RouteConcurrency, SluiceOptions } from 'fastify-sluice'
import type { ContenderName } from './contender-names.js'
import type { Service } from './service.js'

/** All that is given where nobody knows anything. */
export const OURS: SluiceOptions = { limit: 'auto' }
/** Whoever measures a limit gives it a short queue. */
const QUEUE = { timeout: 200 }

export type Contender =
  | { readonly kind: 'unprotected' | 'under-pressure' }
  | {
      readonly kind: 'sluice'
      readonly options: SluiceOptions
      /** Of the route that the service names. */
      readonly route?: RouteConcurrency
    }

/** @param limit of a fixed one */
export function contenderOf(
  name: ContenderName,
  { limited }: Service,
  limit: number,
  ours: SluiceOptions = OURS,
): Contender {
  switch (name) {
    case 'unprotected':
    case 'under-pressure':
      return { kind: name }
    case 'auto':
      return { kind: 'sluice', options: ours }
    case 'gradient2':
    case 'vegas':
    case 'aimd':
      return { kind: 'sluice', options: { limit: name } }
    case 'default':
      return limited === undefined
        ? { kind: 'sluice', options: { limit } }
        : { kind: 'sluice', options: {}, route: limit }
    case 'fixed':
      return limited === undefined
        ? { kind: 'sluice', options: { limit, queue: QUEUE } }
        : { kind: 'sluice', options: {}, route: { limit, queue: QUEUE } }
  }
}
