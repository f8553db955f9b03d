/** One call for the common case: what work is, and what a limit learns from how it ended. */
import type { Outcome, Token } from './limiter/token.js'

/** It gets the signal that its caller gave, if any. */
export type Work<T> = (signal: AbortSignal | undefined) => T | PromiseLike<T>

/** Ends the token by how the work ends. Rejects with what the work throws. */
export async function runWith<T>(
  token: Token,
  work: Work<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  try {
    const result = await work(signal)
    token.succeed()
    return result
  } catch (error) {
    token.end(outcomeOf(error, signal))
    throw error
  }
}

/** A time-out is a sign of overload; a fault is none, nor is a caller that left. */
function outcomeOf(error: unknown, signal: AbortSignal | undefined): Outcome {
  if (signal?.aborted) return 'aborted'
  return (error as Error | null)?.name === 'TimeoutError' ? 'dropped' : 'failed'
}
