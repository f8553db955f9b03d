/** Thresholds that several scenarios share. Those of one stand in its file. */
import type { Snapshot } from 'fastify-sluice'
import type { Counts } from '../clients/open-loop.js'
import type { Check, Row } from '../figures/outcome.js'
import { count } from '../report/format.js'

export function noErrors(...rows: Row[]): Check {
  const errors = rows.reduce((sum, row) => sum + row.errors, 0)
  const answered = rows.reduce((sum, row) => sum + row.answered, 0)
  return {
    name: 'every answer is a 2xx with the right body',
    ok: errors === 0 && answered > 0,
    detail: `${count(errors)} errors in ${count(answered)} answers`,
  }
}

/** On both sides of the wire: a request that vanished is no error to the client. */
export function allAnswered(...rows: Row[]): Check {
  const sent = rows.reduce((sum, row) => sum + row.sent, 0)
  const lost = rows
    .filter((row) => row.sent !== row.answered || row.answered !== row.served)
    .map((row) => {
      const counts = [row.sent, row.answered, row.served ?? 0].map(count)
      return `${row.label}: sent ${counts[0]}, answered ${counts[1]}, by the server's count ${counts[2]}`
    })
  return {
    name: 'sent = answered, and the server counts the same',
    ok: lost.length === 0,
    detail: lost.length === 0 ? `${count(sent)} on both sides` : lost.join('; '),
  }
}

export function onlyTheAsker({ requests: { active } }: Snapshot): Check {
  return {
    name: 'afterwards only the request that asks is active',
    ok: active === 1,
    detail: `${count(active)} active`,
  }
}

/** Of open loops. */
export function accounted(loads: readonly { due: number; ended: number }[]): Check {
  const due = loads.reduce((sum, load) => sum + load.due, 0)
  return {
    name: 'every request that was due is answered, refused, failed or hanging',
    ok: loads.every((load) => load.due === load.ended) && due > 0,
    detail: count(due),
  }
}

export function dueAndEnded({ all }: { all: Counts }): { due: number; ended: number } {
  return { due: all.due, ended: endedOf(all) }
}

export function endedOf({ answered, refused, failed, hanging }: Omit<Counts, 'due'>): number {
  return answered + refused + failed + hanging
}
