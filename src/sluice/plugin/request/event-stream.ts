/** Server-sent events go on for ever; their clients connect again, to whoever is ready. */
import type { ServerResponse } from 'node:http'
import { ClosedError } from '../../core/errors.js'
import type { ActiveRequest } from './active-request.js'

/** Ends the request's response, if that is such a stream. */
export function endEventStream(request: ActiveRequest): void {
  const { response } = request
  if (!response.headersSent || response.writableEnded) return
  // `writeHead` with headers, as event-stream libraries call it, leaves none for `getHeader`.
  const { _header: sent } = response as ServerResponse & { _header?: string }
  const type = response.getHeader('content-type') ?? sent
  if (!/text\/event-stream/i.test(String(type))) return
  request.abort(new ClosedError())
  response.end()
  dropWrites(response)
}

/**
 * Its owner was told, and may write on all the same until `close`, which comes late where the client
 * reads slowly. A write behind the end is an error that nobody expects.
 */
function dropWrites(response: ServerResponse): void {
  const drop = (...given: unknown[]): void => {
    const callback = given.find((value) => typeof value === 'function')
    if (callback !== undefined) process.nextTick(callback as () => void)
  }
  response.write = (...given: unknown[]) => {
    drop(...given)
    return true
  }
  response.end = ((...given: unknown[]) => {
    drop(...given)
    return response
  }) as typeof response.end
}
