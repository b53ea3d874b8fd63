/** Every page over a populated system: that it can be used by everybody, asks nobody else and survives every answer. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROUTES } from '../../functions/dashboard/api/routes.ts'
import { placesOf } from '../../scripts/dev/dashboard/places.ts'
import { populate } from '../../scripts/dev/dashboard/populate.ts'
import { startWorld, type World } from '../../scripts/dev/dashboard/world.ts'
import { launchBrowser } from '../demo/support/browser.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { violations } from './support/accessibility.ts'
import { goWithin, openVisit, signIn } from './support/visit.ts'

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

test('axe finds nothing on any page in light and in dark, and no page asks another origin or breaks its policy', async () => {
  const visit = await openVisit(browser, world)
  const { page } = visit
  const found: string[] = []
  const check = async (name: string) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      found.push(...(await violations(page)).map((problem) => `${name}, ${colorScheme}: ${problem}`))
    }
  }
  await page.goto(world.dashboard)
  await page.getByLabel('Key or token').waitFor()
  await check('sign-in')
  await signIn(page, world)
  for (const [name, path] of places) {
    await goWithin(page, world.dashboard + path)
    await check(name)
  }
  expect(found).toEqual([])
  await visit.close()
}, 180_000)

test('every page fits windows of 360 and of 2560 pixels without scrolling sideways', async () => {
  const visit = await openVisit(browser, world)
  const { page } = visit
  await signIn(page, world)
  const tooWide: string[] = []
  for (const [name, path] of places) {
    await goWithin(page, world.dashboard + path)
    for (const width of [360, 2560]) {
      await page.setViewportSize({ width, height: 900 })
      // The page lays itself out anew with the next frame.
      const needed = await page.evaluate(
        () =>
          new Promise<number>((done) =>
            requestAnimationFrame(() =>
              requestAnimationFrame(() => done(document.documentElement.scrollWidth)),
            ),
          ),
      )
      if (needed > width) tooWide.push(`${name} needs ${needed} of ${width}`)
    }
  }
  expect(tooWide).toEqual([])
  await visit.close()
})

/** Everything that some answer has at its top, each with a value that none of them may have. */
const everyField = (value: unknown) =>
  JSON.stringify(
    Object.fromEntries(Object.values(ROUTES).flatMap(([, , fields]) => fields.map((name) => [name, value]))),
  )

const ODD_ANSWERS = ['<html>proxy</html>', everyField(null), everyField([null])]

test('no answer of the API blanks a page: its title or an error stays, and so does the navigation', async () => {
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
    }
  }
  // React reports what a boundary caught.
  complaints.length = 0
  await visit.close()
})

test('hostile names are text, as the title of a page and in the payload of an event', async () => {
  const visit = await openVisit(browser, world)
  const { page } = visit
  await signIn(page, world, 'test/customers')
  await page.getByRole('link', { name: '<img src=x onerror=alert(1)>' }).click()
  await page.getByRole('heading', { name: '<img src=x onerror=alert(1)>', level: 1 }).waitFor()
  expect(await page.locator('main img').count()).toBe(0)

  await page.getByRole('link', { name: 'customer.created' }).click()
  await page.getByText('"name": "<img src=x onerror=alert(1)>"').waitFor()
  expect(await page.locator('main img').count()).toBe(0)
  await visit.close()
})
