/** A pool of connections to a database: whoever gets none waits, without end. */
import { kind } from '../subjects/service.js'
import { asking } from './wait.js'

export const database = kind(
  'database',
  { pool: 10, query: 80, spread: 0.25 },
  ({ pool, query, spread }) => ({
    about: `a query of ${query} ms, give or take ${spread * 100} %, over one of ${pool} connections`,
    streams: [{ name: 'all', path: '/', rate: (pool / query) * 1000 }],
    closedLoop: pool * 2,
    upstream: 0,
    own: query * (1 + spread),
    limits: [0.6, 0.8, 1, 1.5, 2].map((share) => Math.ceil(share * pool)),
    routes(app, { upstream, random }) {
      const ask = asking(upstream, pool)
      app.get('/', async () => {
        await ask(Math.round(query * (1 + spread * (2 * random() - 1))))
        return 'done'
      })
    },
  }),
)
