/**
 * One contender in a process of its own, so that no other contender's objects are on its heap and
 * no other's types in the feedback that V8 optimises by. It runs a round whenever it is told to.
 *
 * Arguments: module, benchmark, contender. In: `{ milliseconds, operations }`; out: a figure.
 */
import { collectAll } from '../subjects/process/collect.js'
import type { Contender } from './benchmark.js'
import { loadBenchmark } from './menu.js'

export interface Round {
  /** Of processor time, at least, what is not measured included; one batch at least. */
  readonly milliseconds: number
  /** In place of a batch's own number. */
  readonly operations: number | undefined
}

const [module, name = '', label = ''] = process.argv.slice(2)
const { unit, contenders } = await loadBenchmark(Number(module), name)
const contender = await (contenders[label] as () => Promise<Contender>)()
const measure = unit === 'bytes' ? measureBytes : measureNanoseconds
/** What was measured must not be collected while it is. */
const kept: unknown[] = []

process.on('message', async (round: Round) => {
  process.send?.(await measure(round))
})
process.on('disconnect', () => process.exit())
process.send?.('ready')

async function measureNanoseconds({ milliseconds, operations }: Round): Promise<number> {
  const each = operations ?? contender.operations
  const end = processorTime() + milliseconds * 1000
  let spent = 0
  let done = 0
  do {
    await contender.prepare?.(each, collectAll)
    const start = processorTime()
    await contender.run(each)
    spent += processorTime() - start
    done += each
  } while (processorTime() < end)
  return (spent / done) * 1000
}

/** Microseconds of this process, its collector's and compiler's threads included: others don't count. */
function processorTime(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

async function measureBytes({ operations }: Round): Promise<number> {
  const each = operations ?? contender.operations
  await contender.prepare?.(each, collectAll)
  const before = usedHeap()
  kept.push(await contender.run(each))
  return (usedHeap() - before) / each
}

function usedHeap(): number {
  collectAll()
  return process.memoryUsage().heapUsed
}
