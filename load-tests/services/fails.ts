/** What befalls a service that waits for an upstream of some slots. */
import { type Kind, kind, type Trouble } from './service.js'
import { asking } from './wait.js'

function troubled(
  name: string,
  factors: readonly number[],
  trouble: (slots: number) => Trouble,
): Kind {
  return kind(name, { slots: 20, work: 50 }, ({ slots, work }) => ({
    about: `${work} ms in one of ${slots} slots that queue; ${trouble(slots).name} in the second third`,
    streams: [{ name: 'all', path: '/', rate: (slots / work) * 1000 }],
    upstream: slots,
    limits: [1, 1.2, 1.5, 2].map((share) => Math.ceil(share * slots)),
    factors,
    trouble: trouble(slots),
    routes(app, { upstream }) {
      const ask = asking(upstream, 0)
      app.get('/', async () => {
        await ask(work)
        return 'done'
      })
    },
  }))
}

export const fails = troubled('fails', [0.5, 2], () => ({
  name: 'the upstream fails in 1 ms',
  begin: ({ tell }) => tell('/failing/1'),
  end: ({ tell }) => tell('/failing/0'),
}))

export const half = troubled('half', [0.8, 2], (slots) => ({
  name: 'half of the slots are gone',
  begin: ({ tell }) => tell(`/slots/${slots / 2}`),
  end: ({ tell }) => tell(`/slots/${slots}`),
}))

export const stopped = troubled('stopped', [0.5, 0.8], () => ({
  name: 'the process is stopped',
  begin: async ({ subject }) => subject.signal('SIGSTOP'),
  end: async ({ subject }) => subject.signal('SIGCONT'),
}))
