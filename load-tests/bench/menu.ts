/** Which benchmarks there are. Each module is loaded only by whoever needs it. */
import type { Benchmark } from './benchmark.js'

type Module = () => Promise<{ readonly benchmarks: readonly Benchmark[] }>

const MODULES: readonly Module[] = [
  () => import('./benchmarks/semaphore.bench.js'),
  () => import('./benchmarks/waiters.bench.js'),
  () => import('./benchmarks/plugin.bench.js'),
  () => import('./benchmarks/scrape.bench.js'),
  () => import('./benchmarks/shared.bench.js'),
]

/** A benchmark, and the module that it is found in. */
export interface Entry {
  readonly module: number
  readonly benchmark: Benchmark
}

export async function loadMenu(): Promise<Entry[]> {
  const modules = await Promise.all(MODULES.map((load) => load()))
  return modules.flatMap(({ benchmarks }, module) =>
    benchmarks.map((benchmark) => ({ module, benchmark })),
  )
}

export async function loadBenchmark(module: number, name: string): Promise<Benchmark> {
  const { benchmarks } = await (MODULES[module] as Module)()
  return benchmarks.find((benchmark) => benchmark.name === name) as Benchmark
}
