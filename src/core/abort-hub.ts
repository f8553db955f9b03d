/**
 * Lets any number wait on one AbortSignal through a single listener: Node scans a signal's
 * listeners at each addition and removal and warns at the eleventh, so 100,000 of them would
 * cost 100,000 squared. Joining and leaving are O(1); all are told in the order they joined.
 */
export interface AbortTarget {
  aborted(reason: unknown): void
}

const hubs = new WeakMap<AbortSignal, Set<AbortTarget>>()

export function joinAbort(signal: AbortSignal, target: AbortTarget): void {
  let hub = hubs.get(signal)
  if (hub === undefined) {
    hub = new Set()
    hubs.set(signal, hub)
    signal.addEventListener('abort', onAbort)
  }
  hub.add(target)
}

export function leaveAbort(signal: AbortSignal, target: AbortTarget): void {
  const hub = hubs.get(signal)
  if (hub?.delete(target) && hub.size === 0) {
    hubs.delete(signal)
    signal.removeEventListener('abort', onAbort)
  }
}

function onAbort(this: AbortSignal): void {
  const hub = hubs.get(this)
  if (hub === undefined) return
  for (const target of hub) target.aborted(this.reason)
}
