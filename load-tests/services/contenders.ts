/** What stands before a service. */
import type { RouteConcurrency, SluiceOptions } from 'fastify-sluice'
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

export const CONTENDERS = ['unprotected', 'under-pressure', 'fixed', 'default', 'auto'] as const
/** By name, with nothing else. */
export const ALGORITHMS = ['gradient2', 'vegas', 'aimd'] as const
export type ContenderName = (typeof CONTENDERS | typeof ALGORITHMS)[number]

/** @throws RangeError for none of them */
export function contenderNamed(name: string): ContenderName {
  const known = [...CONTENDERS, ...ALGORITHMS].find((one) => one === name)
  if (known === undefined) throw new RangeError(`no contender ${name}`)
  return known
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
