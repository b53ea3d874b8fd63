/** Who gets in, what a reader may do, and what happens when the session or the server goes away. */
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ADMIN_KEY, READ_KEY, startWorld, type World } from '../../scripts/dev/dashboard/world.ts'
import { launchBrowser } from '../demo/support/browser.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { openVisit, signIn, type Visit } from './support/visit.ts'

let database: TestDatabase
let world: World
let browser: Browser
let visit: Visit

beforeAll(async () => {
  browser = await launchBrowser()
  database = await createTestDatabase()
  world = await startWorld({ databaseUrl: database.url, basePath: '/billing/v1' })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
  await database?.close()
})
beforeEach(async () => {
  visit = await openVisit(browser, world)
})
afterEach(() => visit.close())

test('an ended session leads to the form, and signing in leads back to the same filters', async () => {
  const { page, context } = visit
  await signIn(page, world, 'test/events?status=failed&type=invoice.paid')
  await page.getByRole('heading', { name: 'Events', level: 1 }).waitFor()
  const address = page.url()
  await context.clearCookies()

  await page.getByText('Your session has ended.').waitFor()
  await page.getByLabel('Key or token').fill(ADMIN_KEY)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Events', level: 1 }).waitFor()
  expect(page.url()).toBe(address)
  expect(await page.getByLabel('Status').inputValue()).toBe('failed')
})

test('a login link signs in once, and its code leaves the address at once', async () => {
  const { page } = visit
  const link = new URL((await world.dashboardLink()) ?? '')
  await page.goto(`${world.dashboard}${link.hash}`)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  expect(page.url()).toBe(`${world.dashboard}test/overview`)

  const second = await openVisit(browser, world)
  await second.page.goto(`${world.dashboard}${link.hash}`)
  await second.page.getByText('The link was used already').waitFor()
  expect(new URL(second.page.url()).hash).toBe('')
  await second.close()
})

test('signing out ends the session, and a reload asks for the key again', async () => {
  const { page } = visit
  await signIn(page, world)
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await page.reload()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(await page.getByText('Your session has ended.').count()).toBe(0)
})

test('no key and no token is kept in the storage of the browser or in its address', async () => {
  const { page, context } = visit
  await signIn(page, world)
  const kept = await page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href]),
  )
  expect(kept).not.toContain(ADMIN_KEY)
  expect(await page.evaluate(() => document.cookie)).toBe('')
  const cookies = await context.cookies()
  expect(cookies.map(({ httpOnly, sameSite, path }) => ({ httpOnly, sameSite, path }))).toEqual([
    { httpOnly: true, sameSite: 'Strict', path: '/billing/v1/dashboard' },
  ])
})

test('a reader sees the controls, cannot use them, and is told why', async () => {
  const { page } = visit
  await signIn(page, world, 'test/catalogue', READ_KEY)
  const create = page.getByRole('button', { name: 'New product' })
  await create.waitFor()
  expect(await create.getAttribute('aria-disabled')).toBe('true')
  await create.focus()
  await page.getByRole('tooltip').getByText('Your key may only read.').waitFor()
  await page.keyboard.press('Enter')
  expect(await page.getByRole('dialog').count()).toBe(0)
})

test('the first load of the overview, with its font and its plot, is under 250 kB', async () => {
  const { page } = visit
  const sizes: number[] = []
  page.on('requestfinished', async (request) => {
    if (request.url().includes('/dashboard/api/')) return
    sizes.push((await request.sizes()).responseBodySize)
  })
  await signIn(page, world)
  await page.getByRole('heading', { name: 'Set up' }).waitFor()
  await page.waitForLoadState('networkidle')
  const total = sizes.reduce((sum, size) => sum + size, 0)
  expect(sizes.length).toBeGreaterThan(5)
  expect(total).toBeGreaterThan(100_000)
  expect(total).toBeLessThan(250_000)
})

test('a lost connection is shown, and the page recovers by itself', async () => {
  const { page } = visit
  await signIn(page, world, 'test/events')
  await page.getByText('No event has arrived yet.').waitFor()
  await world.stopApp()
  try {
    await page.getByText('The connection to the server is lost.').waitFor()
  } finally {
    await world.startApp()
  }
  await page.getByText('The connection to the server is lost.').waitFor({ state: 'detached' })
  await page.getByText('No event has arrived yet.').waitFor()
})

test('a wrong key says so, and after five of them the form waits', async () => {
  const { page } = visit
  await page.goto(world.dashboard)
  for (let guess = 0; guess < 6; guess++) {
    await page.getByLabel('Key or token').fill(`wrong_key_number_${guess}_of_this_test`)
    const answered = page.waitForResponse((response) => response.request().method() === 'POST')
    await page.getByRole('button', { name: 'Sign in' }).click()
    const response = await answered
    await page.getByRole('alert').waitFor()
    if (guess === 0) expect(await page.getByRole('alert').textContent()).toContain('The key is not valid.')
    if (response.status() === 429) break
  }
  await page.getByText(/Try again in \d+ seconds?\./).waitFor()
  expect(await page.getByRole('button', { name: 'Sign in' }).isDisabled()).toBe(true)
})
