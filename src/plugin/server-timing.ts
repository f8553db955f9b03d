/**
 * Tells how long a request waited, in `Server-Timing` beside whatever others say there, before it or
 * later: the header is a list, but to set it again replaces it.
 */
import type { FastifyReply } from 'fastify'
import type { ActiveRequest } from './active-request.js'

const NAME = 'server-timing'

export function tellWait({ reply, waited }: ActiveRequest): void {
  // RFC 8941's decimals: at most three digits behind the point.
  const wait = `queue;dur=${waited.toFixed(1)}`
  const { header } = reply
  const tell = (others: unknown): FastifyReply => {
    const metrics = [others ?? [], wait].flat().join(', ')
    return header.call(reply, NAME, metrics)
  }
  tell(reply.getHeader(NAME))
  // Only of a request that waited: those that did not pay nothing for it.
  reply.header = (name: string, value?: unknown) =>
    name.toLowerCase() === NAME ? tell(value) : header.call(reply, name, value)
}
