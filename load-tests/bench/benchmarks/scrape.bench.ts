/**
 * How long a scrape holds up the event loop: 500 routes with a duration histogram each, as text, by
 * this registry and by one of prom-client's own that it is merged into.
 */
import { Registry } from 'prom-client'
import { createFamilies } from '../../../src/sluice/metrics/families.js'
import { createRegistry } from '../../../src/sluice/metrics/prometheus.js'
import { Traffic } from '../../../src/sluice/metrics/traffic.js'

const ROUTES = 500
const REQUESTS = 50

export const benchmarks = [
  {
    name: 'scrape',
    question: `How long does a scrape of ${ROUTES} routes take?`,
    unit: 'ns',
    per: 'scrape',
    warmUp: 1000,
    contenders: {
      ours: async () => scrapes(observed()),
      "in prom-client's own registry": async () => scrapes(Registry.merge([observed()])),
    },
  },
] as const

function observed() {
  const traffic = new Traffic()
  for (let number = 0; number < ROUTES; number++) {
    const route = traffic.route('GET', `/route/${number}/:id`)
    for (let request = 0; request < REQUESTS; request++) {
      traffic.begin(route)
      traffic.endAnswered(route, 200, (request * 7919) % 100)
    }
  }
  const eventLoop = { utilization: 0, delay: { p50: 0, p99: 0 } }
  return createRegistry(createFamilies({ traffic, limiters: [], eventLoop }))
}

function scrapes(registry: Registry) {
  return {
    operations: 1,
    async run(operations: number) {
      let length = 0
      // As bytes, since text that was never read has not been put together.
      for (let i = 0; i < operations; i++) length += Buffer.byteLength(await registry.metrics())
      return length
    },
  }
}
