/**
 * `npm run load:point -- --service fetch --contender auto --factor 2`: one service behind one
 * contender under one load, in one line. What is found is what the scenario `services` would find.
 */
import { parseArgs } from 'node:util'
import type { SluiceOptions } from 'fastify-sluice'
import { pinClient } from '../subjects/process/pinning.js'
import { capacityOf } from './measures/capacity.js'
import { measure, SECONDS } from './measures/measure.js'
import { line } from './report/line.js'
import { ALGORITHMS, CONTENDERS, contenderNamed } from './subjects/contender-names.js'
import { contenderOf, OURS } from './subjects/contenders.js'
import { kinds, serviceOf } from './subjects/menu.js'

const { values } = parseArgs({
  options: {
    service: { type: 'string' },
    contender: { type: 'string', default: 'auto' },
    limit: { type: 'string' },
    options: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    factor: { type: 'string', multiple: true, default: ['1'] },
    capacity: { type: 'string' },
    seconds: { type: 'string' },
    'warm-up': { type: 'string', default: '2' },
    seed: { type: 'string', multiple: true, default: ['1'] },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const USAGE = `Usage: npm run load:point -- --service NAME [options]

  --contender NAME   ${[...CONTENDERS, ...ALGORITHMS].join(', ')}; default auto
  --limit N          of fixed and default
  --options JSON     the plugin's, in place of those of auto: ${JSON.stringify(OURS)}
  --set NAME=N       a parameter of the service, as often as there are
  --factor N         of what the service can do; may be repeated
  --capacity N       what it can do a second; default: measured, or what it declares
  --seconds N        that count; default ${SECONDS}, and more for some services
  --warm-up N        seconds before them; default 2
  --seed N           may be repeated
  --json             all the figures, a line of JSON a point

Services, and their parameters:
${kinds.map(({ name, parameters }) => `  ${name.padEnd(16)} ${JSON.stringify(parameters)}`).join('\n')}
`

if (values.help || values.service === undefined) {
  process.stdout.write(USAGE)
} else {
  const place = { core: pinClient().core, signal: new AbortController().signal }
  const name = values.service
  const parameters = Object.fromEntries(
    values.set.map((one) => one.split('=')).map(([key, value]) => [key, Number(value)]),
  )
  const service = serviceOf(name, parameters)
  const middle = service.limits[service.limits.length >> 1] as number
  const contender = contenderOf(
    contenderNamed(values.contender),
    service,
    values.limit === undefined ? middle : Number(values.limit),
    values.options === undefined ? OURS : (JSON.parse(values.options) as SluiceOptions),
  )
  const capacity =
    values.capacity === undefined
      ? await capacityOf(name, parameters, place)
      : Number(values.capacity)
  for (const factor of values.factor.map(Number)) {
    for (const seed of values.seed.map(Number)) {
      const seconds = Number(values.seconds ?? service.seconds ?? SECONDS)
      const warmUp = Number(values['warm-up'])
      const at = { service: name, parameters, contender, factor, capacity, seed, seconds, warmUp }
      const point = await measure(at, place)
      process.stdout.write(
        `${values.json ? JSON.stringify(point) : line(point, values.contender)}\n`,
      )
    }
  }
}
