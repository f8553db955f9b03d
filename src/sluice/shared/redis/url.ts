/** Where a store is, from a URL to a client's options. */
import { isIP } from 'node:net'

const URL_OF_STORE =
  /^redis(?<tls>s?)(?<sentinel>\+sentinel)?:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^/?#@]+)(?:\/(?<path>[^?#]*))?$/
const HOST = /^(?:\[(?<ip6>[\da-fA-F:.]+)\]|(?<host>[^:[\]]+))(?::(?<port>\d{1,5}))?$/

const PORT = 6379
const SENTINEL_PORT = 26_379

/** @throws RangeError that says what it takes, and nothing of what it got */
export function clientOptionsOf(url: string): object {
  const parts = URL_OF_STORE.exec(url)?.groups
  const options = parts && optionsOf(parts)
  if (options === undefined) {
    throw new RangeError(
      'url must be redis://user:password@host:port/db, rediss:// or redis+sentinel://host,host/name, ' +
        'user and password percent-encoded',
    )
  }
  return options
}

type Parts = Record<string, string | undefined>

function optionsOf({ tls, sentinel, user, password, hosts = '', path = '' }: Parts) {
  const addresses = hosts.split(',').map((host) => addressOf(host, sentinel ? SENTINEL_PORT : PORT))
  const login = { username: decode(user), password: decode(password) }
  const [name = '', db = '0'] = sentinel ? path.split('/') : ['-', path || '0']
  const known = addresses.filter((address) => address !== undefined)
  const isWrong =
    known.length < addresses.length || !/^\d+$/.test(db) || name === '' || login.password === null
  if (isWrong || login.username === null) return undefined
  const [first] = known
  const common = { ...defined(login), db: Number(db) }
  if (sentinel) {
    const secure = { tls: {}, enableTLSForSentinelMode: true, sentinelTLS: {} }
    return { ...common, ...(tls && secure), sentinels: known, name: decode(name) }
  }
  if (known.length > 1 || first === undefined) return undefined
  // The name is what its certificate is for; an address has none.
  const secure = { tls: isIP(first.host) === 0 ? { servername: first.host } : {} }
  return { ...common, ...(tls && secure), ...first }
}

function addressOf(text: string, standard: number): { host: string; port: number } | undefined {
  const { ip6, host = ip6, port } = HOST.exec(text)?.groups ?? {}
  if (host === undefined || Number(port ?? standard) > 65_535) return undefined
  return { host, port: Number(port ?? standard) }
}

/** null: it is not well encoded. */
function decode(text: string | undefined): string | null | undefined {
  try {
    return text === undefined || text === '' ? undefined : decodeURIComponent(text)
  } catch {
    return null
  }
}

function defined(options: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
