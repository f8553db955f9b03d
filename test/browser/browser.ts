/** The browser of the tests: the unpacked one, or, where there is none, an installed Chrome. */
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { inject } from 'vitest'

/** @returns why there is none, where there is none */
export async function launchBrowser(): Promise<Browser | string> {
  const folder = inject('unpackedBrowser')
  if (folder !== undefined) {
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      TMPDIR: folder,
      LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'),
      FONTCONFIG_FILE: join(folder, 'fonts.conf'),
    }
    return chromium.launch({ executablePath: join(folder, 'chromium'), env })
  }
  return chromium
    .launch({ channel: 'chrome' })
    .catch((error: Error) => `no Chrome on ${process.platform} ${process.arch}: ${error.message}`)
}
