/**
 * The demo shop in a real browser: from the button to the order that became paid, over the hosted pages of local
 * Stripe.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { GIFT_CODE } from '../../scripts/demo/catalogue.ts'
import { findOrder } from '../../scripts/demo/store.ts'
import { type System, startSystem } from '../../scripts/demo/system.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { findBrowser, launchBrowser } from './support/browser.ts'
import { lowContrast } from './support/contrast.ts'

let database: TestDatabase
let system: System
let browser: Browser
let context: BrowserContext
let page: Page
/** Errors of the page and of the shop, without the refusals that a test expects. */
let complaints: string[]

beforeAll(async () => {
  browser = await launchBrowser()
  database = await createTestDatabase()
  system = await startSystem({ databaseUrl: database.url, onError: (line) => complaints.push(line) })
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
  await database?.close()
})

beforeEach(async () => {
  complaints = []
  context = await browser.newContext()
  page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complaints.push(message.text())
  })
  await page.goto(system.shopUrl)
})
afterEach(async () => {
  await context.close()
  expect(complaints).toEqual([])
})

const button = (name: string | RegExp) => page.getByRole('button', { name })
const panel = (name: string) => page.getByRole('region', { name })

/** Signs in and waits for the page that shows it, so that the next click does not reach the old page. */
async function become(name: string) {
  await button(name).click()
  await page.getByRole('button', { name, pressed: true }).waitFor()
}

