/** What befalls a service that waits for an upstream of some slots. */
import { ALGORITHMS, type ContenderName } from '../subjects/contender-names.js'
import { type Kind, kind, type Trouble } from '../subjects/service.js'
import { asking } from './wait.js'

interface Troubling {
  readonly name: string
  readonly factors: readonly number[]
  readonly seconds: number
  readonly also?: readonly ContenderName[]
  /** Beyond its slots the upstream thrashes, in place of queueing. */
  readonly thrashes?: true
  trouble(slots: number): Trouble
}

function troubled({ name, thrashes, trouble, ...given }: Troubling): Kind {
  return kind(name, { slots: 20, work: 50 }, ({ slots, work }) => ({
    about: `${work} ms in one of ${slots} slots that ${thrashes ? 'thrash' : 'queue'}; in the second third ${trouble(slots).name}`,
    streams: [{ name: 'all', path: '/', rate: (slots / work) * 1000 }],
    upstream: slots,
    own: work,
    limits: [0.8, 1, 1.2, 1.5, 2].map((share) => Math.ceil(share * slots)),
    ...given,
    trouble: trouble(slots),
    routes(app, { upstream }) {
      const ask = asking(upstream, 0, thrashes ? '/thrashing' : '/')
      app.get('/', async () => {
        await ask(work)
        return 'done'
      })
    },
  }))
}

export const fails = troubled({
  name: 'fails',
  factors: [0.5, 2],
  seconds: 90,
  thrashes: true,
  trouble: () => ({
    name: 'it fails in 1 ms',
    begin: ({ tell }) => tell('/failing/1'),
    end: ({ tell }) => tell('/failing/0'),
  }),
})

export const half = troubled({
  name: 'half',
  factors: [2],
  seconds: 30,
  thrashes: true,
  trouble: (slots) => ({
    name: 'half of them are gone',
    begin: ({ tell }) => tell(`/slots/${slots / 2}`),
    end: ({ tell }) => tell(`/slots/${slots}`),
  }),
})

export const stopped = troubled({
  name: 'stopped',
  factors: [0.5, 0.8],
  seconds: 60,
  also: ALGORITHMS,
  trouble: () => ({
    name: 'the process is stopped',
    begin: async ({ subject }) => subject.signal('SIGSTOP'),
    end: async ({ subject }) => subject.signal('SIGCONT'),
  }),
})
