/** A service's processes: itself on the servers' core, its upstream beside the client. */
import { request } from 'undici'
import type { Place } from '../../subjects/process/launch.js'
import { Subject } from '../../subjects/subject.js'
import type { Setting } from './serve.js'
import type { Service, Troubled } from './service.js'

/** @returns what `run` does, when both have been stopped */
export async function onStage<T>(
  { upstream: slots }: Service,
  setting: Omit<Setting, 'upstream'>,
  place: Place,
  run: (on: Troubled) => Promise<T>,
): Promise<T> {
  const { signal } = place
  // Without a core of its own it has the one of whoever starts it.
  const beside = { core: undefined, signal }
  const upstream = slots === undefined ? undefined : await Subject.start('upstream', beside)
  try {
    const tell = async (path: string): Promise<void> => {
      const { body } = await request(`${upstream?.url}${path}`, { signal })
      await body.dump()
    }
    if (slots) await tell(`/slots/${slots}`)
    const whole: Setting = { ...setting, upstream: upstream?.url ?? '' }
    const subject = await Subject.start('service', place, JSON.stringify(whole))
    try {
      return await run({ subject, tell })
    } finally {
      await subject.stop()
    }
  } finally {
    await upstream?.stop()
  }
}
