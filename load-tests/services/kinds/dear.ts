/** A dear route beside cheap ones and uploads, of which too much arrives. */
import type { FastifyInstance } from 'fastify'
import { kind, type Stream } from '../subjects/service.js'
import { takeUploads } from './uploads.js'
import { asking, compute, computeInPieces } from './wait.js'

const DEADLINE = 2000
/** Dear ones are few. */
const SECONDS = 15

function streams(dear: number, cheap: number, uploads: number): Stream[] {
  return [
    { name: 'dear', path: '/dear', rate: dear },
    { name: 'cheap', path: '/cheap', rate: cheap, steady: true },
    { name: 'upload', path: '/upload', rate: uploads, steady: true, upload: true },
  ]
}

async function routes(app: FastifyInstance, busy: number, work: () => Promise<void>) {
  app.get('/dear', async () => {
    await work()
    return 'dear'
  })
  app.get('/cheap', async () => {
    compute(busy)
    return 'cheap'
  })
  await takeUploads(app)
}

export const dear = kind(
  'dear',
  { rate: 9, busy: 100, piece: 5, cheaps: 50, cheap: 1, uploads: 5 },
  ({ rate, busy, piece, cheaps, cheap, uploads }) => ({
    about: `${busy} ms of computing in pieces of ${piece} ms, ${rate}/s; beside ${cheaps}/s x ${cheap} ms and ${uploads} uploads/s`,
    streams: streams(rate, cheaps, uploads),
    deadline: DEADLINE,
    seconds: SECONDS,
    limited: '/dear',
    limits: [1, 2, 3, 5],
    own: busy,
    routes: (app) => routes(app, cheap, () => computeInPieces(busy, piece)),
  }),
)

export const dearBackend = kind(
  'dear-backend',
  { wait: 500, slots: 10, cheaps: 50, cheap: 1, uploads: 5 },
  ({ wait, slots, cheaps, cheap, uploads }) => ({
    about: `${wait} ms for one of ${slots} slots that queue; beside ${cheaps}/s x ${cheap} ms and ${uploads} uploads/s`,
    streams: streams((slots / wait) * 1000, cheaps, uploads),
    deadline: DEADLINE,
    seconds: SECONDS,
    upstream: slots,
    limited: '/dear',
    limits: [0.8, 1, 1.2, 1.5, 2].map((share) => Math.ceil(share * slots)),
    own: wait,
    routes(app, { upstream }) {
      const ask = asking(upstream, 0)
      return routes(app, cheap, () => ask(wait))
    },
  }),
)
