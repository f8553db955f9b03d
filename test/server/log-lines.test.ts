/** Lines of the log are bounded, and each is one: as JSON and at a terminal. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { visibleJson } from '../../src/server/outside-text.js'
import { prettyFormat } from '../../src/server/process.js'
import { units } from '../support/units.js'

const ESCAPE = '\u001b'
const C1 = '\u009b'

const parse = (line: string) => JSON.parse(visibleJson(`${line}\n`))

test('a short one stays as it is; of a long one each text says how much of it is missing', () => {
  const short = `${JSON.stringify({ msg: 'x'.repeat(16_000) })}\n`
  expect(visibleJson(short)).toBe(short)
  const err = { message: 'm'.repeat(100_000), stack: 's'.repeat(100_000), code: 5 }
  const line = visibleJson(`${JSON.stringify({ level: 50, err, msg: err.message })}\n`)
  expect(line.length).toBeLessThan(13_000)
  expect(line.endsWith('}\n')).toBe(true)
  const bounded = JSON.parse(line)
  expect(bounded.err.stack).toBe(`${'s'.repeat(4096)}... (95904 more)`)
  expect(bounded).toMatchObject({ level: 50, err: { code: 5 } })
})

test('a pair at the cut is counted as missing', () => {
  const { msg } = parse(JSON.stringify({ msg: `${'x'.repeat(4095)}${'\u{1f600}'.repeat(10_000)}` }))
  expect(msg).toBe(`${'x'.repeat(4095)}... (20000 more)`)
})

test('many texts are as short as the line needs them, names are bounded as well', () => {
  const errors = Array.from({ length: 100 }, () => ({ stack: 's'.repeat(4000) }))
  const line = JSON.stringify({ err: { errors }, ['k'.repeat(100_000)]: 1, msg: 'short' })
  const bounded = parse(line)
  expect(JSON.stringify(bounded).length).toBeLessThan(16_384)
  expect(bounded.err.errors[99].stack).toBe(`${'s'.repeat(64)}... (3936 more)`)
  expect(bounded.msg).toBe('short')
})

test('what is written out counts as long as it is written', () => {
  const line = visibleJson(`${JSON.stringify({ msg: C1.repeat(16_000) })}\n`)
  expect(line.length).toBeLessThanOrEqual(16_385)
  expect(JSON.parse(line).msg).toBe(`${C1.repeat(1024)}... (14976 more)`)
})

test.each<[string, object]>([
  ['values', { list: Array.from({ length: 100_000 }, (_, at) => at) }],
  ['names', Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`n${at}`, at]))],
])('of very many %s there is left when, how bad, whose and what', (_, many) => {
  const bounded = parse(
    JSON.stringify({ level: 50, time: 1, ...many, reqId: 'req-1', msg: 'm'.repeat(100) }),
  )
  expect(bounded).toEqual({
    level: 50,
    time: 1,
    reqId: 'req-1',
    msg: `${'m'.repeat(64)}... (36 more)`,
    cut: expect.stringMatching(/^a line of \d+ characters$/),
  })
})

test('whatever the texts are: a line is bounded, it is JSON, and nothing in it is unseen', () => {
  fc.assert(
    fc.property(fc.array(units), fc.integer({ min: 1, max: 3000 }), (texts, times) => {
      const msg = texts
        .map((text) => text.join(''))
        .join('')
        .repeat(times)
      const line = visibleJson(`${JSON.stringify({ [msg]: msg, msg })}\n`)
      expect(line.length).toBeLessThanOrEqual(16_385)
      expect(line.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      expect(() => JSON.parse(line)).not.toThrow()
    }),
    { numRuns: 50 },
  )
})

test('at a terminal only stacks have lines, and none of them can be taken for one of the log', async () => {
  const forged = `x\n[12:00:00.000] INFO: forged${ESCAPE}[2J${C1}`
  const err = {
    type: 'Error',
    message: forged,
    stack: `Error: ${forged}\n    at here (a.js:1:1)`,
  }
  const value = {
    level: 50,
    time: 0,
    err,
    msg: forged,
    [forged]: { stack: forged, [forged]: forged },
  }
  const text = (await prettyFormat())(`${JSON.stringify(value)}\n`)
  // Its own colours.
  const plain = text.replaceAll(new RegExp(`${ESCAPE}\\[\\d+m`, 'g'), '')
  expect(plain).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  const [first, ...others] = plain.trimEnd().split('\n')
  expect(first).toMatch(
    /^\[\d\d:\d\d:\d\d.\d{3}\] ERROR: x\\u000a\[12:00:00.000\] INFO: forged\\u001b/,
  )
  expect(others.filter((line) => !line.startsWith('    '))).toEqual([])
  const stack = others.slice(others.findIndex((line) => line.includes('"stack":')) + 1)
  const [indent = ''] = /^ +/.exec(stack[0] ?? '') ?? []
  expect(stack.slice(0, 3)).toEqual([
    `${indent}Error: x`,
    `${indent}    [12:00:00.000] INFO: forged\\u001b[2J\\u009b`,
    `${indent}    at here (a.js:1:1)`,
  ])
})

test('at a terminal a long one is bounded as well', async () => {
  const stack = 'at\n'.repeat(100_000)
  const text = (await prettyFormat())(`${JSON.stringify({ level: 50, err: { stack } })}\n`)
  expect(text.length).toBeLessThan(100_000)
  expect(text).toContain('(295904 more)')
})
