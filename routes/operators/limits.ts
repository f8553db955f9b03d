/** Changes a limit while the app works, for whoever has the token; without a token there is no such route. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyPluginAsync } from 'fastify'
import { Type } from 'typebox'
import { Check } from 'typebox/value'
import { shown } from '../../src/server/outside-text.js'

export interface LimitsOptions {
  /** What `Authorization: Bearer` must say. */
  token?: string | undefined
  /** Sets it in all workers, where this is one of several. */
  whole?: { setLimit(limiter: string, limit: number): Promise<void> } | undefined
}

const schema = Type.Object(
  { limit: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) },
  { additionalProperties: false },
)

const limits: FastifyPluginAsync<LimitsOptions> = async (app, { token, whole }) => {
  if (token === undefined) return
  const expected = digest(`Bearer ${token}`)

  app.route<{ Params: { name: string }; Body: { limit: number } }>({
    method: 'PUT',
    url: '/concurrency/limiters/:name',
    bodyLimit: 1024,
    schema: { body: schema },
    // Fastify's own would take "5" for 5, and drop what it does not know.
    validatorCompiler: () => (value: unknown) =>
      Check(schema, value)
        ? { value }
        : {
            error: new Error(
              `body: got ${shown(JSON.stringify(value))}, takes {"limit": an integer >= 1}`,
            ),
          },
    onRequest: (request, reply, done) => {
      const given = digest(request.headers.authorization?.replace(/^bearer +/i, 'Bearer ') ?? '')
      if (timingSafeEqual(given, expected)) return done()
      reply.code(401).header('www-authenticate', 'Bearer')
      done(new Error('Authorization: takes Bearer and the token of ADMIN_TOKEN'))
    },
    handler: async ({ params, body, log }, reply) => {
      const { limiters } = app.concurrency
      const limiter = limiters.find(({ name }) => name === params.name)
      if (limiter === undefined) {
        const names = limiters.map(({ name }) => JSON.stringify(name)).join(', ')
        reply.code(404)
        throw new Error(
          `limiter: got ${shown(JSON.stringify(params.name))}, takes ${names || 'none'}`,
        )
      }
      if (!limiter.isFixed) {
        reply.code(409)
        throw new Error(`${limiter.name}: its limit is found, not set`)
      }
      const before = limiter.snapshot().sharedLimit ?? limiter.limit
      if (whole === undefined) limiter.setLimit(body.limit)
      else await whole.setLimit(limiter.name, body.limit)
      log.warn({ limiter: limiter.name, before, limit: body.limit }, 'limit changed')
      return limiter.snapshot()
    },
  })
}
export default limits

/** Of equal length whatever is given, so that comparing takes as long. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
