/** The patterns in a real browser: their list, and the dashboard's bursts at them. */
import axe from 'axe-core'
import { expect, test } from 'vitest'
import { definedPatterns } from '../support/pattern-list.js'
import { describePage, fire, untilFired } from './page.js'

const defined = await definedPatterns()
const opened = defined.filter(({ method }) => method === 'GET').map(({ href }) => href)

await describePage('the patterns', (stage) => {
  const list = async (...options: Parameters<typeof stage.page>) => {
    const page = await stage.page(...options)
    await page.goto(`${stage.url()}/patterns`)
    return page
  }

  test('the list has a link to each that a browser can open, and a curl line of each', async () => {
    const page = await list()
    expect(await page.title()).toBe('Sluice: patterns')
    const links = page.locator('main a')
    const hrefs = await links.evaluateAll((all) => all.map((a) => a.getAttribute('href')))
    expect(hrefs).toEqual(opened)
    const lines = await page.locator('main code').allTextContents()
    expect(lines).toEqual(
      defined.map(({ curl }) => curl.replace('http://127.0.0.1:3000', stage.url())),
    )
  })

  test('a link leads to what its curl line shows', async () => {
    const page = await list()
    await page.getByRole('link', { name: 'a bounded channel' }).click()
    await page.getByText('Sender 2 waits: all 1 places are taken').waitFor()
  })

  test.each(['light', 'dark'] as const)(
    'axe finds nothing to object to, %s',
    async (colorScheme) => {
      const page = await list({ colorScheme })
      await page.evaluate(axe.source)
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: typeof axe }).axe.run(),
      )
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([])
    },
  )

  test.each([320, 390, 1280])('%d pixels are wide enough', async (width) => {
    const page = await list({ viewport: { width, height: 800 } })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
  })

  test('the keyboard reaches the links, and shows where it is', async () => {
    const page = await list()
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement
      return [element.getAttribute('href'), getComputedStyle(element).outlineStyle]
    })
    expect(focused).toEqual([opened[0], 'solid'])
  })

  test('the dashboard has a button for each that ends, and each answers', async () => {
    const page = await stage.open()
    await page.getByText('All patterns').click()
    const buttons = page.locator('#patterns button')
    await buttons.first().waitFor()
    const ending = opened.filter((href) => href !== '/patterns/broadcast')
    const names = ending.map((href) => href.replace('/patterns/', ''))
    expect(await buttons.allTextContents()).toEqual(names)
    await page.getByRole('radio', { name: '1', exact: true }).check({ force: true })
    for (const [index, href] of ending.entries()) {
      await buttons.nth(index).click()
      await untilFired(page, `1 × ${href}: 1 answered`)
    }
    // Two of them are answered 400 and 504, as they should be: a browser writes that down.
    stage.problems = stage.problems.filter((text) => !/status of (400|404|504)/.test(text))
  })

  test('a list that was refused is asked for again when it is opened again', async () => {
    stage.expected = /status of 503/
    const page = await stage.open()
    const refused = { status: 503, json: { code: 'SLUICE_CLOSED' } }
    await page.route('**/patterns', (route) => route.fulfill(refused), { times: 1 })
    const summary = page.getByText('All patterns')
    const answered = page.waitForResponse('**/patterns')
    await summary.click()
    await answered
    await summary.click()
    await summary.click()
    await page.locator('#patterns button').first().waitFor()
  })

  test('a time-out that is the pattern’s own answer is no rejection', async () => {
    const page = await stage.open()
    await fire(page, '/patterns/timeout', 5)
    await untilFired(page, '5 answered')
    stage.problems = stage.problems.filter((text) => !/status of 504/.test(text))
  })
})
