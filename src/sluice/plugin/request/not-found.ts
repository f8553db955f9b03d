/**
 * Not-found handlers are work as any other, and Fastify has no hook that tells of them: `onRoute` sees
 * routes only. Those that are set behind the plugin, in its scope or within it, are told of here.
 */
import type { FastifyInstance } from 'fastify'
import type { Routes, WorkOptions } from '../routes/routes.js'

type SetNotFoundHandler = (this: FastifyInstance, ...given: unknown[]) => FastifyInstance

export function watchNotFound(app: FastifyInstance, routes: Routes): void {
  const set = app.setNotFoundHandler as SetNotFoundHandler
  const setWatched: SetNotFoundHandler = function (first, second) {
    const [options, handler] = typeof first === 'function' ? [{}, first] : [first, second]
    // What Fastify refuses, it shall refuse itself.
    if (typeof handler !== 'function') return set.call(this, first, second)
    const work = { ...(options as object), handler } as WorkOptions
    routes.prepareNotFound(work)
    return set.call(this, work, work.handler)
  }
  app.setNotFoundHandler = setWatched as typeof app.setNotFoundHandler
}
