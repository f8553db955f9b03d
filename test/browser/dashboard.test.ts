/** The dashboard in a real browser: what it draws, what it tells, and how it heals. */
import type { JSHandle, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import type * as LaneCanvas from '../../public/dashboard/lane-canvas.js'
import type * as Lanes from '../../public/dashboard/lanes.js'
import { startServer } from '../support/server-process.js'
import { describePage, fire, untilFired, untilState } from './page.js'

const REFUSED = /net::ERR|Failed to load resource/

await describePage('the dashboard', (stage) => {
  describe('the timeline', () => {
    test('five at /limited are drawn as the staircase: two and three, two and one, one', async () => {
      const page = await stage.open()
      await fire(page, '/limited')
      await untilFired(page, '5 answered')
      await page.waitForTimeout(700)
      const columns = await columnsOf(page, 'GET /limited')
      const steps: { kind: string; width: number }[] = []
      for (const kind of columns) {
        const step = steps.at(-1)
        if (step?.kind === kind) step.width++
        else steps.push({ kind, width: 1 })
      }
      // A column or two may lie between the end of one request and the end of the other.
      const long = steps.filter(({ kind, width }) => width > 3 && kind !== '0 run, 0 wait')
      expect(long.map(({ kind }) => kind)).toEqual([
        '2 run, 3 wait',
        '2 run, 1 wait',
        '1 run, 0 wait',
      ])
      const widths = long.map(({ width }) => width)
      expect(Math.max(...widths) - Math.min(...widths)).toBeLessThanOrEqual(6)
    })

    test('/fast is drawn within the time that /slow takes', async () => {
      const page = await stage.open()
      await fire(page, '/slow', 1)
      await page.waitForTimeout(300)
      await fire(page, '/fast', 5)
      await untilFired(page, '5 × /fast: 5 answered')
      await page.waitForTimeout(1500)
      const drawn = async (route: string) => {
        const columns = await columnsOf(page, route)
        const isDrawn = (column: string) => column.startsWith('1 run')
        return [columns.findIndex(isDrawn), columns.findLastIndex(isDrawn)] as const
      }
      const [slow, fast] = [await drawn('GET /slow'), await drawn('GET /fast')]
      expect(slow[0]).toBeLessThan(fast[0])
      expect(fast[1]).toBeLessThan(slow[1])
      expect(slow[1] - slow[0]).toBeGreaterThan(20)
    })

    test('is a table, too: who came, waited, ran, and left', async () => {
      const page = await stage.open()
      await page.getByText('The last requests as a table').click()
      await fire(page, '/limited')
      await page.waitForTimeout(300)
      await page.getByRole('button', { name: 'Abort all' }).click()
      await untilFired(page, '5 left')
      const row = page.locator('#last tbody tr', { hasText: 'client left' }).first()
      await row.waitFor()
      expect(await row.textContent()).toMatch(/^GET \/limited\d\d:\d\d:\d\d.* ms.* msclient left$/)
      await page
        .getByRole('img', { name: /^GET \/limited: \d+ in the last 30 seconds, 0 in progress/ })
        .waitFor()
    })

    test.each([1, 1.5])(
      'moved to the left is as drawn anew, pixel by pixel: %d to one',
      async (deviceScaleFactor) => {
        const page = await stage.open({ deviceScaleFactor })
        // As text, since what is transformed for tests imports by other means.
        const load = (name: string) =>
          page.evaluateHandle(`import('${stage.url()}/dashboard/${name}.js')`)
        const lanes = (await load('lanes')) as JSHandle<typeof Lanes>
        const laneCanvas = (await load('lane-canvas')) as JSHandle<typeof LaneCanvas>
        const modules = { lanes, laneCanvas }
        const differences = await page.evaluate(({ lanes: { Lane }, laneCanvas: { drawLane } }) => {
          const canvases = [0, 1].map(() => {
            const canvas = document.createElement('canvas')
            canvas.style.width = '301px'
            return document.querySelector('main')?.appendChild(canvas) as HTMLCanvasElement
          })
          const [moved, anew] = canvases as [HTMLCanvasElement, HTMLCanvasElement]
          const lane = new Lane()
          const drawing = { lane, canvas: moved, drawn: undefined }
          const outcomes = ['answered', 'rejected', 'aborted'] as const
          let seed = 7
          const random = () => {
            seed = (seed * 16807) % 2147483647
            return seed / 2147483647
          }
          const common = { route: '/', status: 200, reason: undefined }
          const coming = Array.from({ length: 300 }, (_, n) => ({
            ...common,
            start: 1.7e12 + n * 150 + random() * 100,
            wait: n % 3 === 0 ? random() * 900 : 0,
            run: random() * 700,
            outcome: outcomes[n % 3] ?? 'answered',
          }))
          let compared = 0
          let differences = 0
          const compare = () => {
            const [one, other] = [moved, anew].map(
              (canvas) =>
                // Without the left edge, where ends and their marks go at different moments.
                canvas.getContext('2d')?.getImageData(8, 0, canvas.width - 8, canvas.height).data,
            )
            compared += one?.filter((value) => value > 0).length ?? 0
            differences += one?.filter((value, at) => value !== other?.[at]).length ?? 0
          }
          for (let now = 1.7e12; now < 1.7e12 + 45_000; now += 250) {
            const isOver = (one: (typeof coming)[number]) => one.start + one.wait + one.run <= now
            const begun = coming.filter(({ start }) => start <= now)
            const running = begun.filter((one) => !isOver(one))
            lane.update(
              running.map(({ start, wait }) => ({
                route: '/',
                start,
                wait: Math.min(wait, now - start),
                waiting: start + wait > now,
              })),
              begun.filter(isOver),
              now,
            )
            for (const one of begun.filter(isOver)) coming.splice(coming.indexOf(one), 1)
            const right = now - 350
            lane.prune(right - 30_000)
            drawLane(drawing, right, now)
            drawLane({ lane, canvas: anew, drawn: undefined }, right, now)
            compare()
          }
          // Eight rows are as high as eleven.
          const grown = { lane: new Lane(), canvas: moved, drawn: undefined }
          for (const [rows, now] of [
            [8, 1.8e12],
            [11, 1.8e12 + 250],
          ] as const) {
            const starts = Array.from({ length: rows }, (_, n) => 1.8e12 - 9000 + n)
            grown.lane.update(
              starts.map((start) => ({ route: '/', start, wait: 0, waiting: false })),
              [],
              now,
            )
            drawLane(grown, now - 350, now)
            drawLane({ ...grown, canvas: anew, drawn: undefined }, now - 350, now)
            compare()
          }
          return compared > 100_000 ? differences : `only ${compared} compared`
        }, modules)
        expect(differences).toBe(0)
      },
    )

    test('turns dark with the reader', async () => {
      const page = await stage.open()
      await fire(page, '/fast', 1)
      await untilFired(page, '1 answered')
      await page.waitForTimeout(600)
      await page.emulateMedia({ colorScheme: 'dark' })
      await page.waitForTimeout(300)
      const columns = await columnsOf(page, 'GET /fast')
      expect(columns).toContain('1 run, 0 wait')
    })
  })

  test('tells the figures of each limiter and route', async () => {
    const page = await stage.open()
    await fire(page, '/limited', 20)
    const row = page.locator('#limiters tbody tr').filter({ hasText: /^GET \/limited22[34]/ })
    await row.waitFor({ timeout: 5000 })
    await untilFired(page, 'answered')
    await page.getByRole('button', { name: 'Abort all' }).click()
    await untilFired(page, 'left')
    // Who left the queue is nobody that was rejected.
    const ended = page.locator('#limiters tbody tr').filter({ hasText: 'GET /limited' })
    await expect.poll(() => ended.locator('td').nth(6).textContent()).toMatch(/^[1-9]/)
    expect(await ended.locator('td').nth(7).textContent()).toBe('0')
    expect(await page.locator('#rejected').textContent()).toBe('0 in all')
    await expect.poll(() => page.locator('#aborted').textContent()).toMatch(/^[1-9]\d* in all$/)
    const reasons = page.getByRole('img', { name: /^Rejections a second, by reason/ })
    expect(await reasons.getAttribute('aria-label')).not.toContain('aborted')
    const waits = page.locator('#limiters tbody tr').filter({ hasText: 'GET /limited' })
    await expect.poll(() => waits.locator('td').nth(5).textContent()).toMatch(/^\d+ ms$/)
    const route = page.locator('#routes tbody tr').filter({ hasText: /^GET \/limited/ })
    await route.filter({ hasText: /^GET \/limited0(0\.[1-9]|[1-9])/ }).waitFor({ timeout: 5000 })
    const now = 'GET /limited, the last five minutes; now in flight 0, queued 0, limit 2'
    await page.getByRole('img', { name: now }).waitFor({ timeout: 5000 })
  })

  test('a drain and a restart of the server are told, and heal by themselves', async () => {
    stage.expected = REFUSED
    const first = await startServer({ TIME_SCALE: '0.2', DRAIN_DELAY_MS: '1500' })
    const shared = stage.server
    stage.server = first
    try {
      const page = await stage.open()
      await fire(page, '/limited')
      await untilFired(page, '5 answered')
      await page.waitForTimeout(1200)
      const before = await chartedOf(page)
      expect(before).toMatch(/^ *x+ *$/)
      first.child.kill('SIGTERM')
      await untilState(page, 'Draining')
      expect(await page.title()).toBe('Sluice: draining')
      await untilState(page, 'Drained, waiting for it to come back')
      await first.exit
      stage.server = await startServer({ TIME_SCALE: '0.2', PORT: String(first.port) })
      await untilState(page, 'Live')
      await page.locator('#uptime', { hasText: /up \d s/ }).waitFor()
      await fire(page, '/limited', 1)
      await untilFired(page, '1 answered')
      await page.waitForTimeout(1500)
      const after = await chartedOf(page)
      // What it knew before is still there, and what came since beside it, with a gap between.
      expect(after).toMatch(/^ *x+ +x+ *$/)
    } finally {
      if (stage.server !== first) {
        stage.server.child.kill()
        await stage.server.exit
      }
      stage.server = shared
    }
  })

  test('as long as it drains it is said to, and what it finishes goes on as the same bars', async () => {
    stage.expected = REFUSED
    const server = await startServer({ TIME_SCALE: '0.8' })
    const shared = stage.server
    stage.server = server
    try {
      const page = await stage.open()
      await fire(page, '/slow')
      await page.getByRole('img', { name: /^GET \/slow: 5 .* 5 in progress/ }).waitFor()
      // The stream ends at once, and is asked for again after two seconds.
      const streams = () =>
        page.evaluate(
          () =>
            performance.getEntriesByType('resource').filter(({ name }) => /stream/.test(name))
              .length,
        )
      server.child.kill('SIGTERM')
      await expect.poll(streams, { timeout: 4000 }).toBe(2)
      expect(await page.locator('#state').textContent()).toMatch(/^Draining/)
      await page.getByRole('img', { name: /^GET \/slow: 5 .* at most 5 at once/ }).waitFor()
      await untilFired(page, '5 answered')
      await untilState(page, 'Drained, waiting for it to come back')
      expect(await server.exit).toBe(0)
    } finally {
      server.child.kill('SIGKILL')
      await server.exit
      stage.server = shared
    }
  })

  test('a server that dies leaves nothing active behind', async () => {
    const shared = stage.server
    stage.expected = REFUSED
    const first = await startServer()
    stage.server = first
    try {
      const page = await stage.open()
      await fire(page, '/slow')
      const active = page.locator('#lanes small')
      await expect.poll(() => active.allTextContents()).toEqual(['5 active'])
      first.child.kill('SIGKILL')
      await untilState(page, 'Connection lost, trying again')
      await untilFired(page, '5 failed')
      stage.server = await startServer({ PORT: String(first.port) })
      await untilState(page, 'Live')
      await expect.poll(() => active.allTextContents()).toEqual([''])
    } finally {
      for (const { child, exit } of new Set([first, stage.server])) {
        child.kill('SIGKILL')
        await exit
      }
      stage.server = shared
    }
  })

  test('while nobody looks at it the server records nothing for it', async () => {
    const page = await stage.open()
    const watching = async () => {
      const snapshot = await (await fetch(`${stage.url()}/concurrency`)).json()
      const { routes } = snapshot as { routes: { route: string; active: number }[] }
      return routes.find(({ route }) => route === '/concurrency/stream')?.active
    }
    const turn = (to: string) =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'visibilityState', { value, configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))
      }, to)
    await expect.poll(watching).toBe(1)
    await turn('hidden')
    await expect.poll(watching).toBe(0)
    await turn('visible')
    await expect.poll(watching).toBe(1)
  })
})

