/** Computing at once, with nothing awaited before it. */
import { kind } from '../subjects/service.js'
import { compute as work } from './wait.js'

export const compute = kind('compute', { busy: 5 }, ({ busy }) => ({
  about: `${busy} ms of computing at once`,
  streams: [{ name: 'all', path: '/', rate: 950 / busy }],
  closedLoop: 4,
  limits: [1, 2, 4, 8, 16],
  own: busy,
  computes: true,
  routes(app) {
    app.get('/', async () => {
      work(busy)
      return 'done'
    })
  },
}))
