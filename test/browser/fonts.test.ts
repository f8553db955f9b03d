/** What every other test of a page leans on: the browser has fonts, wherever it was unpacked. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser } from './browser.js'

let browser: Browser | string

beforeAll(async () => {
  browser = await launchBrowser()
}, 60_000)

afterAll(async () => {
  if (typeof browser !== 'string') await browser.close()
})

test('words have a width, a longer one more, and bold ones more', async (context) => {
  if (typeof browser === 'string') return context.skip(browser)
  const page = await browser.newPage()
  await page.setContent(`
    <span id="short">word</span><br>
    <span id="long">a few words more</span><br>
    <code id="code">word</code><br>
    <b id="bold">word</b>`)
  const widthOf = async (id: string): Promise<number> =>
    (await page.locator(`#${id}`).boundingBox())?.width ?? 0
  const [short, long, code] = [await widthOf('short'), await widthOf('long'), await widthOf('code')]
  expect(short).toBeGreaterThan(15)
  expect(long).toBeGreaterThan(2 * short)
  expect(code).toBeGreaterThan(15)
  expect(await widthOf('bold')).toBeGreaterThan(short)
  await page.close()
})