async function payByCard(number = '4242 4242 4242 4242') {
  await page.waitForURL(/\/c\/pay\//)
  const email = page.getByLabel('Email')
  if (await email.isVisible()) await email.fill('buyer@example.com')
  await page.getByLabel('Card number').fill(number)
  await page.getByLabel('Expiry').fill('12 / 40')
  await page.getByLabel('CVC').fill('123')
  await button(/^(Pay|Subscribe) /).click()
}

const orderOfPage = async () => findOrder(system.sql, new URL(page.url()).pathname.split('/').at(-1) ?? '')

test('a guest buys, pays on the hosted page and sees the order paid', async () => {
  await page.getByLabel('Bags').fill('2')
  await button('Buy now').click()
  await payByCard()

  await page.getByRole('heading', { name: 'Thank you, it is paid' }).waitFor()
  expect(await page.locator('dl').textContent()).toContain('$28.00')
  expect(await orderOfPage()).toMatchObject({ status: 'paid', amount: '2800', userId: null })
})

test('the order page changes by itself when an asynchronous payment has arrived', async () => {
  await become('Ada')
  await button('Buy now').click()
  await page.waitForURL(/\/c\/pay\//)
  const session = new URL(page.url()).pathname.split('/').at(-1) ?? ''
  await page.getByLabel('Email').fill('ada@example.com')
  await page.getByLabel(/US bank account/).check()
  await button(/^Pay /).click()

  await page.getByRole('heading', { name: 'Waiting for the payment' }).waitFor()
  await page.evaluate(() => Object.assign(globalThis, { sameDocument: true }))
  system.local?.control.settle(session)
  await page.getByRole('heading', { name: 'Thank you, it is paid' }).waitFor()
  expect(await page.evaluate(() => 'sameDocument' in globalThis)).toBe(true)
  expect(await orderOfPage()).toMatchObject({ status: 'paid', userId: 'ada' })
})

test('a declined card leaves the order pending, and the buyer can go on paying', async () => {
  await button('Buy now').click()
  await payByCard('4000 0000 0000 0002')
  await page.getByText('Your card was declined.').waitFor()
  await page.getByRole('link', { name: /Back to the shop/ }).click()
  await page.getByRole('heading', { name: 'Not paid' }).waitFor()
  expect(await orderOfPage()).toMatchObject({ status: 'pending' })

  await button('Resume payment').click()
  await payByCard()
  await page.getByRole('heading', { name: 'Thank you, it is paid' }).waitFor()
})

test.each(['light', 'dark'] as const)(
  'in %s colours everything can be read, and fields can be seen',
  async (colorScheme) => {
    await page.emulateMedia({ colorScheme })
    expect(await lowContrast(page)).toEqual([])
    await button('Buy now').click()
    await page.waitForURL(/\/c\/pay\//)
    expect(await lowContrast(page)).toEqual([])
    await payByCard('4000 0000 0000 0002')
    await page.getByText('Your card was declined.').waitFor()
    expect(await lowContrast(page)).toEqual([])
    await page.getByRole('link', { name: /Back to the shop/ }).click()
    await page.getByRole('heading', { name: 'Not paid' }).waitFor()
    expect(await lowContrast(page)).toEqual([])
  },
)

test('after a decline the reason has the focus, so that it is read out and the card comes next', async () => {
  await button('Buy now').click()
  await payByCard('4000 0000 0000 0002')
  await page.getByText('Your card was declined.').waitFor()
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Your card was declined.')
  expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('alert')
})

test('who pays by bank account is not asked for a card', async () => {
  await button('Buy now').click()
  await page.waitForURL(/\/c\/pay\//)
  await page.getByLabel('Card number').waitFor()
  for (const method of [/US bank account/, /SEPA/]) {
    await page.getByLabel(method).check()
    expect(await page.getByLabel('Card number').isVisible()).toBe(false)
  }
  await page.getByLabel('Card', { exact: true }).check()
  expect(await page.getByLabel('Card number').isVisible()).toBe(true)
})

test('a gift code takes everything off; a wrong one is refused in place', async () => {
  await page.getByLabel('Gift code').fill('SECONDBAG')
  await button('Buy now').click()
  await page.getByText('This gift code is not valid.').waitFor()

  await page.getByLabel('Gift code').fill(GIFT_CODE.toLowerCase())
  await button('Buy now').click()
  await page.waitForURL(/\/c\/pay\//)
  expect(await page.getByRole('main').textContent()).toContain('Discount')
  await page.getByLabel('Email').fill('gifted@example.com')
  await button('Pay $0.00').click()
  await page.getByRole('heading', { name: 'Thank you, it is paid' }).waitFor()
  expect(await orderOfPage()).toMatchObject({ status: 'paid', amount: '1400', paymentIntentId: null })
})

test('the owner of a team puts it on a plan, changes and cancels it in the portal, and access follows', async () => {
  await become('Bob')
  await button('Subscribe Acme').click()
  await page.getByText('(403)').waitFor()

  await become('Ada')
  await button('Manage billing').click()
  await page.getByText('(404)').waitFor()
  await button('Subscribe Acme').click()
  await payByCard()
  await page.getByText('Acme is on Team coffee').waitFor()
  await panel('Team access').getByText('Team coffee').waitFor()

  await button('Manage billing').click()
  await button('Change plan').waitFor()
  expect(await lowContrast(page)).toEqual([])
  await button('Change plan').click()
  await page.getByText('Company coffee').first().waitFor()
  await page.getByRole('link', { name: /Return to the shop/ }).click()
  await page.getByText('Acme is on Company coffee').waitFor()

  await button('Manage billing').click()
  await button('Cancel now').click()
  await page.getByText('There is no subscription at the moment.').waitFor()
  await page.getByRole('link', { name: /Return to the shop/ }).click()
  await button('Subscribe Acme').waitFor()
  const access = await system.sql`select from public.team_plans as e where e.team_id = 'acme'`
  expect(access.length).toBe(0)
})

test('a refund shows in the live view without a reload', async () => {
  await button('Buy now').click()
  await payByCard()
  await page.getByRole('heading', { name: 'Thank you, it is paid' }).waitFor()
  const order = await orderOfPage()
  await page.getByRole('link', { name: /Back to the shop/ }).click()
  await button(`Refund order ${order?.id.slice(0, 8)}`).click()

  await panel('Orders').getByText('refunded').waitFor()
  await panel('Transactions').getByText('refunded').waitFor()
  await panel('Ledger').getByText('charge.refunded').waitFor()
})

test('what others have written is shown as text', async () => {
  const hostile = '<img src=x onerror="document.body.remove()">'
  await system.sql`
    insert into public.orders (user_id, price_id, amount, currency) values (${hostile}, ${hostile}, 1, 'usd')`
  await panel('Orders').getByText(hostile).waitFor()
  await page.reload()
  await panel('Orders').getByText(hostile).waitFor()
  expect(await page.locator('main img').count()).toBe(0)
})

test('the page fits a telephone, in light and in dark', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width: 360, height: 740 })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
  }
})

test('without a browser the test says how to install one and where it looked', () => {
  expect(() => findBrowser({}, ['/nowhere/chromium'])).toThrow(
    'This test needs Chromium, and there is none on this machine. Run: apt-get install chromium ' +
      'Or set CHROMIUM_PATH to a Chromium or Chrome of yours. Looked at: /nowhere/chromium.',
  )
  expect(() => findBrowser({ CHROMIUM_PATH: '/nowhere/chrome' })).toThrow(
    'There is no browser at /nowhere/chrome, where CHROMIUM_PATH says it is.',
  )
})
