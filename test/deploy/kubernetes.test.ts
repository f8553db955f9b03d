/** The manifests are what Kubernetes takes, and fit each other and the server. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'
import { Deployment } from 'kubernetes-models/apps/v1'
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { Service } from 'kubernetes-models/v1'
import { expect, test } from 'vitest'
import { buildApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { root } from '../support/readme.js'
import { type Manifest, manifests, readYaml, VARIABLES } from './files.js'

/** Each with the module that has its types. */
const MODELS = {
  Deployment: [Deployment, 'kubernetes-models/apps/v1'],
  HorizontalPodAutoscaler: [HorizontalPodAutoscaler, 'kubernetes-models/autoscaling/v2'],
  PodDisruptionBudget: [PodDisruptionBudget, 'kubernetes-models/policy/v1'],
  Service: [Service, 'kubernetes-models/v1'],
  ServiceMonitor: [
    ServiceMonitor,
    '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
  ],
} as const
type Kind = keyof typeof MODELS

/** Seconds after DRAIN_TIMEOUT_MS at which a process that does not end is ended. */
const HARD_STOP = 2

const of = <T extends Manifest>(kind: Kind): T =>
  manifests.find(([, manifest]) => manifest.kind === kind)?.[1] as T
const deployment = of<never>('Deployment') as Deployment
const pod = deployment.spec?.template?.spec
const container = pod?.containers[0]
const app = await buildApp({ TIME_SCALE: 0, LIMIT: 200 })
const env = new Map(container?.env?.map(({ name, value }) => [name, value]))

test('there is one manifest of each kind', () => {
  expect(manifests.map(([, { kind }]) => kind).sort()).toEqual(Object.keys(MODELS))
})

test.each(manifests)('%s is what Kubernetes takes', (_, manifest) => {
  const [Model] = MODELS[manifest.kind as Kind]
  const model = new Model(manifest as never)
  expect({ apiVersion: model.apiVersion, kind: model.kind }).toEqual({
    apiVersion: manifest.apiVersion,
    kind: manifest.kind,
  })
  expect(() => model.validate()).not.toThrow()
})

test('no manifest has a field that Kubernetes does not know', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(root, 'test', '.kubernetes-'))
  try {
    for (const [file, manifest] of manifests) {
      const [, module] = MODELS[manifest.kind as Kind]
      const code = `import type { I${manifest.kind} } from '${module}'\nexport const manifest: I${manifest.kind} = ${JSON.stringify(manifest)}\n`
      await writeFile(join(folder, `${file}.ts`), code)
    }
    const settings = { extends: '../../tsconfig.json', include: ['*.ts'] }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    throw new Error((error as { stdout?: string }).stdout || String(error))
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('what selects by labels selects the pods, and what names a port names one of theirs', () => {
  const labels = deployment.spec?.template?.metadata?.labels
  const { spec: service, metadata } = of<never>('Service') as Service
  const { spec: monitor } = of<never>('ServiceMonitor') as ServiceMonitor
  const { spec: budget } = of<never>('PodDisruptionBudget') as PodDisruptionBudget
  expect([
    deployment.spec?.selector?.matchLabels,
    service?.selector,
    metadata?.labels,
    budget?.selector?.matchLabels,
    monitor?.selector.matchLabels,
    ...(pod?.topologySpreadConstraints ?? []).map((spread) => spread.labelSelector?.matchLabels),
  ]).toEqual(Array(7).fill(labels))

  const named = new Map(container?.ports?.map(({ name, containerPort }) => [name, containerPort]))
  expect(named).toEqual(
    new Map([
      ['http', 3000],
      ['operators', Number(env.get('ADMIN_PORT'))],
    ]),
  )
  expect(service?.ports?.map(({ targetPort }) => targetPort)).toEqual([...named.keys()])
  const ofService = service?.ports?.map(({ name }) => name)
  expect(ofService).toEqual(
    expect.arrayContaining(monitor?.endpoints.map(({ port }) => port) ?? []),
  )
})

test('nothing is cut before the drain is over, and it is seen before it ends', () => {
  const before = container?.lifecycle?.preStop?.sleep?.seconds as number
  const drain = Number(env.get('DRAIN_TIMEOUT_MS')) / 1000
  expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(before + drain + HARD_STOP)
  const { periodSeconds = 0, failureThreshold = 0 } = container?.readinessProbe ?? {}
  const delay = Number(env.get('DRAIN_DELAY_MS')) / 1000
  expect(before + delay).toBeGreaterThan(periodSeconds * failureThreshold)
  expect(delay).toBeLessThan(drain)
})

test('the variables are known to the server, their values valid, and the address of the store a secret', () => {
  expect([...env.keys()].filter((name) => !VARIABLES.has(name))).toEqual([])
  expect(() => readConfig({ ...Object.fromEntries(env), STORE_URL: 'redis://store' })).not.toThrow()
  const url = container?.env?.find(({ name }) => name === 'STORE_URL')
  expect(url?.valueFrom?.secretKeyRef).toMatchObject({ name: 'sluice-store' })
})

test('a pod is nobody in particular, and writes nowhere but in /tmp', () => {
  expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 })
  expect(container?.securityContext).toMatchObject({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  expect(container?.volumeMounts?.map(({ mountPath }) => mountPath)).toEqual(['/tmp'])
})

test('the autoscaler scales this Deployment, on metrics that there are and the adapter hands on', async () => {
  const { spec } = of<never>('HorizontalPodAutoscaler') as HorizontalPodAutoscaler
  expect(spec?.scaleTargetRef).toMatchObject({
    kind: 'Deployment',
    name: deployment.metadata?.name,
  })
  const metrics = spec?.metrics?.map(({ pods }) => pods?.metric.name)
  const { rules } = readYaml<Adapter>('prometheus-adapter.yaml')
  expect(rules.custom.map(({ seriesQuery }) => seriesQuery.split('{')[0])).toEqual(metrics)
  const { body } = await app.inject('/metrics')
  expect(body).toContain('\nconcurrency_in_flight{limiter="app"} ')
  expect(body).toContain('\nnodejs_eventloop_utilization ')
})

test('the probes ask what the server answers: liveness while it drains, readiness until then', async () => {
  const { startupProbe, livenessProbe, readinessProbe } = container ?? {}
  const paths = [startupProbe, livenessProbe, readinessProbe].map((probe) => {
    expect(probe?.httpGet?.port).toBe('http')
    return probe?.httpGet?.path as string
  })
  const codes = () =>
    Promise.all(paths.map(async (path) => (await app.inject(path ?? '')).statusCode))
  expect(await codes()).toEqual([200, 200, 200])
  const drained = app.concurrency.drain({ delay: 1000 })
  expect(await codes()).toEqual([200, 200, 503])
  await Promise.all([drained, app.close()])
})

interface Adapter {
  rules: { custom: { seriesQuery: string }[] }
}
