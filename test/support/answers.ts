/** Whether an answer is of one piece, and what nobody caught meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect } from 'vitest'

export interface Answer {
  readonly status: number
  readonly body: string
  /** The `x-from` header: who speaks. */
  readonly from: string | undefined
  readonly type: string | undefined
}

/** Rejects if the answer is cut, or is none. */
export async function ask(port: number, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
  return {
    status: response.status,
    body: await response.text(),
    from: response.headers.get('x-from') ?? undefined,
    type: response.headers.get('content-type') ?? undefined,
  }
}

/** The plugin's own: nothing of it is somebody else's. */
export function refusal(status: number, code = 'SLUICE_DEADLINE'): unknown {
  return {
    status,
    body: expect.stringMatching(new RegExp(`"status":${status},.*${code}`)),
    from: undefined,
    type: 'application/problem+json',
  }
}

/** Fails the test in which anything is thrown that nobody catches. */
export function noTrouble(): void {
  const trouble: unknown[] = []
  const note = (error: unknown): void => void trouble.push(error)
  beforeEach(() => {
    trouble.length = 0
    process.on('uncaughtException', note).on('unhandledRejection', note)
  })
  afterEach(async () => {
    // Whatever is still going on has its time to fail.
    await sleep(20)
    process.off('uncaughtException', note).off('unhandledRejection', note)
    expect(trouble).toEqual([])
  })
}

/** Work that takes its time; `most` of it was done at once. */
export class Work {
  running = 0
  most = 0
  begun = 0

  readonly milliseconds: number

  constructor(milliseconds: number) {
    this.milliseconds = milliseconds
  }

  readonly run = async (): Promise<void> => {
    this.begun++
    this.most = Math.max(this.most, ++this.running)
    await sleep(this.milliseconds)
    this.running--
  }
}

export function inFlight(app: FastifyInstance): number {
  return Math.max(...app.concurrency.limiters.map((limiter) => limiter.inFlight))
}
