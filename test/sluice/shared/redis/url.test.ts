/** Where a store is. */
import { expect, test } from 'vitest'
import { clientOptionsOf } from '../../../../src/sluice/shared/redis/url.js'

test.each([
  ['redis://db', { host: 'db', port: 6379, db: 0 }],
  ['redis://127.0.0.1:7000/3', { host: '127.0.0.1', port: 7000, db: 3 }],
  ['redis://[::1]:7000', { host: '::1', port: 7000, db: 0 }],
  ['redis://:p%40ss@db', { host: 'db', port: 6379, db: 0, password: 'p@ss' }],
  ['redis://me:x@db/', { host: 'db', port: 6379, db: 0, username: 'me', password: 'x' }],
  ['rediss://db', { host: 'db', port: 6379, db: 0, tls: { servername: 'db' } }],
  ['rediss://127.0.0.1', { host: '127.0.0.1', port: 6379, db: 0, tls: {} }],
  [
    'redis+sentinel://:x@a,b:7/orders/2',
    {
      ...{ name: 'orders', db: 2, password: 'x' },
      sentinels: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 7 },
      ],
    },
  ],
  [
    'rediss+sentinel://a/orders',
    {
      ...{ name: 'orders', db: 0, sentinels: [{ host: 'a', port: 26379 }] },
      ...{ tls: {}, enableTLSForSentinelMode: true, sentinelTLS: {} },
    },
  ],
])('%s', (url, options) => {
  expect(clientOptionsOf(url)).toEqual(options)
})

test.each([
  ...['', 'db:6379', 'http://me:s3cret@db', 'redis://', 'redis://:s3cret@', 'redis://a,b'],
  ...['redis://:s3cr@et@db', 'redis://:s3cret%@db', 'redis://db/x', 'redis://db:99999'],
  ...['redis://db?tls=1', 'redis+sentinel://a,b', 'redis+sentinel://a,/orders', 'redis://a:b:c'],
])('what is none is refused, without a word of it: %s', (url) => {
  const error = (() => {
    try {
      return clientOptionsOf(url)
    } catch (error) {
      return error
    }
  })()
  expect(error).toBeInstanceOf(RangeError)
  expect(String(error)).toContain('url must be redis://user:password@host:port/db')
  expect(String(error)).not.toMatch(/s3cr/)
})
