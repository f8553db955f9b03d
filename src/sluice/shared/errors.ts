/** The errors of shared limits. */
import createError from '@fastify/error'

export const StoreError = createError(
  'SLUICE_STORE',
  'The store of the shared limit cannot be reached',
  503,
)
