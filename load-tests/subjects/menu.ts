/** Which servers there are to be measured. Each is loaded only by the process that runs it. */
import type { Server } from 'node:http'

/** @param setting what of the subject may differ; most have nothing */
type Build = (setting?: string) => Promise<Server>

export const subjects: Readonly<Record<string, Build>> = {
  'node:http': async () => (await import('./fast.js')).nodeHttp(),
  'bare Fastify': async () => (await import('./fast.js')).bare(),
  'plugin without options': async () => (await import('./fast.js')).plugin(),
  'plugin with limits and queues': async () => (await import('./fast.js')).limited(),
  'under-pressure + fastify-metrics': async () => (await import('./fast.js')).peers(),
  'bare refusal': async () => (await import('./fast.js')).bareRefusal(),
  'plugin full': async () => (await import('./fast.js')).full(),
  files: async () => (await import('./files.js')).files(),
  'HTTP/2': async () => (await import('./http2.js')).http2(),
  'cpu, bare Fastify': async () => (await import('./overload.js')).bare('cpu'),
  'cpu, under-pressure': async () => (await import('./overload.js')).pressed('cpu'),
  'cpu, fixed limit': async () => (await import('./overload.js')).fixed('cpu'),
  'cpu, Sluice': async () => (await import('./overload.js')).adaptive('cpu'),
  'io, bare Fastify': async () => (await import('./overload.js')).bare('io'),
  'io, under-pressure': async () => (await import('./overload.js')).pressed('io'),
  'io, fixed limit': async (limit) => (await import('./overload.js')).fixed('io', limit),
  'io, Sluice': async () => (await import('./overload.js')).adaptive('io'),
  service: async (setting) => (await import('../services/subjects/serve.js')).serve(setting),
  upstream: async () => (await import('./upstream.js')).upstream(),
}
