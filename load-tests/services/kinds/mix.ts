/** Short and long routes side by side, which only wait: nothing here is ever overloaded. */
import { kind } from '../subjects/service.js'
import { sleep } from './wait.js'

export const mix = kind(
  'mix',
  { short: 5, long: 500, share: 0.5, rate: 100 },
  ({ short, long, share, rate }) => ({
    about: `waits only: ${short} ms and, of ${rate}/s ${share * 100} %, ${long} ms`,
    streams: [
      { name: 'short', path: '/short', rate: rate * (1 - share) },
      { name: 'long', path: '/long', rate: rate * share },
    ],
    deadline: Math.max(1000, 3 * long),
    limits: [200],
    factors: [0.5, 0.8, 0.9, 1, 2],
    own: long,
    onlyWaits: true,
    routes(app) {
      app.get('/short', async () => {
        await sleep(short)
        return 'short'
      })
      app.get('/long', async () => {
        await sleep(long)
        return 'long'
      })
    },
  }),
)
