/**
 * Tells how long a request waited, in `Server-Timing` beside whatever others say there, before it or
 * later, by the reply or by the response: the header is a list, but to set it again replaces it.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { ActiveRequest } from './active-request.js'

const NAME = 'server-timing'

export function tellWait({ reply, response, waited }: ActiveRequest): void {
  // RFC 8941's decimals: at most three digits behind the point.
  const wait = `queue;dur=${waited.toFixed(1)}`
  const { header } = reply
  const { setHeader } = response
  // Who reads the header before it adds to it finds this in it.
  const withWait = (said: unknown): string => {
    const metrics = [said ?? []].flat().join(', ')
    return metrics.split(/\s*,\s*/).includes(wait)
      ? metrics
      : [metrics, wait].filter(Boolean).join(', ')
  }
  const tell = (speaker: FastifyReply, said: unknown): FastifyReply =>
    header.call(speaker, NAME, withWait(said))
  tell(reply, reply.getHeader(NAME))
  // Only of a request that waited: those that did not pay nothing for it. It may be of another reply
  // in its place.
  reply.header = function (this: FastifyReply, name: string, value?: unknown) {
    return name.toLowerCase() === NAME ? tell(this, value) : header.call(this, name, value)
  } as typeof header
  response.setHeader = ((name: string, value: Parameters<typeof setHeader>[1]) => {
    if (name.toLowerCase() !== NAME) return setHeader.call(response, name, value)
    // Fastify lets what the reply says replace it.
    tell(reply, value)
    return setHeader.call(response, name, withWait(value))
  }) as ServerResponse['setHeader']
}