/** Of each column of pixels of a lane, how many bars are drawn through it, and in which colour. */
async function columnsOf(page: Page, route: string): Promise<string[]> {
  return page.evaluate((name) => {
    const label = [...document.querySelectorAll<HTMLElement>('#lanes .label')]
    const lane = label.find(({ title }) => title === name)?.parentElement
    const canvas = lane?.querySelector('canvas') as HTMLCanvasElement
    const pen = canvas.getContext('2d') as CanvasRenderingContext2D
    const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height)
    const style = getComputedStyle(document.documentElement)
    const colour = (of: string) => {
      const hex = style.getPropertyValue(`--${of}`).trim()
      return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16))
    }
    const colours = { run: colour('run'), wait: colour('wait') }
    const isOf = (at: number, [r = 0, g = 0, b = 0]: number[]) =>
      data[at] === r && data[at + 1] === g && data[at + 2] === b && data[at + 3] === 255
    return Array.from({ length: width }, (_, x) =>
      Object.entries(colours)
        .map(([of, rgb]) => {
          let bars = 0
          let inside = false
          for (let y = 0; y < height; y++) {
            const here = isOf(4 * (y * width + x), rgb)
            if (here && !inside) bars++
            inside = here
          }
          return `${bars} ${of}`
        })
        .join(', '),
    )
  }, route)
}

/** Of each column of pixels of the event loop's chart, whether its line is drawn there. */
async function chartedOf(page: Page): Promise<string> {
  // Out of sight it is not drawn.
  await page.locator('figure', { hasText: 'Event loop busy' }).scrollIntoViewIfNeeded()
  await page.waitForTimeout(300)
  return page.evaluate(() => {
    const figures = [...document.querySelectorAll('figure')]
    const figure = figures.find((one) => one.textContent?.startsWith('Event loop busy'))
    const canvas = figure?.querySelector('canvas') as HTMLCanvasElement
    const pen = canvas.getContext('2d') as CanvasRenderingContext2D
    const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height)
    const isBlue = (at: number) => (data[at + 2] ?? 0) - (data[at] ?? 0) > 60
    // The axis with it, where the line of a loop at rest lies, but not its labels.
    const rows = Array.from({ length: height - 20 }, (_, y) => y)
    return Array.from({ length: width }, (_, x) =>
      x > 40 && rows.some((y) => isBlue(4 * (y * width + x))) ? 'x' : ' ',
    ).join('')
  })
}
