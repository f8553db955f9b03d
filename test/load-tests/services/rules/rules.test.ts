import { describe, expect, test } from 'vitest'
import type { Found } from '../../../../load-tests/services/campaign.js'
import { judge } from '../../../../load-tests/services/rules/judge.js'
import { rules } from '../../../../load-tests/services/rules/rules.js'
import { troubleRules } from '../../../../load-tests/services/rules/trouble-rules.js'
import { kinds } from '../../../../load-tests/services/subjects/menu.js'
import { BEGIN, type Change, END, ended, found, LIMIT } from '../found.js'

const all = [...rules, ...troubleRules]

function broken(...services: Found[]): string[] {
  return judge(all, services)
    .filter(({ ok }) => !ok)
    .map(({ name }) => name)
}

const refused = (every: number) => ended({ outcome: 'refused' }, every)
const hanging = (every: number) => ended({ outcome: 'hanging' }, every)
const slow = (took: number) => ended({ took })

test('where ours does as well as the others at every load, every rule holds', () => {
  const services = kinds.map(({ name }) => found(name))
  expect(judge(all, services).map(({ name, ok, detail }) => ({ name, ok, detail }))).toEqual(
    all.map(({ name }) => ({
      name: expect.stringContaining(name),
      ok: true,
      detail: expect.anything(),
    })),
  )
})

describe('each threshold of the issue is a rule, which says where it is broken', () => {
  test.for<[rule: string, service: string, change: Change]>([
    ['below capacity refused: at most 0.001', 'fetch', { factor: 0.5, first: refused(500) }],
    [
      'below capacity goodput, of unprotected: at least 0.99',
      'fetch',
      { factor: 0.5, first: hanging(80) },
    ],
    ['below capacity p99, of unprotected: at most 1.2', 'dear', { factor: 0.5, others: slow(61) }],
    ['where nothing queues refused: at most 0', 'mix', { factor: 5, others: refused(1000) }],
    [
      'at capacity goodput, of the better of unprotected and fixed: at least 0.98',
      'database',
      { factor: 1, first: refused(40) },
    ],
    [
      'at capacity p99 of computing, in ms: at most 150',
      'compute',
      { factor: 1, first: slow(151) },
    ],
    [
      'at capacity loss of computing, of what an M/D/1 queue with that bound must lose: at most 1.5',
      'compute',
      { factor: 1, first: refused(3) },
    ],
    [
      'beyond capacity goodput, of the best fixed limit: at least 0.95',
      'fetch',
      { factor: 5, first: refused(15) },
    ],
    [
      'where everybody gives up goodput, of the best fixed limit: at least 0.9',
      'gives-up',
      { factor: 5, first: refused(9) },
    ],
    [
      'beyond capacity p99, of 500 ms or three times what the work itself takes: at most 1',
      'fetch',
      { factor: 5, first: slow(501) },
    ],
    [
      'beyond capacity hanging, newcomers included: at most 0.01',
      'fetch',
      {
        factor: 5,
        first: hanging(100).map((one) => ({ ...one, newcomer: one.outcome === 'hanging' })),
      },
    ],
    [
      'beyond capacity the slowest probe, in ms: at most 250',
      'fetch',
      { factor: 5, probes: ended({ took: 251 }, 1000) },
    ],
    [
      'beside a dear stream goodput, of that at 0.5 ×: at least 0.98',
      'dear',
      { factor: 5, others: refused(40) },
    ],
    [
      'beside a dear stream p99, of that at 0.5 ×: at most 2',
      'long-short',
      { factor: 5, others: slow(101) },
    ],
    [
      'goodput of the dear stream, of the best fixed limit before its route: at least 0.9',
      'dear-backend',
      { factor: 5, first: refused(9) },
    ],
    [
      'a limit with nothing else: goodput, of the best fixed limit with a short queue: at least 0.9',
      'database',
      { contender: 'default', factor: 5, first: hanging(9) },
    ],
    [
      'a new process below capacity refused: at most 0',
      'fetch',
      { factor: 0, first: refused(1000) },
    ],
    [
      'while work fails the limit, of the highest before: at most 1',
      'fails',
      { factor: 5, limit: (at) => (at > BEGIN + 3000 && at < END ? LIMIT + 1 : LIMIT) },
    ],
    [
      'two seconds after work failed the limit, off the best by: at most 0.25',
      'fails',
      { factor: 5, limit: (at) => (at > END + 2100 ? LIMIT : LIMIT * 0.7) },
    ],
    [
      'a second after half of the capacity went the limit, off the best by: at most 0.25',
      'half',
      { factor: 5, limit: () => LIMIT },
    ],
    [
      'a second after it came back the limit, off the best by: at most 0.25',
      'half',
      { factor: 5, limit: (at) => (at > END + 1100 ? LIMIT : LIMIT / 2) },
    ],
    [
      'two seconds after a stop answered, whatever finds the limit: at least 0.95',
      'stopped',
      { contender: 'fixed', factor: 0.5, first: hanging(15) },
    ],
  ])('%s', ([rule, service, change]) => {
    expect(broken(found(service))).toEqual([])
    expect(broken(found(service, change))).toContain(rule)
    const check = judge(all, [found(service, change)]).find(({ name }) => name === rule)
    expect(check?.detail).toContain(
      change.factor === 0.5 && service === 'stopped' ? 'fixed 0.5 ×' : service,
    )
  })
})

test('what nobody measured is not judged, and what has no figure holds no threshold', () => {
  const rule = { name: 'a figure', most: 1, cases: () => [] }
  expect(judge([rule], [found('fetch')])).toEqual([])
  const none = { ...rule, cases: () => [['there', Number.NaN] as const] }
  expect(judge([none], [found('fetch')])).toEqual([
    { name: 'a figure: at most 1', ok: false, detail: 'there NaN' },
  ])
})
