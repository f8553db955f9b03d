/**
 * A real browser, from an npm package, so that nothing has to be installed: it unpacks itself, with
 * all that it needs of a Linux system, into a folder of its own. Elsewhere it is an installed Chrome.
 */
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { unpackedBrowser } from './unpacked.js'

/** @returns why there is none, where there is none */
export async function launchBrowser(): Promise<Browser | string> {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  if (process.platform === 'linux' && process.arch === 'x64' && header.glibcVersionRuntime) {
    const folder = await unpackedBrowser()
    const env = {
      PATH: process.env.PATH ?? '',
      LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'),
      FONTCONFIG_FILE: join(folder, 'fonts.conf'),
    }
    return chromium.launch({ executablePath: join(folder, 'chromium'), env })
  }
  return chromium
    .launch({ channel: 'chrome' })
    .catch((error: Error) => `no Chrome on ${process.platform} ${process.arch}: ${error.message}`)
}
