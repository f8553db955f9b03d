/** The compose file is what Docker Compose takes, its parts find each other, and what it mounts exists. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DCLinter } from 'dclint'
import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.js'
import { promtool } from '../support/promtool.js'
import { compose, deploy, readYaml, type Service, VARIABLES } from './files.js'

const { services, configs, 'x-server': server } = compose
const replicas = Object.keys(services).filter((name) => name.startsWith('sluice-'))
const service = (name: string): Service => services[name] as Service

interface Prometheus {
  rule_files: string[]
  scrape_configs: { static_configs: { targets: string[] }[] }[]
}

test('it is of the schema of the Compose specification, and without what its linter finds', async () => {
  // How things are sorted is a matter of reading.
  const sorting = ['service-keys', 'services-alphabetical', 'top-level-properties']
  const rules = Object.fromEntries(sorting.map((name) => [`${name}-order`, 0 as const]))
  const linter = new DCLinter({ rules, quiet: false, debug: false, exclude: [] })
  const [result] = await linter.lintFiles([join(deploy, 'compose.yaml')], false)
  expect(result?.messages).toEqual([])
})

test('what it mounts exists, is used, and is where it is looked for', () => {
  const missing = Object.values(configs).filter(({ file }) => !existsSync(join(deploy, file)))
  expect(missing).toEqual([])
  const mounted = Object.values(services).flatMap(({ configs: of = [] }) => of)
  expect(mounted.map(({ source }) => source).sort()).toEqual(Object.keys(configs).sort())

  const targets = new Map(mounted.map(({ source, target }) => [source, target]))
  expect(readYaml<Prometheus>('prometheus.yaml').rule_files).toEqual([targets.get('alerts')])
  const { providers } = readYaml<{ providers: { options: { path: string } }[] }>(
    'grafana/dashboards.yaml',
  )
  expect(targets.get('dashboard')).toBe(`${providers[0]?.options.path}/sluice.json`)
  expect(service('grafana').environment).toMatchObject({
    GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: targets.get('dashboard'),
  })
})

test('three servers are balanced, and each is scraped by itself', () => {
  expect(replicas).toEqual(['sluice-1', 'sluice-2', 'sluice-3'])
  const { BIND, ...balanced } = service('balancer').environment ?? {}
  expect(Object.values(balanced)).toEqual(replicas.map((name) => `${name}:3000`))
  expect(service('balancer').ports).toEqual([`0.0.0.0:8080:${String(BIND).slice('*:'.length)}`])
  const config = readFileSync(join(deploy, 'haproxy.cfg'), 'utf8')
  const named = [...config.matchAll(/"\$\{(\w+)\}"/g)].map(([, name]) => name)
  expect(named).toEqual(['BIND', ...Object.keys(balanced)])

  const [scraped] = readYaml<Prometheus>('prometheus.yaml').scrape_configs
  const operators = server.environment.ADMIN_PORT
  expect(scraped?.static_configs).toEqual([
    { targets: replicas.map((name) => `${name}:${operators}`) },
  ])
  const { datasources } = readYaml<{ datasources: { url: string }[] }>('grafana/datasources.yaml')
  expect(datasources.map(({ url }) => url)).toEqual(['http://prometheus:9090'])
})

test('only the balancer is open to others', () => {
  const open = Object.entries(services).flatMap(([name, { ports = [] }]) =>
    ports.filter((port) => !port.startsWith('127.0.0.1:')).map(() => name),
  )
  expect(open).toEqual(['balancer'])
})

test('the variables are known to the server, and their values valid', () => {
  const env = Object.entries(server.environment).map(([name, value]) => [name, String(value)])
  expect(env.filter(([name]) => !VARIABLES.has(name as string))).toEqual([])
  expect(() => readConfig(Object.fromEntries(env))).not.toThrow()
})

test('a server has the time to drain, and the balancer sees that it does', () => {
  const { DRAIN_DELAY_MS, DRAIN_TIMEOUT_MS } = server.environment
  // A process that does not end is ended two seconds after the drain.
  const grace = Number.parseInt(server.stop_grace_period, 10) * 1000
  expect(grace).toBeGreaterThan(Number(DRAIN_TIMEOUT_MS) + 2000)
  const config = readFileSync(join(deploy, 'haproxy.cfg'), 'utf8')
  const [, inter, fall] = /check inter (\d+)ms fall (\d+)/.exec(config) ?? []
  expect(Number(DRAIN_DELAY_MS)).toBeGreaterThan(2 * Number(inter) * Number(fall))
})

test('the store never evicts', () => {
  const { command } = service('valkey') as Service & { command: string }
  expect(command).toContain('--maxmemory-policy noeviction')
})

const needs = '(needs promtool, of the Debian package prometheus)'
test.skipIf(promtool === undefined)(`Prometheus takes its configuration ${needs}`, () => {
  const file = join(deploy, 'prometheus.yaml')
  const { status, output } = promtool?.(['check', 'config', '--syntax-only', file]) ?? {}
  expect([status, output]).toEqual([0, expect.stringContaining('SUCCESS')])
})
