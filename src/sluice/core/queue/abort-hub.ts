/**
 * Lets any number wait on one AbortSignal through a single listener: Node scans a signal's
 * listeners at each addition and removal and warns at the eleventh, so 100,000 of them would
 * cost 100,000 squared. Joining and leaving are O(1); all are told in the order they joined, and
 * also where another listener stops the event: `addAbortListener` is the one way to hear it then.
 */
import { addAbortListener } from 'node:events'

export interface AbortTarget {
  aborted(reason: unknown): void
}

interface Hub {
  readonly targets: Set<AbortTarget>
  readonly listener: Disposable
}

const hubs = new WeakMap<AbortSignal, Hub>()

/** @param signal one that has not aborted */
export function joinAbort(signal: AbortSignal, target: AbortTarget): void {
  let hub = hubs.get(signal)
  if (hub === undefined) {
    hub = { targets: new Set(), listener: addAbortListener(signal, onAbort) }
    hubs.set(signal, hub)
  }
  hub.targets.add(target)
}

export function leaveAbort(signal: AbortSignal, target: AbortTarget): void {
  const hub = hubs.get(signal)
  if (hub?.targets.delete(target) && hub.targets.size === 0) {
    hubs.delete(signal)
    hub.listener[Symbol.dispose]()
  }
}

function onAbort({ target }: Event): void {
  const signal = target as AbortSignal
  for (const each of hubs.get(signal)?.targets ?? []) each.aborted(signal.reason)
}
