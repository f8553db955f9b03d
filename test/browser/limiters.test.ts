/** The dashboard tells what limits that find themselves see, and hints at one that is far too low. */
import { expect, test } from 'vitest'
import { startServer } from '../support/server-process.js'
import { describePage, fire, type Stage, untilFired } from './page.js'

async function withServer(
  stage: Stage,
  env: Record<string, string>,
  act: () => Promise<void>,
): Promise<void> {
  const shared = stage.server
  stage.server = await startServer(env)
  try {
    await act()
  } finally {
    // Whoever is still there would see it go.
    await Promise.all(stage.browser.contexts().map((context) => context.close()))
    stage.server.child.kill('SIGKILL')
    await stage.server.exit
    stage.server = shared
  }
}

await describePage('what the limiters see', (stage) => {
  test('each route’s own limit, why it moved, and what a request takes of the loop', () =>
    withServer(stage, { LIMIT: 'auto' }, async () => {
      const page = await stage.open()
      await fire(page, '/fast', 20)
      await untilFired(page, '20 answered')
      const found = page.locator('#found tbody tr').filter({ hasText: /^GET \/fast/ })
      await expect
        .poll(() => found.locator('td').allTextContents())
        .toEqual([
          '50',
          'floats',
          expect.stringMatching(/^(–|nothing queues)$/),
          '0',
          '0',
          ...[1, 2, 3].map(() => expect.stringMatching(/^[\d.]+ m?s$/)),
          expect.stringMatching(/^[\d.,]+$/),
        ])
      const loop = page.locator('#loop tbody tr').filter({ hasText: /^GET \/fast/ })
      await expect.poll(() => loop.locator('td').first().textContent()).toMatch(/^[\d.]+ ms$/)
      const said = await page.locator('#loop caption').textContent()
      // A machine that is busy makes a loop late.
      expect(said).toMatch(
        /^What is due waits [\d.]+ ms .* may need (as much as there is|at most [\d.]+ ms)\.$/,
      )
    }))

  test('who sets every limit by hand is shown no table of what was found', async () => {
    const page = await stage.open()
    await page.locator('#limiters tbody tr').first().waitFor()
    expect(await page.locator('#found').isVisible()).toBe(false)
    expect(await page.locator('#loop').isVisible()).toBe(false)
    expect(await page.locator('#hints').isVisible()).toBe(false)
  })

  test('a limit that holds back while the loop has time is hinted at, and no longer than it does', () =>
    withServer(stage, { TIME_SCALE: '1' }, async () => {
      const page = await stage.open()
      await fire(page, '/limited', 20)
      const hint = page.locator('#hints li')
      await hint.filter({ hasText: /^GET \/limited is full at 2, .* far too low/ }).waitFor()
      await page.getByRole('button', { name: 'Abort all' }).click()
      await hint.waitFor({ state: 'detached', timeout: 10_000 })
    }))
})
