/** Every page over a populated system: that it can be used by everybody, asks nobody else and survives every answer. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { placesOf } from '../../scripts/dev/dashboard/places.ts'
import { populate } from '../../scripts/dev/dashboard/populate.ts'
import { startWorld, type World } from '../../scripts/dev/dashboard/world.ts'
import { launchBrowser } from '../demo/support/browser.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { violations } from './support/accessibility.ts'
import { openVisit, signIn } from './support/visit.ts'

let database: TestDatabase
let world: World
let browser: Browser
let places: [name: string, path: string][]

beforeAll(async () => {
  browser = await launchBrowser()
  database = await createTestDatabase()
  world = await startWorld({ databaseUrl: database.url })
  await populate(world, database.sql)
  places = await placesOf(database.sql)
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
  await database?.close()
})

describe.each(['light', 'dark'] as const)('in %s colours', (colorScheme) => {
  test('axe finds nothing on any page, and no page asks another origin or breaks its policy', async () => {
    const visit = await openVisit(browser, world, { colorScheme })
    const { page } = visit
    await page.goto(world.dashboard)
    await page.getByLabel('Key or token').waitFor()
    const found: Record<string, string[]> = { 'sign-in': await violations(page) }
    await signIn(page, world)
    for (const [name, path] of places) {
      await page.goto(world.dashboard + path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.waitForLoadState('networkidle')
      found[name] = await violations(page)
    }
    expect(Object.entries(found).filter(([, list]) => list.length > 0)).toEqual([])
    await visit.close()
  })
})

test('a page fits a window of 360 pixels without scrolling sideways', async () => {
  const visit = await openVisit(browser, world, { width: 360 })
  const { page } = visit
  await signIn(page, world)
  const tooWide: string[] = []
  for (const [name, path] of places) {
    await page.goto(world.dashboard + path)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.waitForLoadState('networkidle')
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    if (width > 360) tooWide.push(`${name} ${width}`)
  }
  expect(tooWide).toEqual([])
  await visit.close()
})

/** Goes to another page without loading the dashboard again, as its links do. */
const goWithin = (page: Page, url: string) =>
  page.evaluate((address) => {
    history.pushState(null, '', address)
    dispatchEvent(new PopStateEvent('popstate'))
  }, url)

const ODD_ANSWERS = ['null', '[]', '{}', '"text"', '<html>proxy</html>', '{"overview":{"counts":null}}']

test('no answer of the API blanks a page: the navigation stays, and the part says that it cannot be shown', async () => {
  const visit = await openVisit(browser, world)
  const { page, complaints } = visit
  await signIn(page, world)
  let odd = ''
  await page.route('**/dashboard/api/**', (route) =>
    route.fulfill({ status: 200, contentType: 'application/json', body: odd }),
  )
  for (const answer of ODD_ANSWERS) {
    odd = answer
    await page.goto(`${world.dashboard}test/overview`)
    for (const [, path] of places) {
      await goWithin(page, world.dashboard + path)
      await page.getByRole('navigation', { name: 'Pages' }).waitFor()
      await page.locator('main h1').waitFor()
      await page.getByRole('alert').first().waitFor()
    }
  }
  // React reports what a boundary caught.
  complaints.length = 0
  await visit.close()
})

test('hostile names are text, also as the title of a page', async () => {
  const visit = await openVisit(browser, world)
  const { page } = visit
  await signIn(page, world, 'test/customers')
  await page.getByRole('link', { name: '<img src=x onerror=alert(1)>' }).click()
  await page.getByRole('heading', { name: '<img src=x onerror=alert(1)>', level: 1 }).waitFor()
  expect(await page.locator('main img').count()).toBe(0)
  await visit.close()
})
