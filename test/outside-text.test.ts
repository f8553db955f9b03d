/** What comes in does not go back as it came: bounded, on one line, and to be seen. */
import { PassThrough } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { buildApp } from '../src/app.js'
import { show } from '../src/core/check.js'
import { boundedJson, shown, visible, visibleJson, visibleStack } from '../src/outside-text.js'

let app: FastifyInstance | undefined

afterEach(() => app?.close())

const ESCAPE = '\u001b'
const C1 = '\u009b'
const OVERRIDE = '\u202e'

describe('text as it is shown', () => {
  test.each([
    ['plain, \u00fcber, \u65e5\u672c, \u{1f600}', 'plain, \u00fcber, \u65e5\u672c, \u{1f600}'],
    [`a\nb\rc\td${ESCAPE}[2J`, 'a\\u000ab\\u000dc\\u0009d\\u001b[2J'],
    [`${C1}31m\u007f\u0085`, '\\u009b31m\\u007f\\u0085'],
    [`${OVERRIDE}txt.exe\u2028\u2029\ufeff`, '\\u202etxt.exe\\u2028\\u2029\\ufeff'],
    ['half \ud83d of a pair', 'half \\ud83d of a pair'],
    ['\u{e0041}', '\\u{e0041}'],
  ])('%j', (text, expected) => {
    expect(visible(text)).toBe(expected)
  })

  test('is bounded before it is written out', () => {
    expect(shown('x'.repeat(100))).toBe('x'.repeat(100))
    expect(shown('x'.repeat(101))).toBe(`${'x'.repeat(100)}...`)
    expect(shown('\n'.repeat(1_000_000)).length).toBe(603)
    // No half of a pair.
    expect(shown(`${'x'.repeat(99)}\u{1f600}`)).toBe(`${'x'.repeat(99)}...`)
    expect(shown(`${'x'.repeat(98)}\u{1f600}!`)).toBe(`${'x'.repeat(98)}\u{1f600}...`)
  })

  test('in JSON means what it meant', () => {
    const value = { id: `${C1}31m${OVERRIDE}\u2028\u{1f600}\n` }
    const line = visibleJson(JSON.stringify(value))
    expect(line).toBe('{"id":"\\u009b31m\\u202e\\u2028\u{1f600}\\n"}')
    expect(JSON.parse(line)).toEqual(value)
  })
})

describe('lines of the log', () => {
  test('a short one stays as it is; of a long one each text says how much of it is missing', () => {
    const short = `${JSON.stringify({ msg: 'x'.repeat(16_000) })}\n`
    expect(boundedJson(short)).toBe(short)
    const err = { message: 'm'.repeat(100_000), stack: 's'.repeat(100_000), code: 5 }
    const line = visibleJson(`${JSON.stringify({ level: 50, err, msg: err.message })}\n`)
    expect(line.length).toBeLessThan(13_000)
    expect(line.endsWith('}\n')).toBe(true)
    const bounded = JSON.parse(line)
    expect(bounded.err.stack).toBe(`${'s'.repeat(4096)}... (95904 more)`)
    expect(bounded).toMatchObject({ level: 50, err: { code: 5 } })
  })

  test('a stack keeps its lines, and none of them can be taken for a line of the log', () => {
    const forged = `Error: x\n[12:00:00.000] INFO: forged${ESCAPE}[2J\n    at here (a.js:1:1)`
    expect(visibleStack(forged).split('\n')).toEqual([
      'Error: x',
      '    [12:00:00.000] INFO: forged\\u001b[2J',
      '    at here (a.js:1:1)',
    ])
  })

  test('option values in errors are bounded and written out, too', () => {
    expect(show('short')).toBe('"short"')
    expect(show('x'.repeat(1_000_000)).length).toBeLessThan(250)
    expect(show({ a: OVERRIDE.repeat(1000) }).length).toBeLessThan(1300)
    expect(show(OVERRIDE)).toBe('"\\u202e"')
  })
})

describe('the server', () => {
  async function build() {
    const lines: string[] = []
    const stream = new PassThrough().on('data', (chunk) => lines.push(String(chunk)))
    app = await buildApp({ TIME_SCALE: 0 }, pino(stream))
    return { app, lines }
  }

  test.each(["$'", '$&', '$`', '$1', 'x'])(
    'a Host of %j again and again gets no copies',
    async (one) => {
      const { app } = await build()
      const host = one.repeat(7000)
      for (const accept of ['text/html', 'application/json']) {
        const { body, statusCode } = await app.inject({
          url: '/patterns',
          headers: { host, accept },
        })
        expect(statusCode).toBe(200)
        expect(body.length).toBeLessThan(20_000)
        expect(body).toContain('http://127.0.0.1:3000/patterns/race')
      }
    },
  )

  test('a Host that is one is in the curl lines', async () => {
    const { app } = await build()
    const { body } = await app.inject({ url: '/patterns', headers: { host: 'sluice.test:8080' } })
    expect(body).toContain('http://sluice.test:8080/patterns/race')
  })

  test('the name of an unknown parameter is bounded and written out, in answer and log', async () => {
    const { app, lines } = await build()
    const forged = `x\n{"level":60,"msg":"forged"}${ESCAPE}[2J${C1}`
    const long = 'y'.repeat(500_000)
    const urls = [`/patterns/race?${encodeURIComponent(forged)}=1`]
    for (const url of urls) {
      const { json, statusCode } = await app.inject(url)
      expect(statusCode).toBe(400)
      expect(json().message).toMatch(
        /^x\\u000a\{"level":60,"msg":"forged"\}\\u001b\[2J\\u009b: unknown/,
      )
    }
    const { body } = await app.inject({
      method: 'POST',
      url: '/patterns/broadcast',
      payload: { message: 'm', [long]: 1 },
    })
    expect(body.length).toBeLessThan(1000)
    expect(lines.join('').length).toBeLessThan(10_000)
    for (const line of lines.join('').trim().split('\n'))
      expect(() => JSON.parse(line)).not.toThrow()
  })

  test.each([
    [`/%ff${'z'.repeat(5000)}`, 400],
    [`/patterns/race?delay=${'9'.repeat(5000)}x`, 400],
    [`/public/%00${'z'.repeat(5000)}`, 403],
  ])('%s: the answer is short', async (url, status) => {
    const { app } = await build()
    const { body, statusCode } = await app.inject(url)
    expect(statusCode).toBeGreaterThanOrEqual(Math.min(status, 400))
    expect(body.length).toBeLessThan(1000)
  })

  test.each([`${C1}31m`, 'two words', 'x'.repeat(129), ''])(
    'X-Request-Id %j is no id: the log has one of its own',
    async (id) => {
      const { app, lines } = await build()
      await app.inject({ url: '/fast', headers: { 'x-request-id': id } })
      const ids = lines.map((line) => (JSON.parse(line) as { reqId?: string }).reqId)
      expect(ids.at(-1)).toMatch(/^req-[0-9a-z]+$/)
    },
  )
})
