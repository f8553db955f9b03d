/** The server with its patterns, what they answer, and what they log when their client leaves. */
import { Writable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterAll, beforeAll } from 'vitest'
import type { Answer, Moment } from '../../routes/patterns/kit/run.js'
import { buildApp } from '../../src/app.js'
import { untilIdle } from './probe-app.js'
import { get, listen, send, until } from './wire.js'

export interface LogLine {
  level: number
  msg: string
  pattern?: string
  timeline?: Moment[]
  err?: { message: string }
}

export interface Asked extends Answer {
  status: number
  result: unknown
  /** The events of the timeline. */
  events: string[]
}

export interface Patterns {
  app: FastifyInstance
  log: LogLine[]
  /** Of a path below /patterns. */
  ask(path: string, method?: 'GET' | 'POST'): Promise<Asked>
  /** Asks, leaves so many milliseconds (30) later, and resolves with the events so far once all is quiet. */
  leave(path: string, later?: number): Promise<string[]>
  /** On 127.0.0.1. */
  listen(): Promise<number>
  close(): Promise<void>
}

export async function startPatterns(timeScale: number): Promise<Patterns> {
  const log: LogLine[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)) as LogLine)
      done()
    },
  })
  const app = await buildApp({ TIME_SCALE: timeScale }, pino({ level: 'info' }, stream))
  let port: Promise<number> | undefined
  const listenOnce = (): Promise<number> => {
    port ??= listen(app)
    return port
  }
  return {
    app,
    log,
    ask: async (path, method = 'GET') => {
      const response = await app.inject({ method, url: `/patterns/${path}` })
      const answer = response.json<Answer>()
      const events = (answer.timeline ?? []).map(({ event }) => event)
      return { status: response.statusCode, ...answer, events }
    },
    leave: async (path, later = 30) => {
      const lines = log.length
      const wire = await send(await listenOnce(), get(`/patterns/${path}`))
      await until(() => app.concurrency.snapshot().requests.active === 1)
      await new Promise((resolve) => setTimeout(resolve, later))
      wire.socket.destroy()
      const name = path.replace(/\?.*/, '')
      const cancelled = () => log.slice(lines).find(({ msg }) => msg === `Cancelled: ${name}`)
      await until(
        () => cancelled() !== undefined,
        () => JSON.stringify(log.slice(lines)),
      )
      await untilIdle({ app })
      return cancelled()?.timeline?.map(({ event }) => event) ?? []
    },
    listen: listenOnce,
    close: () => app.close(),
  }
}

/** Servers by their time scale, started before the tests of a file and closed behind them. */
export function serve<Name extends string>(scales: Record<Name, number>): Record<Name, Patterns> {
  const served = {} as Record<Name, Patterns>
  const names = Object.keys(scales) as Name[]
  beforeAll(async () => {
    for (const name of names) served[name] = await startPatterns(scales[name])
  })
  afterAll(() => Promise.all(names.map((name) => served[name].close())))
  return served
}

/** Ran for that long, and less than `most`. */
export function lasted({ elapsedMs }: Answer, least: number, most: number): boolean {
  return elapsedMs >= least && elapsedMs < most
}
