/** The files of `deploy/`, parsed as far as the tests look into them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { schema } from '../../src/config.js'
import { root } from '../support/readme.js'

export const deploy: string = join(root, 'deploy')

/** What the server's environment may hold. */
export const VARIABLES: ReadonlySet<string> = new Set(Object.keys(schema.properties))

export interface Service {
  image: string
  ports?: string[]
  environment?: Record<string, string | number>
  configs?: { source: string; target: string }[]
}

export interface Compose {
  'x-server': Service & { stop_grace_period: string; environment: Record<string, string | number> }
  services: Record<string, Service>
  configs: Record<string, { file: string }>
}

export function readYaml<T>(file: string): T {
  return parse(readFileSync(join(deploy, file), 'utf8'), { merge: true }) as T
}

export const compose: Compose = readYaml('compose.yaml')

export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string }
  spec: unknown
}

/** All documents of all files, each with the name of its file. */
export const manifests: readonly (readonly [string, Manifest])[] = readdirSync(
  join(deploy, 'kubernetes'),
)
  .sort()
  .flatMap((file) =>
    parseAllDocuments(readFileSync(join(deploy, 'kubernetes', file), 'utf8')).map(
      (document) => [file, document.toJS() as Manifest] as const,
    ),
  )
