/** One route whose durations vary, and which only waits: nothing here is ever overloaded. */
import { type Kind, kind, type Service } from '../subjects/service.js'
import { sleep } from './wait.js'

type Draw = (random: () => number) => number

/** A cache that misses now and then. */
function cache(name: string, part: number): Kind {
  const parameters = { rate: 150, hit: 10, miss: 500, share: part }
  return kind(name, parameters, ({ rate, hit, miss, share }) => {
    const draw: Draw = (random) => (random() < share ? miss : hit)
    return spread(rate, `${hit} ms, and of ${share * 100} % ${miss} ms`, draw, miss)
  })
}

function lognormal(name: string, width: number): Kind {
  const parameters = { rate: 150, median: 30, sigma: width }
  return kind(name, parameters, ({ rate, median, sigma }) => {
    const draw: Draw = (random) => median * Math.exp(sigma * normal(random))
    // One in two thousand takes longer.
    const longest = median * Math.exp(sigma * 3.3)
    return spread(rate, `lognormal around ${median} ms, sigma ${sigma}`, draw, longest)
  })
}

function spread(rate: number, about: string, draw: Draw, longest: number): Omit<Service, 'name'> {
  return {
    about: `waits only, ${rate}/s: ${about}`,
    streams: [{ name: 'all', path: '/', rate }],
    deadline: Math.max(1000, Math.ceil(2 * longest)),
    limits: [400],
    factors: [0.5, 0.8, 0.9, 1, 2],
    own: longest,
    onlyWaits: true,
    routes(app, { random }) {
      app.get('/', async () => {
        await sleep(draw(random))
        return 'done'
      })
    },
  }
}

/** Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

export const spreads: readonly Kind[] = [
  cache('spread-95-5', 0.05),
  cache('spread-80-20', 0.2),
  lognormal('spread-sigma-1', 1),
  lognormal('spread-sigma-1.5', 1.5),
]
