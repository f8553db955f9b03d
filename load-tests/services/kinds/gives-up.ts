/** Few slots, and clients that leave before theirs comes: nobody is answered unless some are refused. */
import { kind } from '../subjects/service.js'
import { asking } from './wait.js'

const make = (name: string, slots: number, factors: readonly number[]) =>
  kind(name, { slots, work: 100 }, ({ slots, work }) => ({
    about: `${work} ms in one of ${slots} slots that queue; clients leave after a second`,
    streams: [{ name: 'all', path: '/', rate: (slots / work) * 1000 }],
    upstream: slots,
    limits: [...new Set([slots, slots + 1, slots * 2, slots * 3])],
    factors,
    seconds: 20,
    own: work,
    routes(app, { upstream }) {
      const ask = asking(upstream, 0)
      app.get('/', async () => {
        await ask(work)
        return 'done'
      })
    },
  }))

export const givesUp = make('gives-up', 2, [0.5, 1, 3, 10])
export const givesUpOne = make('gives-up-one', 1, [0.5, 1, 3, 10])
