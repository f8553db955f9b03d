/**
 * The browser's files, unpacked once for all runs. What lies in the temporary folder is anybody's and
 * may be half gone, so that it is known by what is in it: a list of all its files and their sizes,
 * written when all were there, under the digest of what they were unpacked from.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

const LIST = 'files.json'
/** Not of the package: what fontconfig makes for itself. */
const CACHE = 'font-cache'

/** @returns the folder that has `chromium`, `al2023/lib`, and `fonts.conf` for the fonts beside it */
export async function unpackedBrowser(): Promise<string> {
  const folder = join(tmpdir(), `sluice-chromium-${(await digestOfPackage()).slice(0, 16)}`)
  if (await isWhole(folder)) return folder
  // Under a name of its own until it is complete: others may be at it, too.
  const own = await mkdtemp(join(tmpdir(), 'sluice-chromium-new-'))
  await unpackInto(own)
  await writeFontsConfig(own, folder)
  await writeFile(join(own, LIST), JSON.stringify(await sizesIn(own)))
  await rm(folder, { recursive: true, force: true })
  await rename(own, folder).catch(async (error) => {
    await rm(own, { recursive: true })
    // Another was faster.
    if (!(await isWhole(folder))) throw error
  })
  return folder
}

async function digestOfPackage(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium')
  const packed = join(entry.slice(0, entry.lastIndexOf('build')), 'bin')
  const hash = createHash('sha256')
  for (const name of (await readdir(packed)).sort()) {
    hash.update(name)
    for await (const chunk of createReadStream(join(packed, name))) hash.update(chunk)
  }
  return hash.digest('hex')
}

async function unpackInto(folder: string): Promise<void> {
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
}

/** The package's own names a folder that its fonts are not in, and a browser without fonts draws no text. */
async function writeFontsConfig(own: string, folder: string): Promise<void> {
  await mkdir(join(own, CACHE))
  await writeFile(
    join(own, 'fonts.conf'),
    `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(folder, 'fonts')}</dir>
  <cachedir>${join(folder, CACHE)}</cachedir>
</fontconfig>
`,
  )
}

async function isWhole(folder: string): Promise<boolean> {
  try {
    const list = JSON.parse(await readFile(join(folder, LIST), 'utf8')) as Record<string, number>
    const { size } = Object.keys(list).length > 0 ? await stat(folder) : { size: 0 }
    const all = Object.entries(list).map(async ([name, bytes]) => {
      return (await stat(join(folder, name))).size === bytes
    })
    return size > 0 && (await Promise.all(all)).every(Boolean)
  } catch {
    return false
  }
}

async function sizesIn(folder: string): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const name = relative(folder, path)
    if (dirname(name) !== CACHE) sizes[name] = (await stat(path)).size
  }
  return sizes
}
