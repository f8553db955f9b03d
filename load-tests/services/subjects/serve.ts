/** A service behind a contender, as a subject. */
import type { Server } from 'node:http'
import underPressure from '@fastify/under-pressure'
import { type FastifyInstance, fastify } from 'fastify'
import sluice from 'fastify-sluice'
import { mulberry32 } from '../../figures/random.js'
import { UNDER_PRESSURE } from '../../subjects/overload.js'
import type { Contender } from './contenders.js'
import { serviceOf } from './menu.js'
import type { Parameters } from './service.js'

export interface Setting {
  readonly service: string
  readonly parameters: Parameters
  readonly contender: Contender
  /** The address of the upstream process; empty: there is none. */
  readonly upstream: string
  readonly seed: number
}

/** @param text a `Setting` in JSON */
export async function serve(text = ''): Promise<Server> {
  const { service: name, parameters, contender, upstream, seed } = JSON.parse(text) as Setting
  const service = serviceOf(name, parameters)
  const app = fastify()
  await protect(app, contender, service.limited)
  await service.routes(app, { upstream, random: mulberry32(seed) })
  app.get('/health/live', async () => 'live')
  app.get('/concurrency', async () => app.concurrency?.snapshot() ?? {})
  await app.ready()
  return app.server
}

async function protect(
  app: FastifyInstance,
  contender: Contender,
  limited: string | undefined,
): Promise<void> {
  if (contender.kind === 'under-pressure') await app.register(underPressure, UNDER_PRESSURE)
  if (contender.kind !== 'sluice') return
  const { options, route } = contender
  app.addHook('onRoute', (added) => {
    if (route !== undefined && added.url === limited) {
      added.config = { ...added.config, concurrency: route }
    }
  })
  await app.register(sluice, options)
}
