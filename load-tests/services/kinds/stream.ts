/** Answers that are made while they are sent: each piece takes some computing, and a pause follows. */
import { Readable } from 'node:stream'
import { kind } from '../subjects/service.js'
import { compute, sleep } from './wait.js'

const PIECE = Buffer.alloc(4000, 'x')

export const stream = kind(
  'stream',
  { pieces: 10, busy: 0.5, pause: 20 },
  ({ pieces, busy, pause }) => ({
    about: `an answer in ${pieces} pieces of ${busy} ms of computing, ${pause} ms apart`,
    streams: [{ name: 'all', path: '/', rate: 800 / (pieces * busy) }],
    closedLoop: 60,
    limits: [10, 20, 30, 40, 60, 100],
    own: pieces * (pause + busy),
    routes(app) {
      app.get('/', (_request, reply) => {
        const answer = async function* () {
          for (let piece = 0; piece < pieces; piece++) {
            if (piece > 0) await sleep(pause)
            compute(busy)
            yield PIECE
          }
        }
        reply.type('application/octet-stream').send(Readable.from(answer()))
      })
    },
  }),
)
