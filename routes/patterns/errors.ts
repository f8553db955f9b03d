/** Errors: as an answer, through layers with their causes, and of work that nobody waits for. */
import type { FastifyPluginAsync } from 'fastify'
import { integer, text } from './kit/input.js'
import { Failure, type PatternOptions, pattern } from './kit/pattern.js'
import { Run } from './kit/run.js'

const errors: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  pattern(app, options, {
    url: '/patterns/errors/divide',
    title: 'a division by zero: 400',
    query: '?a=10&b=0',
    article: { 'an error returned': '' },
    takes: { a: integer(10, -1_000_000, 1_000_000), b: integer(0, -1_000_000, 1_000_000) },
    work: async (_run, { a, b }) => {
      if (b === 0) throw new Failure(400, 'Cannot divide by zero')
      return Math.trunc(a / b)
    },
  })

  pattern(app, options, {
    url: '/patterns/errors/propagation',
    title: 'an error through three layers, with its causes',
    query: '?user=',
    article: { 'an error propagated': '' },
    takes: { user: text('user123') },
    work: async (run, { user }) => {
      try {
        return await showProfile(user)
      } catch (error) {
        const chain = messagesOf(error)
        for (const message of chain) run.note(message)
        throw new Failure(404, chain)
      }
    },
  })

  const background = new Set<Promise<void>>()
  const closing = new AbortController()
  let failed = 0
  app.addHook('onClose', async () => {
    closing.abort()
    await Promise.all(background)
  })

  pattern(app, options, {
    url: '/patterns/errors/background',
    title: 'a background task fails, the process lives',
    // Not for long: whoever asks has left before it ends.
    takes: { delay: integer(100, 0, 1000) },
    work: async (run, { delay }) => {
      // Not the request's run: it goes on behind the answer, until the app closes.
      const task = failLater(new Run(options.timeScale, closing.signal), delay)
        .catch((error) => {
          if (closing.signal.aborted) return
          failed++
          app.log.warn({ err: error }, 'A background task failed')
        })
        .finally(() => background.delete(task))
      background.add(task)
      run.note('Answering: the task will fail later, and nobody waits for it')
      return { running: background.size, failedBefore: failed }
    },
  })
}
export default errors

async function readUser(user: string): Promise<string> {
  if (user === '') throw new Error('User not found')
  return user
}

async function loadProfile(user: string): Promise<string> {
  try {
    return `Profile for ${await readUser(user)}`
  } catch (cause) {
    throw new Error('Cannot load the profile', { cause })
  }
}

async function showProfile(user: string): Promise<string> {
  try {
    return await loadProfile(user)
  } catch (cause) {
    throw new Error('Cannot show the profile', { cause })
  }
}

function messagesOf(error: unknown): string[] {
  return error instanceof Error ? [error.message, ...messagesOf(error.cause)] : []
}

async function failLater(run: Run, delay: number): Promise<never> {
  await run.sleep(delay)
  throw new Error('Something went wrong')
}
