/** The pages of a server of its own, opened in the browser, with what goes wrong in them. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { launchBrowser } from './browser.js'

export interface Stage {
  browser: Browser
  server: ServerProcess
  /** Errors of the console and the page, and requests to other hosts; none is expected. */
  problems: string[]
  /** What a test expects all the same: a browser writes down each connection that is refused. */
  expected: RegExp | undefined
  url(): string
  /** An empty page. */
  page(options?: BrowserContextOptions): Promise<Page>
  /** The dashboard; resolves once it is live. */
  open(options?: BrowserContextOptions): Promise<Page>
}

/** Tests with a page, or one that is skipped where there is no browser. */
export async function describePage(name: string, define: (stage: Stage) => void): Promise<void> {
  const found = await launchBrowser()
  const without = typeof found === 'string' ? `: skipped, ${found}` : ''
  describe.skipIf(without !== '')(`${name}${without}`, { timeout: 60_000 }, () => {
    const browser = found as Browser
    const stage: Stage = {
      browser,
      server: undefined as unknown as ServerProcess,
      problems: [],
      expected: undefined,
      url: () => `http://127.0.0.1:${stage.server.port}`,
      async page(options = {}) {
        const context = await browser.newContext({ locale: 'en-US', ...options })
        const page = await context.newPage()
        page.on('console', (message) => {
          if (message.type() === 'error') stage.problems.push(message.text())
        })
        page.on('pageerror', (error) => stage.problems.push(String(error.stack)))
        page.on('request', (request) => {
          const asked = request.url()
          if (!asked.startsWith(stage.url())) stage.problems.push(`asked for ${asked}`)
        })
        return page
      },
      async open(options) {
        const page = await stage.page(options)
        await page.goto(`${stage.url()}/dashboard`)
        await untilState(page, 'Live')
        return page
      },
    }
    beforeAll(async () => {
      stage.server = await startServer({ TIME_SCALE: '0.2' })
    })
    afterAll(async () => {
      await browser.close()
      stage.server.child.kill()
      await stage.server.exit
    })
    afterEach(async () => {
      await Promise.all(browser.contexts().map((context) => context.close()))
      const { expected } = stage
      stage.expected = undefined
      expect(stage.problems.splice(0).filter((text) => !expected?.test(text))).toEqual([])
    })
    define(stage)
  })
}

export const untilState = (page: Page, text: string): Promise<void> =>
  page.locator('#state', { hasText: text }).waitFor({ timeout: 15_000 })

/** Clicks a burst. */
export async function fire(page: Page, path: string, amount = 5): Promise<void> {
  await page.getByRole('radio', { name: String(amount), exact: true }).check({ force: true })
  await page.getByRole('button', { name: path, exact: true }).click()
}

/** What the page says of the burst. */
export const untilFired = (page: Page, text: string): Promise<void> =>
  page.locator('#fired', { hasText: text }).waitFor({ timeout: 10_000 })
