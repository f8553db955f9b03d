/**
 * What services wait for, in a process of its own: `/?ms=50` answers after 50 ms in one of its slots,
 * first come first served, and `/thrashing?ms=50` without a queue, as `Downstream` does. It does that
 * work whether or not who asked still waits, as databases do. `/slots/10` and `/failing/1` change it
 * while it runs: failing, it answers 500 after a millisecond.
 */
import { createServer, type Server, type ServerResponse } from 'node:http'
import { Downstream } from './downstream.js'

const FAILS_AFTER = 1

export function upstream(): Server {
  const downstream = new Downstream(Number.POSITIVE_INFINITY)
  let busy = 0
  let failing = false
  const waiting: (() => void)[] = []
  const next = (): void => {
    while (busy < downstream.slots && waiting.length > 0) {
      busy++
      waiting.shift()?.()
    }
  }
  const inSlot = (milliseconds: number, done: () => void): void => {
    waiting.push(() =>
      setTimeout(() => {
        busy--
        done()
        next()
      }, milliseconds),
    )
    next()
  }
  const settings: Record<string, (value: number) => void> = {
    slots: (value) => {
      downstream.slots = value
      next()
    },
    failing: (value) => {
      failing = value === 1
    },
  }
  const fail = (response: ServerResponse): void => {
    response.statusCode = 500
    response.end()
  }
  return createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://upstream')
    const [, name = '', value] = pathname.split('/')
    const milliseconds = Number(searchParams.get('ms'))
    const answer = (): unknown => response.end('{"rows":[]}')
    if (value !== undefined) {
      settings[name]?.(Number(value))
      response.end()
    } else if (failing) setTimeout(fail, FAILS_AFTER, response)
    else if (name === 'thrashing') downstream.work(milliseconds).then(answer)
    else inSlot(milliseconds, answer)
  })
}
