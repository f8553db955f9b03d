/**
 * A real browser, from an npm package, so that nothing has to be installed: for each run of the tests
 * it is unpacked, with all that it needs of a Linux system, into a folder of that run's own. Nothing
 * that an earlier run left is taken for it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the browser was unpacked; undefined where the package has none for this system. */
    unpackedBrowser: string | undefined
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  const isPacked =
    process.platform === 'linux' && process.arch === 'x64' && header.glibcVersionRuntime
  if (!isPacked) {
    provide('unpackedBrowser', undefined)
    return async () => {}
  }
  const folder = await mkdtemp(join(tmpdir(), 'sluice-chromium-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  await unpack(folder).catch(async (error: unknown) => {
    await remove()
    throw error
  })
  provide('unpackedBrowser', folder)
  return remove
}

async function unpack(folder: string): Promise<void> {
  const before = { ...process.env }
  // What it looks at: where to unpack, and whether the system's libraries are to be brought along.
  Object.assign(process.env, { TMPDIR: folder, AWS_LAMBDA_JS_RUNTIME: 'nodejs20.x' })
  try {
    const { default: packed } = await import('@sparticuz/chromium')
    await packed.executablePath()
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  }
  await writeFile(join(folder, 'fonts.conf'), fontsConfig(folder))
}

/** The package's own names folders that its fonts are not in, and without a font all text is 0 px wide. */
function fontsConfig(folder: string): string {
  const inside = (name: string) =>
    join(folder, name).replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${inside('fonts')}</dir>
  <cachedir>${inside('fonts-cache')}</cachedir>
</fontconfig>
`
}
