/** Long requests for a backend with few slots, beside short ones and uploads; nobody computes. */
import { kind } from '../subjects/service.js'
import { takeUploads } from './uploads.js'
import { asking, sleep } from './wait.js'

export const longShort = kind(
  'long-short',
  { long: 500, slots: 10, short: 1, shorts: 50, uploads: 5 },
  ({ long, slots, short, shorts, uploads }) => ({
    about: `waits only: ${long} ms for one of ${slots} slots that queue; ${shorts}/s x ${short} ms; ${uploads} uploads/s`,
    streams: [
      { name: 'long', path: '/long', rate: (slots / long) * 1000 },
      { name: 'short', path: '/short', rate: shorts, steady: true },
      { name: 'upload', path: '/upload', rate: uploads, steady: true, upload: true },
    ],
    deadline: 2000,
    seconds: 15,
    upstream: slots,
    limited: '/long',
    limits: [slots * 0.8, slots, slots * 1.2, slots * 1.5, slots * 2].map(Math.round),
    own: long,
    async routes(app, { upstream }) {
      const ask = asking(upstream, 0)
      app.get('/long', async () => {
        await ask(long)
        return 'long'
      })
      app.get('/short', async () => {
        await sleep(short)
        return 'short'
      })
      await takeUploads(app)
    },
  }),
)
