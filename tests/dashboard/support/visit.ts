/** The dashboard in a real Chromium, and what must never happen in it. */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { ADMIN_KEY, type World } from '../../../scripts/dev/dashboard/world.ts'

export type Visit = {
  page: Page
  context: BrowserContext
  /** Errors of scripts, requests to other origins and what the policy of the page refused. */
  complaints: string[]
  close(): Promise<void>
}

type VisitOptions = { colorScheme?: 'light' | 'dark'; width?: number }

/** What a browser reports of answers that a test expects: 4xx, and no answer while the server is stopped. */
const EXPECTED = /Failed to load resource/

/** Opens an empty tab of a new browser profile. `close` fails if anything was complained about. */
export async function openVisit(
  browser: Browser,
  world: World,
  { colorScheme = 'light', width = 1280 }: VisitOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    colorScheme,
    viewport: { width, height: 900 },
    reducedMotion: 'reduce',
    timezoneId: 'America/New_York',
    locale: 'en-US',
  })
  const page = await context.newPage()
  const complaints: string[] = []
  const { origin } = new URL(world.dashboard)
  await page.exposeFunction('reportViolation', (text: string) => complaints.push(`policy: ${text}`))
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      (globalThis as unknown as { reportViolation(text: string): void }).reportViolation(
        `${violatedDirective} ${blockedURI}`,
      ),
    )
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !EXPECTED.test(message.text())) complaints.push(message.text())
  })
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(origin) && !url.startsWith('data:') && !url.startsWith('blob:'))
      complaints.push(`request to ${url}`)
  })
  return {
    page,
    context,
    complaints,
    async close() {
      await context.close()
      expect(complaints).toEqual([])
    },
  }
}

/** Signs in with a key at an address of the dashboard, and waits for the page there. */
export async function signIn(page: Page, world: World, path = '', key = ADMIN_KEY): Promise<void> {
  await page.goto(world.dashboard + path)
  await page.getByLabel('Key or token').fill(key)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Search' }).waitFor()
}

/** Goes to another page without loading the dashboard again, as its links do, and waits until everything is loaded. */
export async function goWithin(page: Page, url: string): Promise<void> {
  await page.evaluate((address) => {
    history.pushState(null, '', address)
    dispatchEvent(new PopStateEvent('popstate'))
  }, url)
  await page.locator('main h1, main [role=alert]').first().waitFor()
  await page.waitForFunction(() => document.querySelector('main .animate-pulse, main .animate-spin') === null)
}
