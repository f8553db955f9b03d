/**
 * What processes and the store say to each other about one shared limit, and the rules of time that
 * both keep. Permits are counted by two numbers that only grow: `granted` by the store alone, `returned`
 * by the process alone; what is held is the difference. So a message that is lost, doubled, late or out
 * of order says nothing wrong, only something old. Times are milliseconds.
 *
 * A process that is silent for a lease has lost its permits; it stops using them by itself after half
 * of one, counted from when it sent what was last answered. All of it is JSON.
 */

/** A process that has nothing to say speaks once in a beat: so many are a lease. */
const BEATS = 10

/** Between two syncs of one process while somebody starves. */
export const PACE = 2

/** After so many beats without an answer a sync counts as failed. */
export const PATIENCE = 2

/** From a failed sync to the next, at most. */
export const LONGEST_RETRY = 1000

/** @param lease milliseconds */
export function beatOf(lease: number): number {
  return lease / BEATS
}

/** A name that nobody else has. @param random gives [0, 1) */
export function nonce(random: () => number): string {
  return Array.from({ length: 2 }, () => random().toString(36).slice(2)).join('')
}

/** What a process says of one account. */
export interface Claim {
  /** Which of the limits of that name; the empty one where there is one only. */
  readonly key: string
  /** The highest `granted` that it has seen, or as many as cover what it has in flight. */
  readonly seen: number
  /** Never more than `seen`. */
  readonly returned: number
  /** How many it could use now: in flight and queued. */
  readonly want: number
  /** How many it would take beyond that, while there is plenty. */
  readonly spare: number
  /** Of the most important that waits; 0 where nobody does. */
  readonly priority: number
}

/** One call of one process: it renews its lease, and as many of its accounts as it has news of. */
export interface Batch {
  /** Of the limits. */
  readonly name: string
  /** Nobody else's, ever. */
  readonly member: string
  /** One more with each sync, whatever became of the last. */
  readonly seq: number
  /** Of the accounts that it speaks of; undefined: it has none. */
  readonly generation: string | undefined
  /** For the generation that begins if the store does not know that one. */
  readonly nonce: string
  /** Its lease was valid when it sent this: if the store does not know it, the store has lost data. */
  readonly valid: boolean
  /** Milliseconds. */
  readonly lease: number
  /** The limit as this process has it; the smallest of all counts. */
  readonly limit: number
  /** It is to be the limit of all. */
  readonly limitForAll: boolean
  /** It holds nothing more and will not come back. */
  readonly leaving: boolean
  /** Of the accounts that it has news of. */
  readonly claims: readonly Claim[]
}

/** What the store says of one account. */
export interface Standing {
  /** Which of the limits of that name. */
  readonly key: string
  /** Cumulative. */
  readonly granted: number
  /** Somebody starves, or more is out than may be: what is idle goes back at once. */
  readonly contended: boolean
  /** While contended: whoever holds more gives back what comes free. */
  readonly level: number
}

/** What the store answers to one batch. */
export interface Reply {
  /** Of the batch that it answers. */
  readonly seq: number
  /** Of the accounts that it speaks of. */
  readonly generation: string
  /** The smallest that a live member has. */
  readonly limit: number
  /** What this member's own is now. */
  readonly ownLimit: number
  /** Live ones, this one included. */
  readonly members: number
  /** Data may have been lost: nothing is granted. */
  readonly learning: boolean
  /** Milliseconds until whoever starves may get more by asking again, where that is known. */
  readonly again?: number
  /** One for each claim, in their order. */
  readonly standings: readonly Standing[]
}

/** What a member is told between its syncs. Lost ones do no harm: its next reply says the same. */
export interface Push extends Standing {
  /** Of the account that it speaks of. */
  readonly generation: string
}

/** Where the permits of shared limits are kept. */
export interface SharedStore {
  /** Rejects when the store cannot be reached; whether it got the batch is then unknown. */
  sync(batch: Batch): Promise<Reply>
  /** Calls back with what a member is to be told, until it is disposed of. */
  listen(member: string, callback: (push: Push) => void): Disposable
  /** Ends it; a sync rejects from then on. */
  close(): void
}
