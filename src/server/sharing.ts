/** With whom the server's `LIMIT` is shared: all that have the store at `STORE_URL`, or the other workers. */
import type { FastifyInstance } from 'fastify'
import { RedisStore, type SharedOptions, type SharedStore } from 'fastify-sluice'
import type { Config } from '../config.js'

export type SharingConfig = Partial<
  Pick<
    Config,
    'LIMIT' | 'STORE_URL' | 'SHARED_NAME' | 'SHARED_MODE' | 'SHARED_LEASE_MS' | 'SHARED_FALLBACK'
  >
>

/**
 * @param workers where this is one of several
 * @returns undefined: the limit is this process's own, or there is none
 * @throws RangeError for a `STORE_URL` that is none, without repeating it
 */
export async function sharingOf(
  config: SharingConfig,
  workers: SharedStore | undefined,
  app: FastifyInstance,
): Promise<SharedOptions | undefined> {
  const { LIMIT, STORE_URL, SHARED_NAME = 'sluice' } = config
  if (typeof LIMIT !== 'number') return undefined
  const store = STORE_URL === undefined ? workers : await connect(STORE_URL, app)
  return (
    store && {
      ...{ store, name: SHARED_NAME, mode: config.SHARED_MODE },
      ...{ lease: config.SHARED_LEASE_MS, fallback: config.SHARED_FALLBACK },
    }
  )
}

/** Its client is loaded only where it is asked for. */
async function connect(url: string, app: FastifyInstance): Promise<SharedStore> {
  const { Redis } = await import('ioredis')
  const onWarning = (message: string): void => app.log.warn(`store: ${message}`)
  const store = RedisStore.connect(Redis, url, { onWarning })
  // Behind the plugin's, which gives back what it has borrowed.
  app.addHook('onClose', async () => store.close())
  return store
}
