/** One route whose durations vary, and which only waits: nothing here is ever overloaded. */
import { type Kind, kind } from './service.js'
import { sleep } from './wait.js'

type Draw = (random: () => number) => number

/** A cache that misses now and then. */
function cache(
  name: string,
  parameters: { rate: number; hit: number; miss: number; share: number },
) {
  return kind(name, parameters, ({ rate, hit, miss, share }) =>
    spread(
      rate,
      `${hit} ms, ${share * 100} % ${miss} ms`,
      (random) => (random() < share ? miss : hit),
      miss,
    ),
  )
}

function lognormal(name: string, parameters: { rate: number; median: number; sigma: number }) {
  return kind(name, parameters, ({ rate, median, sigma }) =>
    spread(
      rate,
      `lognormal around ${median} ms, sigma ${sigma}`,
      (random) => median * Math.exp(sigma * normal(random)),
      // One in two thousand takes longer.
      median * Math.exp(sigma * 3.3),
    ),
  )
}

function spread(rate: number, about: string, draw: Draw, longest: number) {
  return {
    about: `waits only, ${rate}/s: ${about}`,
    streams: [{ name: 'all', path: '/', rate }],
    deadline: Math.max(1000, Math.ceil(2 * longest)),
    limits: [400],
    factors: [0.5, 0.8, 0.9, 1, 2],
    own: longest,
    routes(
      app: Parameters<ReturnType<Kind['make']>['routes']>[0],
      parts: { random: () => number },
    ) {
      app.get('/', async () => {
        await sleep(draw(parts.random))
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
  cache('spread-95-5', { rate: 150, hit: 10, miss: 500, share: 0.05 }),
  cache('spread-80-20', { rate: 150, hit: 10, miss: 500, share: 0.2 }),
  lognormal('spread-sigma-1', { rate: 150, median: 30, sigma: 1 }),
  lognormal('spread-sigma-1.5', { rate: 150, median: 30, sigma: 1.5 }),
]
