/** Who can use the dashboard: by sight or by ear, by mouse or keyboard, on a phone, on a slow line. */
import type { AddressInfo } from 'node:net'
import axe from 'axe-core'
import { fastify } from 'fastify'
import { expect, test } from 'vitest'
import dashboard from '../../routes/operators/dashboard.js'
import streamRoutes from '../../routes/operators/stream.js'
import { PUBLIC_FOLDER } from '../../src/app.js'
import sluice from '../../src/sluice/index.js'
import { describePage, fire, untilFired, untilState } from './page.js'

await describePage('the dashboard', (stage) => {
  test.each(['light', 'dark'] as const)(
    'axe finds nothing to object to, %s',
    async (colorScheme) => {
      const page = await stage.open({ colorScheme })
      await page.getByText('The last requests as a table').click()
      await fire(page, '/limited')
      await untilFired(page, '5 answered')
      await page.waitForTimeout(700)
      await page.evaluate(axe.source)
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: typeof axe }).axe.run(),
      )
      expect(
        violations.map(({ id, impact, nodes }) => [id, impact, nodes.map(({ html }) => html)]),
      ).toEqual([])
    },
  )

  test('the keyboard reaches the bursts, and shows where it is', async () => {
    const page = await stage.open()
    const focused = () =>
      page.evaluate(() => {
        const element = document.activeElement as HTMLElement
        const label = element.closest('label')
        const outlined = label?.querySelector('span') ?? element
        return [label?.textContent ?? element.textContent, getComputedStyle(outlined).outlineStyle]
      })
    await page.keyboard.press('Tab')
    expect(await focused()).toEqual(['5', 'solid'])
    await page.keyboard.press('ArrowLeft')
    expect(await focused()).toEqual(['1', 'solid'])
    await page.keyboard.press('Tab')
    expect(await focused()).toEqual(['/limited', 'solid'])
    await page.keyboard.press('Enter')
    await untilFired(page, '1 × /limited: 1 answered')
  })

  test.each([320, 390, 1280])('%d pixels are wide enough', async (width) => {
    const page = await stage.open({ viewport: { width, height: 800 } })
    await fire(page, '/limited', 1)
    await untilFired(page, '1 answered')
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
  })

  test('a table that is wider than a phone shows that it goes on, and the keyboard gets there', async () => {
    const page = await stage.open({ viewport: { width: 390, height: 800 } })
    const box = page.getByLabel('The figures of each limiter')
    await box.locator('tbody tr').first().waitFor()
    // The page itself may show no picture but its own.
    const looker = await page.context().newPage()
    const overflow = () => box.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)
    expect(await overflow()).toBeGreaterThan(50)
    /** How dark the last pixels before an edge are, beside the middle: 0 where there is no shadow. */
    const shadowAt = async (edge: 'left' | 'right'): Promise<number> => {
      const png = (await box.screenshot()).toString('base64')
      return looker.evaluate(
        async ([data, side]) => {
          const image = new Image()
          image.src = `data:image/png;base64,${data}`
          await image.decode()
          const canvas = new OffscreenCanvas(image.width, image.height)
          const pen = canvas.getContext('2d') as OffscreenCanvasRenderingContext2D
          pen.drawImage(image, 0, 0)
          // Most of a column is its ground, whatever is written there.
          const ground = (x: number): number => {
            const { data: pixels } = pen.getImageData(x, 0, 1, image.height)
            const reds = pixels.filter((_, index) => index % 4 === 0).sort()
            return reds[reds.length >> 1] as number
          }
          return ground(image.width >> 1) - ground(side === 'left' ? 1 : image.width - 2)
        },
        [png, edge] as const,
      )
    }
    expect(await shadowAt('right')).toBeGreaterThan(20)
    expect(await shadowAt('left')).toBeLessThan(5)
    await box.focus()
    for (let press = 0; press < 40; press++) await page.keyboard.press('ArrowRight')
    await expect.poll(() => box.evaluate(({ scrollLeft }) => scrollLeft)).toBeGreaterThan(50)
    await expect.poll(() => shadowAt('left')).toBeGreaterThan(20)
    await page.setViewportSize({ width: 1280, height: 800 })
    expect(await overflow()).toBe(0)
    expect(await shadowAt('right')).toBeLessThan(5)
  })

  test.each([320, 390])(
    'at %d pixels what is cut scrolls by keyboard or tells the whole, and no name breaks within a word',
    async (width) => {
      const page = await stage.open({ viewport: { width, height: 800 } })
      await page.getByText('The last requests as a table').click()
      for (const path of ['/limited', '/patterns/composition/concurrent']) {
        await fire(page, path, 1)
        await untilFired(page, '1 answered')
      }
      await page.locator('#last tbody tr', { hasText: 'concurrent' }).waitFor()
      await page.locator('#limiters tbody tr', { hasText: 'broadcast' }).waitFor()
      const { cut, scrolling, whole, broken } = await page.evaluate(() => {
        const all = [...document.querySelectorAll<HTMLElement>('body *')]
        const wider = all.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
        const inBoxes = wider.filter((one) => getComputedStyle(one).overflowX !== 'visible')
        const isWhole = (one: HTMLElement) =>
          one.title !== '' || (one.matches('.wide[aria-label]') && one.tabIndex === 0)
        const names = all.filter((one) => one.matches('tbody th'))
        const texts = names.flatMap((one) =>
          [...one.childNodes].filter((node) => node.nodeType === 3),
        )
        const words = texts.flatMap((text) =>
          // Behind a hyphen a word may break anywhere.
          [...String(text.nodeValue).matchAll(/[^ /-]+/g)].map(({ 0: word, index }) => {
            const range = document.createRange()
            range.setStart(text, index)
            range.setEnd(text, index + word.length)
            return [word, range.getClientRects().length] as const
          }),
        )
        return {
          cut: inBoxes.filter((one) => !isWhole(one)).map((one) => one.outerHTML.slice(0, 80)),
          scrolling: inBoxes.filter((one) => one.matches('.wide')).length,
          whole: words.filter(([, lines]) => lines === 1).map(([word]) => word),
          broken: words.filter(([, lines]) => lines !== 1).map(([word]) => word),
        }
      })
      expect(cut).toEqual([])
      expect(scrolling).toBe(3)
      expect(whole).toContain('concurrent')
      expect(broken).toEqual([])
    },
  )

  test.each([390, 1280])(
    'a name is text, and takes no more room than there is: %d',
    async (width) => {
      const app = fastify()
      await app.register(sluice)
      await app.register(streamRoutes)
      await app.register(dashboard, { folder: PUBLIC_FOLDER })
      const names = ['/<img src=x onerror=alert(1)>', `/${'long'.repeat(80)}`]
      for (const name of names) {
        app.get(name, { config: { concurrency: 1 } }, async () => 'ok')
      }
      await app.listen({ host: '127.0.0.1', port: 0 })
      const { port } = app.server.address() as AddressInfo
      const shared = stage.server
      stage.server = { ...shared, port }
      try {
        const page = await stage.open({ viewport: { width, height: 800 } })
        for (const url of names) await app.inject({ url: encodeURI(url) })
        const [, label] = names as [string, string]
        await page.locator('#lanes .label', { hasText: label }).waitFor()
        await page.locator('#limiters tbody th', { hasText: label }).waitFor()
        expect(await page.locator('figure .name').allTextContents()).toEqual(
          expect.arrayContaining(names.map((name) => `GET ${name}`)),
        )
        expect(await page.locator('img').count()).toBe(0)
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
      } finally {
        stage.server = shared
        await app.concurrency.drain({ timeout: 0 })
        await app.close()
      }
    },
  )

  test('a language that Intl refuses is no obstacle to its charts', async () => {
    const page = await stage.open()
    await page.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, 'language', {
        get: () => 'en-US@posix',
        configurable: true,
      })
    })
    await page.reload()
    await untilState(page, 'Live')
    const limited = page.locator('#limiter-charts figure', { hasText: 'GET /limited' })
    await limited.locator('canvas').waitFor()
    expect(await limited.locator('.legend').textContent()).toMatch(/^in flight \dqueued \dlimit 2$/)
  })

  test('all of it takes less than 100 KB on the wire', async () => {
    const context = await stage.browser.newContext({ locale: 'en-US' })
    const page = await context.newPage()
    const session = await context.newCDPSession(page)
    await session.send('Network.enable')
    let bytes = 0
    let files = 0
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength
      files++
    })
    await page.goto(`${stage.url()}/dashboard`)
    await untilState(page, 'Live')
    await page.waitForTimeout(500)
    expect(files).toBeGreaterThan(10)
    expect(bytes).toBeGreaterThan(10_000)
    expect(bytes).toBeLessThan(100_000)
  })
})
