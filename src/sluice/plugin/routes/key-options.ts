/** What `key` says: who is a caller, and what each of them may have. */
import { isPlainObject } from '../../core/check.js'
import { KeyedLimiters } from '../../core/limiter/keyed-limiters.js'
import { checkOptionNames, refuse, translate } from '../option-checks.js'
import type { KeyOptions, SluiceOptions } from '../types.js'
import type { SharedLimits } from './shared-limits.js'
import type { Sharing } from './sharing.js'

const MAX_KEYS = 10_000

/**
 * A function alone once made `limit` each caller's. Apps that tell callers apart behind their
 * authentication are written so: there it is still understood, and everywhere else refused.
 */
export function spellOutKey(
  options: SluiceOptions,
): Pick<SluiceOptions, 'limit' | 'queue' | 'key'> {
  const by: unknown = options.key
  if (typeof by !== 'function' || options.hook !== 'preHandler') return options
  process.emitWarning(
    '`limit` beside `key` as a function is the limit of each caller: write key: { by, limit, queue }',
    { type: 'DeprecationWarning', code: 'SLUICE_KEY' },
  )
  const { limit, queue } = options
  return { key: { by, limit, queue } as KeyOptions }
}

/** @throws SLUICE_OPTIONS */
export function readKey(key: KeyOptions, sharing: Sharing, shared: SharedLimits) {
  if (!isPlainObject(key)) {
    refuse(
      'key',
      key,
      '{ by, limit, queue, shared, maxKeys }, where by is a function of the request',
    )
  }
  checkOptionNames('key.', key, ['by', 'limit', 'queue', 'shared', 'maxKeys'])
  const { by, limit, queue, maxKeys = MAX_KEYS } = key
  if (typeof by !== 'function') refuse('key.by', by, 'a function of the request')
  if (typeof limit !== 'number') refuse('key.limit', limit, 'an integer >= 1, for each key')
  shared.checkAsked('key.shared', key.shared)
  const limiters: KeyedLimiters = translate('key.', () =>
    key.shared
      ? shared.createKeyed(limit, queue, maxKeys)
      : new KeyedLimiters({ name: 'key', limit, queue, maxKeys }),
  )
  return { by, limiters: sharing.watch(limiters, queue, 'key.') }
}
