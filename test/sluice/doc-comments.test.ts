/** What an editor shows of the public API: every member says what it is, every option its default. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { table } from '../support/readme.js'

const dist = resolve(import.meta.dirname, '../../src/sluice/dist')

interface Declaration {
  readonly name: string
  readonly doc: string
  readonly file: string
  readonly bases: readonly string[]
  readonly text: string
  /** Not exported, and named by what is. */
  readonly isHidden: boolean
  readonly members: readonly {
    readonly name: string
    readonly text: string
    readonly doc: string
  }[]
}

/** The public ones of a module, by name, with those that they extend. */
function declarationsOf(module: string, names?: readonly string[]): Declaration[] {
  const source = readFileSync(join(dist, module), 'utf8')
  const at = (path: string): string => join(module, '..', path.replace(/\.js$/, '.d.ts'))
  const exported = [...source.matchAll(/^export (?:type )?(?:\*|\{([^}]*)\}) from '(.+)';$/gm)]
  const elsewhere = exported.flatMap(([, list, path = '']) =>
    declarationsOf(
      at(path),
      list?.split(',').map((name) => name.replace(/type |\s/g, '')),
    ),
  )
  const here = [...source.matchAll(DECLARATION)].map((match) => read(match, source, module))
  const isPublic = ({ name }: Declaration): boolean =>
    names?.includes(name) ?? new RegExp(`^export .*\\b${name}\\b`, 'm').test(source)
  const wanted = new Set(here.filter(isPublic))
  for (const { bases, text } of wanted) {
    for (const one of here) {
      const isMeant = bases.includes(one.name) || (one.isHidden && mentions(text, one.name))
      if (isMeant) wanted.add(one)
    }
    for (const [, list = '', path = ''] of source.matchAll(IMPORT)) {
      const imported = bases.filter((base) => mentions(list, base))
      if (imported.length > 0) elsewhere.push(...declarationsOf(at(path), imported))
    }
  }
  return [...elsewhere, ...wanted]
}

const IMPORT = /^import (?:type )?\{([^}]*)\} from '(\..+)';$/gm
const DOC = String.raw`((?:^ *\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?)`
const DECLARATION = new RegExp(
  `${DOC}^(?:export )?(?:declare )?(?:abstract )?(interface|class|type|function|const) (\\w+)(.*)`,
  'gm',
)
/** In the body of an interface, a class or an object: what it has, and not what that has. */
const MEMBER = new RegExp(
  `${DOC}^ {4}(?:(?:static|abstract|readonly|get|set) )*(\\w+|\\[Symbol\\.\\w+\\])([?<(:].*)`,
  'gm',
)

function read(
  [, doc = '', kind, name = '', rest = '']: RegExpMatchArray,
  source: string,
  file: string,
): Declaration {
  const [before = '', behind = ''] = source.split(`${kind} ${name}${rest}`)
  const text = rest + behind.split(/\n(?=[^\s}])/)[0]
  const bases = /(?:extends|implements) (.*) \{/.exec(rest)?.[1]?.match(/\w+/g) ?? []
  const members = [...(kind === 'type' ? '' : text).matchAll(MEMBER)]
    .map(([, doc = '', name = '', text = '']) => ({ name, text, doc }))
    .filter(({ name, text }) => name !== 'constructor' && name !== 'private' && text !== '')
  const isHidden = !/^export .*$/m.test(before.slice(before.lastIndexOf('\n') + 1))
  return { name, doc, file, bases, text, isHidden, members }
}

const mentions = (text: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(text)

const declarations = [...declarationsOf('index.d.ts'), ...declarationsOf('core/index.d.ts')]
const all = [...new Map(declarations.map((one) => [`${one.file} ${one.name}`, one])).values()]

test('the whole public API is looked at', () => {
  const names = all.map(({ name }) => name)
  const some = ['SluiceOptions', 'AppConcurrency', 'Limiter', 'AnyLimiterView', 'NamedBounds']
  expect(names).toEqual(expect.arrayContaining([...some, 'Semaphore', 'VegasOptions', 'Snapshot']))
  expect(all.flatMap(({ members }) => members).length).toBeGreaterThan(150)
})

/** An editor shows a base's where a member has none. */
function isSaid({ members, bases }: Declaration, name: string): boolean {
  if (members.some((member) => member.name === name && member.doc !== '')) return true
  return all.some((base) => bases.includes(base.name) && isSaid(base, name))
}

test('everything that is exported, and each member of it, has a doc comment', () => {
  const silent = all.flatMap((one) => [
    ...(one.doc === '' ? [one.name] : []),
    ...one.members
      .filter(({ name }) => !name.startsWith('[') && !isSaid(one, name))
      .map(({ name }) => `${one.name}.${name}`),
  ])
  expect(silent).toEqual([])
})

test('every option that may be left out says what it is then', () => {
  const options = all.filter(({ name }) => /(Options|Bounds)$/.test(name))
  const silent = options.flatMap(({ name, members }) =>
    members
      .filter(({ text, doc }) => text.startsWith('?') && !/default|in place of/i.test(doc))
      .map((member) => `${name}.${member.name}`),
  )
  expect(options.length).toBeGreaterThan(12)
  expect(silent).toEqual([])
})

test.each([
  ['SluiceOptions', '`app.register(sluice, options)`'],
  ['QueueOptions', '`queue`'],
  ['PressureOptions', '`pressure`'],
])('the defaults of %s are those of the README', (type, header) => {
  const members = all.find(({ name }) => name === type)?.members ?? []
  const rows = table(header).filter(([, value = '']) => /^\d+$/.test(value))
  expect(rows.length).toBeGreaterThan(0)
  for (const [option = '', value = ''] of rows) {
    const { doc = '' } = members.find(({ name }) => name === option) ?? {}
    expect([option, doc.replaceAll(',', '').match(/default (\d+)/)?.[1]]).toEqual([option, value])
  }
})
