/** What a file of `benchmarks/` exports; it need not import this, the menu checks its type. */

export interface Benchmark {
  readonly name: string
  readonly question: string
  readonly unit: 'ns' | 'bytes'
  /** What one figure is the cost of. */
  readonly per: string
  /** Milliseconds, if what it runs through takes V8 longer than most. */
  readonly warmUp?: number
  /** Each is built in a process of its own. The others are compared with the first. */
  readonly contenders: Readonly<Record<string, () => Promise<Contender>>>
}

export interface Contender {
  /** How many of them one batch has. */
  readonly operations: number
  /** Not measured, before each batch; `collect` collects what is dead. */
  prepare?(operations: number, collect: () => void): unknown
  /** One batch; if the unit is bytes, what it leaves on the heap is what counts. */
  run(operations: number): unknown
}
