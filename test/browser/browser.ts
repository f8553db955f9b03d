/**
 * A real browser, from an npm package, so that nothing has to be installed: it unpacks itself, with
 * all that it needs of a Linux system, into a folder of its own. Elsewhere it is an installed Chrome.
 */
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const { devDependencies } = createRequire(import.meta.url)('../../package.json') as {
  devDependencies: Record<string, string>
}

/** @returns why there is none, where there is none */
export async function launchBrowser(): Promise<Browser | string> {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  if (process.platform === 'linux' && process.arch === 'x64' && header.glibcVersionRuntime) {
    const folder = await unpack()
    const env = {
      PATH: process.env.PATH ?? '',
      LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'),
      FONTCONFIG_PATH: join(folder, 'fonts'),
    }
    return chromium.launch({ executablePath: join(folder, 'chromium'), env })
  }
  return chromium
    .launch({ channel: 'chrome' })
    .catch((error: Error) => `no Chrome on ${process.platform} ${process.arch}: ${error.message}`)
}

/** Under a name of its own until it is complete: others may be at it, too. */
async function unpack(): Promise<string> {
  const folder = join(tmpdir(), `sluice-chromium-${devDependencies['@sparticuz/chromium']}`)
  if (existsSync(folder)) return folder
  const own = `${folder}.${process.pid}`
  await mkdir(own, { recursive: true })
  const before = { ...process.env }
  // What it looks at: where to unpack, and whether the system's libraries are to be brought along.
  Object.assign(process.env, { TMPDIR: own, AWS_LAMBDA_JS_RUNTIME: 'nodejs20.x' })
  try {
    const { default: packed } = await import('@sparticuz/chromium')
    await packed.executablePath()
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  }
  await rename(own, folder).catch(() => rm(own, { recursive: true }))
  return folder
}
