/** What must hold at every load. */
import { poisson } from '../../clients/schedule.js'
import { median } from '../../figures/statistics.js'
import type { Found } from '../campaign.js'
import type { Point } from '../measures/measure.js'
import { scheduleSeed } from '../measures/measure.js'
import { beside, type Compared, compared, type Rule, slower, slowest, worst } from './judge.js'
import { lossOf } from './queue.js'

const isBelow = (factor: number): boolean => factor <= 0.8
const isKnee = (factor: number): boolean => factor === 1
const isBeyond = (factor: number): boolean => factor >= 2
const everywhere = (): boolean => true

const computes = ({ service }: Found): boolean => service.computes === true
const onlyWaits = ({ service }: Found): boolean => service.onlyWaits === true
const givesUp = ({ service }: Found): boolean => service.name.startsWith('gives-up')
const isMixed = ({ service }: Found): boolean => service.streams.some(({ steady }) => steady)

const ofFixed = ({ ours, fixed }: Compared): number => ours.goodput / fixed.goodput

export const rules: readonly Rule[] = [
  {
    name: 'below capacity refused',
    most: 0.001,
    cases: compared(isBelow, ({ ours }) => worst(ours, 'refused')),
  },
  {
    name: 'below capacity goodput, of unprotected',
    least: 0.99,
    cases: compared(isBelow, ({ ours, unprotected }) => ours.goodput / unprotected.goodput),
  },
  {
    name: 'below capacity p99, of unprotected',
    most: 1.2,
    cases: compared(isBelow, ({ ours, unprotected }) =>
      Math.max(...ours.streams.map((stream, index) => slower(stream, unprotected.streams[index]))),
    ),
  },
  {
    name: 'where nothing queues refused',
    most: 0,
    cases: compared(everywhere, ({ ours }) => worst(ours, 'refused'), onlyWaits),
  },
  {
    name: 'at capacity goodput, of the better of unprotected and fixed',
    least: 0.98,
    cases: compared(
      isKnee,
      ({ ours, unprotected, fixed }) => ours.goodput / Math.max(unprotected.goodput, fixed.goodput),
    ),
  },
  {
    name: 'at capacity p99 of computing, in ms',
    most: 150,
    cases: compared(isKnee, ({ ours }) => slowest(ours), computes),
  },
  {
    name: 'at capacity loss of computing, of what an M/D/1 queue with that bound must lose',
    most: 1.5,
    cases: compared(
      isKnee,
      ({ found, ours }) => median(ours.points.map((point) => lossRatio(point, found))),
      computes,
    ),
  },
  {
    name: 'beyond capacity goodput, of the best fixed limit',
    least: 0.95,
    cases: compared(isBeyond, ofFixed, (found) => !givesUp(found)),
  },
  {
    name: 'where everybody gives up goodput, of the best fixed limit',
    least: 0.9,
    cases: compared(isBeyond, ofFixed, givesUp),
  },
  {
    name: 'beyond capacity p99, of 500 ms or three times what the work itself takes',
    most: 1,
    cases: compared(
      isBeyond,
      ({ found, ours }) => slowest(ours) / Math.max(500, 3 * found.service.own),
    ),
  },
  {
    name: 'beyond capacity hanging, newcomers included',
    most: 0.01,
    cases: compared(isBeyond, ({ ours }) =>
      Math.max(worst(ours, 'hanging'), worst(ours, 'newcomersHanging')),
    ),
  },
  {
    name: 'beyond capacity the slowest probe, in ms',
    most: 250,
    cases: compared(isBeyond, ({ ours }) => ours.probe.max ?? Number.POSITIVE_INFINITY),
  },
  {
    name: 'beside a dear stream goodput, of that at 0.5 ×',
    least: 0.98,
    cases: beside((now, half) => now.goodput / half.goodput),
  },
  {
    name: 'beside a dear stream p99, of that at 0.5 ×',
    most: 2,
    cases: beside(slower),
  },
  {
    name: 'goodput of the dear stream, of the best fixed limit before its route',
    least: 0.9,
    cases: compared(
      isBeyond,
      ({ ours, fixed }) => (ours.streams[0]?.goodput ?? 0) / (fixed.streams[0]?.goodput ?? 0),
      isMixed,
    ),
  },
  {
    name: 'a limit with nothing else: goodput, of the best fixed limit with a short queue',
    least: 0.9,
    cases: compared(everywhere, ofFixed, everywhere, 'default'),
  },
  {
    name: 'a new process below capacity refused',
    most: 0,
    cases: ({ deployed, service }) =>
      deployed === undefined ? [] : [[`${service.name}`, worst(deployed, 'refused')]],
  },
]

/** What is lost of the same arrivals by a queue in which one waits no longer than 99 % of ours did. */
function lossRatio(point: Point, { capacity, service }: Found): number {
  const { streams, warmUp, seconds, factor, seed } = point
  const [{ due, counts, p99 } = { due: 0, counts: { answered: 0 }, p99: undefined }] = streams
  if (p99 === undefined) return Number.POSITIVE_INFINITY
  const arrivals = poisson(capacity * factor, warmUp + seconds, scheduleSeed(seed, 0))
  const bound = Math.max(0, p99 - service.own)
  const least = lossOf(arrivals, 1000 / capacity, bound, warmUp * 1000)
  return (1 - counts.answered / due) / Math.max(least, 1 / due)
}
