/** Options of a route in places where nobody reads them. */
import { isPlainObject } from '../../core/check.js'
import { refuse } from '../option-checks.js'

/** @throws SLUICE_OPTIONS where `config` was forgotten. */
export function refuseBesideConfig(name: string, options: object): void {
  const { concurrency } = options as { concurrency?: unknown }
  if (concurrency !== undefined) {
    refuse(`${name}: concurrency`, concurrency, 'its place in config: { config: { concurrency } }')
  }
}

/**
 * Options of `setNotFoundHandler`: what `callNotFound` sends to that handler comes by no hook that
 * could limit it. @throws SLUICE_OPTIONS
 */
export function checkNotFoundOptions(options: unknown): void {
  if (!isPlainObject(options)) return
  const { config, concurrency = (config as { concurrency?: unknown } | undefined)?.concurrency } =
    options as { config?: unknown; concurrency?: unknown }
  if (concurrency !== undefined) {
    const takes = "effect only on routes; what no route matches is under the app's limits"
    refuse('setNotFoundHandler: concurrency', concurrency, takes)
  }
}
