/** The environment as one typed, frozen, validated object. Nothing else reads `process.env`. */
import { envSchema } from 'env-schema'
import { type Static, Type } from 'typebox'

/** The longest a timer of Node's takes, 24.8 days. */
const LONGEST = 2 ** 31 - 1
const milliseconds = {
  minimum: 0,
  maximum: LONGEST,
  description: `milliseconds from 0 to ${LONGEST}`,
}

/** One entry a variable; `description` says what it takes, in messages and in the README. */
export const schema = Type.Object({
  HOST: Type.String({
    default: '127.0.0.1',
    pattern: '^\\S+$',
    description: 'a host name or address to listen on',
  }),
  PORT: Type.Integer({
    default: 3000,
    minimum: 0,
    maximum: 65_535,
    description: 'an integer from 0 to 65535 (0: any free port)',
  }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'fatal, error, warn, info, debug, trace or silent',
  }),
  LOG_FAILURE: Type.Enum(['drop', 'exit'], {
    default: 'drop',
    description: 'drop or exit',
  }),
  WORKERS: Type.Integer({
    default: 1,
    minimum: 0,
    maximum: 1024,
    description: 'an integer from 0 to 1024 (0: one a core)',
  }),
  TIME_SCALE: Type.Number({
    default: 1,
    minimum: 0,
    maximum: 10,
    description: 'a number from 0 to 10',
  }),
  LIMIT: Type.Optional(
    Type.Union(
      [
        Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
        Type.Enum(['auto', 'aimd', 'vegas', 'gradient2']),
      ],
      { description: 'an integer >= 1, auto, aimd, vegas or gradient2' },
    ),
  ),
  QUEUE_SIZE: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'an integer >= 0, beside LIMIT',
    }),
  ),
  QUEUE_TIMEOUT_MS: Type.Optional(
    Type.Number({ ...milliseconds, description: `${milliseconds.description}, beside LIMIT` }),
  ),
  STORE_URL: Type.Optional(
    Type.String({
      pattern: '^redis(s|(s?\\+sentinel))?://\\S+$',
      description:
        'redis://, rediss:// or redis+sentinel://host,host/name, beside a LIMIT that is a number',
    }),
  ),
  SHARED_NAME: Type.String({
    default: 'sluice',
    pattern: '^[\\w.:-]{1,64}$',
    description: '1 to 64 letters, digits and _.:-, beside STORE_URL or WORKERS',
  }),
  SHARED_MODE: Type.Enum(['loans', 'strict'], {
    default: 'loans',
    description: 'loans or strict, beside STORE_URL or WORKERS',
  }),
  SHARED_LEASE_MS: Type.Number({
    default: 5000,
    minimum: 100,
    maximum: 3_600_000,
    description: 'milliseconds from 100 to 3600000, beside STORE_URL or WORKERS',
  }),
  SHARED_FALLBACK: Type.Union(
    [
      Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
      Type.Enum(['share', 'closed', 'open']),
    ],
    {
      default: 'share',
      description: 'share, closed, open or an integer >= 1, beside STORE_URL or WORKERS',
    },
  ),
  PRESSURE: Type.Boolean({ default: false, description: 'true or false' }),
  WATCHERS: Type.Integer({
    default: 100,
    minimum: 0,
    maximum: 1_000_000,
    description: 'an integer from 0 to 1000000',
  }),
  ADMIN_PORT: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65_535,
      description: 'an integer from 0 to 65535 (0: any free port), other than PORT',
    }),
  ),
  ADMIN_HOST: Type.String({
    default: '127.0.0.1',
    pattern: '^\\S+$',
    description: 'a host name or address, beside ADMIN_PORT',
  }),
  ADMIN_TOKEN: Type.Optional(
    // What RFC 6750 lets a bearer token be.
    Type.String({
      pattern: '^[\\w.~+/-]{16,}=*$',
      description: '16 or more letters, digits and -._~+/',
    }),
  ),
  DRAIN_DELAY_MS: Type.Number({ default: 0, ...milliseconds }),
  DRAIN_TIMEOUT_MS: Type.Number({ default: 10_000, ...milliseconds }),
})

export type Config = Readonly<Static<typeof schema>>

/** A message a line, each naming the variable, what it got and what it takes. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** @throws ConfigError with every problem, not only the first. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const data = Object.fromEntries(
    Object.keys(schema.properties)
      .map((name) => [name, env[name]])
      .filter(([, value]) => value !== undefined && value !== ''),
  ) as Record<string, string>
  const problems = new Map<string, string>()
  let config: Config | undefined
  try {
    config = envSchema<Config>({ schema, data: { ...data }, env: false })
  } catch (error) {
    const { errors } = error as { errors?: { instancePath: string }[] }
    if (errors === undefined) throw error
    for (const { instancePath } of errors) {
      const name = instancePath.slice(1)
      problems.set(name, problem(name, data[name]))
    }
  }
  // Ajv takes 0x10, 1e3 and blanks for numbers, and what is infinite for no more than the maximum.
  for (const [name, value] of Object.entries(config ?? {})) {
    const got = data[name]
    if (typeof value !== 'number' || got === undefined) continue
    if (!/^\d+(\.\d+)?$/.test(got) || value === Infinity) problems.set(name, problem(name, got))
  }
  for (const [name, ...needed] of BESIDE) {
    if (data[name] !== undefined && needed.every((one) => data[one] === undefined)) {
      problems.set(name, problem(name, data[name]))
    }
  }
  if (config?.STORE_URL !== undefined && typeof config.LIMIT !== 'number') {
    problems.set('STORE_URL', problem('STORE_URL', data.STORE_URL))
  }
  if (config !== undefined && config.ADMIN_PORT === config.PORT && config.PORT !== 0) {
    problems.set('ADMIN_PORT', problem('ADMIN_PORT', data.ADMIN_PORT))
  }
  if (config === undefined || problems.size > 0) {
    throw new ConfigError([...problems.values()].join('\n'))
  }
  return Object.freeze(config)
}

/** Variables that mean nothing without another, or without one of several. */
const BESIDE = [
  ['QUEUE_SIZE', 'LIMIT'],
  ['QUEUE_TIMEOUT_MS', 'LIMIT'],
  ['ADMIN_HOST', 'ADMIN_PORT'],
  ['SHARED_NAME', 'STORE_URL', 'WORKERS'],
  ['SHARED_MODE', 'STORE_URL', 'WORKERS'],
  ['SHARED_LEASE_MS', 'STORE_URL', 'WORKERS'],
  ['SHARED_FALLBACK', 'STORE_URL', 'WORKERS'],
] as const

function problem(name: string, value: string | undefined): string {
  // A secret is not for the log.
  const isSecret = name === 'ADMIN_TOKEN' || name === 'STORE_URL'
  const got = isSecret ? `${value?.length} characters` : JSON.stringify(value)
  const { description } = schema.properties[name as keyof Config] as { description?: string }
  return `${name}: got ${got}, takes ${description}`
}
