/**
 * What services wait for, in a process of its own: `/?ms=50` answers after 50 ms in one of its slots,
 * first come first served, and does that work whether or not who asked still waits, as databases do.
 * `/slots/10` and `/failing/1` change it while it runs: it then answers 500 after a millisecond.
 */
import { createServer, type Server, type ServerResponse } from 'node:http'

const FAILS_AFTER = 1

export function upstream(): Server {
  let slots = Number.POSITIVE_INFINITY
  let busy = 0
  let failing = false
  const waiting: (() => void)[] = []
  const next = (): void => {
    while (busy < slots && waiting.length > 0) {
      busy++
      waiting.shift()?.()
    }
  }
  const work = (milliseconds: number, response: ServerResponse): void => {
    waiting.push(() =>
      setTimeout(() => {
        busy--
        response.end('{"rows":[]}')
        next()
      }, milliseconds),
    )
    next()
  }
  const settings: Record<string, (value: number) => void> = {
    slots: (value) => {
      slots = value
      next()
    },
    failing: (value) => {
      failing = value === 1
    },
  }
  return createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://upstream')
    const [, name = '', value] = pathname.split('/')
    if (value !== undefined) {
      settings[name]?.(Number(value))
      response.end()
    } else if (failing) {
      setTimeout(() => response.writeHead(500).end(), FAILS_AFTER)
    } else {
      work(Number(searchParams.get('ms')), response)
    }
  })
}
