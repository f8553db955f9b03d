/** The ways in which services wait and compute. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { compute } from '../../subjects/downstream.js'

export { compute, sleep }

/** Asks the upstream process for so many milliseconds of its work. @throws with 502 where it fails. */
export type Ask = (milliseconds: number) => Promise<void>

/**
 * @param connections how many at once; the rest waits for one, without end; 0: no bound
 * @param path `/` or `/thrashing`
 */
export function asking(upstream: string, connections: number, path = '/'): Ask {
  const pool = new Pool(upstream, {
    connections: connections === 0 ? null : connections,
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return async (milliseconds) => {
    const { statusCode, body } = await pool.request({
      method: 'GET',
      path: `${path}?ms=${milliseconds}`,
    })
    await body.dump()
    if (statusCode !== 200) throw Object.assign(new Error('upstream failed'), { statusCode: 502 })
  }
}

/** Computes with pauses in which others get their turn. */
export async function computeInPieces(milliseconds: number, piece: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= piece) {
    compute(Math.min(piece, left))
    await new Promise(setImmediate)
  }
}
