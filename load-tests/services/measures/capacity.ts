/** What a service can do. */
import { fire } from '../../clients/closed-loop.js'
import type { Place } from '../../subjects/process/launch.js'
import { serviceOf } from '../subjects/menu.js'
import type { Parameters, Service } from '../subjects/service.js'
import { onStage } from '../subjects/stage.js'

/** Requests of a closed loop, and how many loops: what else the machine does only takes from them. */
const CLOSED = 250
const LOOPS = 3
const MOST_LOOPS = 12
/** Whoever had to share its core for more of the time than this is measured again. */
export const DISTURBED = 0.1

/** Requests a second of the streams that a factor multiplies. */
export function declared({ streams }: Service): number {
  return streams.reduce((sum, { rate, steady }) => sum + (steady ? 0 : rate), 0)
}

/** What it does in a closed loop, where that shows it; otherwise what it declares. */
export async function capacityOf(
  name: string,
  parameters: Parameters,
  place: Place,
): Promise<number> {
  const service = serviceOf(name, parameters)
  const { closedLoop: connections, streams } = service
  if (connections === undefined) return declared(service)
  const setting = {
    service: name,
    parameters,
    contender: { kind: 'unprotected' },
    seed: 1,
  } as const
  return onStage(service, setting, place, async ({ subject }) => {
    const url = subject.url + streams[0]?.path
    const load = { url, connections, amount: CLOSED, body: undefined }
    await fire(load, place.signal)
    let most = 0
    for (let [loops, quiet] = [0, 0]; loops < MOST_LOOPS && quiet < LOOPS; loops++) {
      const before = await subject.waitedSeconds()
      const { rate, seconds } = await fire(load, place.signal)
      most = Math.max(most, rate)
      if (!((await subject.waitedSeconds()) - before > DISTURBED * seconds)) quiet++
    }
    return most
  })
}
