/** What a table's note says of requests that the client could not send. */
import { MOST_CONNECTIONS } from '../clients/connections.js'
import { count } from '../report/format.js'

/** @returns nothing where all were sent */
export function unsentNote(loads: readonly { where: string; unsent: number }[]): string {
  const some = loads.filter(({ unsent }) => unsent > 0)
  if (some.length === 0) return ''
  const where = some.map((one) => `${one.where}: ${count(one.unsent)}`).join(', ')
  return ` Counted as hanging though never sent, as ${count(MOST_CONNECTIONS)} connections were open at once: ${where}.`
}
