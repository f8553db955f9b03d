/**
 * What goes wrong with the machine, as an answer. Where it keeps its files, on which ports it asks and
 * what its calls are named is for the log: the client gets the status, and when to come back.
 */

/** Too little of something now, and perhaps enough of it soon. */
export class Unavailable extends Error {
  readonly statusCode = 503
  /** Fastify adds them to the answer. */
  readonly headers = { 'retry-after': '1' }
}

/** A failure in words that a client may have. */
export class Fault extends Error {
  readonly statusCode = 500
  readonly headers = {}
}

/** No file descriptor, memory, buffer or process is left, for the process or for all. */
const EXHAUSTED = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EAGAIN'])

/** Causes that are looked at. */
const DEEPEST = 10

/** The machine lacks something, as the error or one of its causes says. */
export function isExhausted(error: unknown): boolean {
  let cause = error
  // Causes may go in a circle.
  for (let depth = 0; depth < DEEPEST && cause instanceof Error; depth++) {
    if (EXHAUSTED.has((cause as NodeJS.ErrnoException).code ?? '')) return true
    cause = cause.cause
  }
  return false
}

/** What the system said. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && (error as NodeJS.ErrnoException).syscall !== undefined
}

/**
 * What to answer in place of an error that says no status, nor did the handler, or that a system call
 * failed with: no more than that something failed, or that the machine lacks something. Undefined for
 * all others, whose words are meant for the client.
 * @param status what the handler set before it threw
 */
export function unsaid(error: unknown, status: number): Unavailable | Fault | undefined {
  if (error instanceof Unavailable) return undefined
  if (isExhausted(error)) return new Unavailable('Out of resources')
  const { statusCode, status: other } = (error ?? {}) as { statusCode?: number; status?: number }
  const isSaid = (statusCode ?? other) !== undefined || (status >= 400 && status < 500)
  return isSaid && !isSystemError(error) ? undefined : new Fault('Internal Server Error')
}
