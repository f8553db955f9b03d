/** Most services: something is fetched, and then rendered. */
import { kind } from '../subjects/service.js'
import { asking, compute } from './wait.js'

export const fetch = kind('fetch', { wait: 10, busy: 6 }, ({ wait, busy }) => ({
  about: `${wait} ms of waiting for an upstream, then ${busy} ms of computing`,
  streams: [{ name: 'all', path: '/', rate: 930 / busy }],
  closedLoop: 8,
  upstream: 0,
  own: wait + busy,
  computes: true,
  limits: [2, 3, 4, 6, 10, 16],
  routes(app, { upstream }) {
    const ask = asking(upstream, 0)
    app.get('/', async () => {
      await ask(wait)
      compute(busy)
      return 'done'
    })
  },
}))
