/** What a subject is asked by its parent, and what it answers. */

export interface Usage {
  /** Seconds of processor time since the start, all threads. */
  readonly cpu: number
  /** Bytes of live objects on the heap and behind it. */
  readonly memory: number
  /** Open ones. */
  readonly connections: number
}

export type Question = 'usage' | 'live memory'
