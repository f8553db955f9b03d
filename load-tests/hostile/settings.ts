/** What a person may turn, and every scenario of hostile clients obeys. */
export interface Settings {
  /** What is random is so by this: the same seed sends the same. */
  readonly seed: number
  /** How long each fuzzes, soaks or keeps its crowd, about. */
  readonly seconds: number
  /** Of each crowd. */
  readonly connections: number
}

/** By hand. */
export const FULL: Settings = { seed: 1, seconds: 10, connections: 1000 }
/** Where a machine waits for it. */
export const QUICK: Settings = { seed: 1, seconds: 0.7, connections: 60 }
