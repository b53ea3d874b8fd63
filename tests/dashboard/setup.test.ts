/** From an empty database to the first payment, by clicks alone. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWorld, type World } from '../../scripts/dev/dashboard/world.ts'
import { launchBrowser } from '../demo/support/browser.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { openVisit, signIn, type Visit } from './support/visit.ts'

let database: TestDatabase
let world: World
let browser: Browser
let visit: Visit
let page: Page

beforeAll(async () => {
  browser = await launchBrowser()
  database = await createTestDatabase()
  world = await startWorld({ databaseUrl: database.url })
  visit = await openVisit(browser, world)
  page = visit.page
})
afterAll(async () => {
  await visit?.close()
  await browser?.close()
  await world?.close()
  await database?.close()
})

const button = (name: string | RegExp) => page.getByRole('button', { name })
const heading = (name: string | RegExp) => page.getByRole('heading', { name })
const goTo = (name: string) =>
  page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).click()

/** What a shop does when somebody clicks on Buy; the buyer then pays on the hosted page. */
async function buyAsGuest(priceId: string): Promise<void> {
  const response = await fetch(`${world.url}/api/payments/stripe/test/checkout-sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      mode: 'payment',
      lineItems: [{ priceId }],
      successUrl: 'https://shop.example.com/done',
      cancelUrl: 'https://shop.example.com',
    }),
  })
  const { checkoutSession } = (await response.json()) as { checkoutSession: { url: string } }
  const buyer = await browser.newPage()
  await buyer.route('https://shop.example.com/**', (route) => route.fulfill({ body: 'Thank you' }))
  await buyer.goto(checkoutSession.url)
  await buyer.getByLabel('Email').fill('first@example.com')
  await buyer.getByLabel('Card number').fill('4242 4242 4242 4242')
  await buyer.getByLabel('Expiry').fill('12 / 40')
  await buyer.getByLabel('CVC').fill('123')
  await buyer.getByRole('button', { name: /^Pay / }).click()
  await buyer.waitForURL('https://shop.example.com/**')
  await buyer.close()
}

test('the overview leads from the key over the webhook and the sync to the first payment', async () => {
  await signIn(page, world)
  await heading('Set up').waitFor()

  await page.getByRole('link', { name: 'Store a key' }).click()
  await button('Store a key').click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Secret or restricted key').fill(world.local.secretKey)
  await dialog.getByRole('button', { name: 'Store a key' }).click()
  await page.getByText('The key is stored.').first().waitFor()
  await page.getByText('It is as it was set up.').waitFor()
  expect(await page.content()).not.toContain(world.local.secretKey)

  await goTo('Catalogue')
  await button('New product').click()
  await page.getByRole('dialog').getByLabel('Name').fill('First product')
  await button('Save').click()
  await heading('First product').waitFor()
  await button('New price').click()
  await page.getByRole('dialog').getByLabel('Amount').fill('19.00')
  await button('Save').click()
  await page.getByText('€19.00').waitFor()
  const priceId = await page.locator('code', { hasText: 'price_' }).textContent()

  await buyAsGuest(priceId ?? '')
  await world.local.control.settled()

  await goTo('Overview')
  await heading('Billing works').waitFor()
  await heading('Set up').waitFor({ state: 'detached' })
  await goTo('Payments')
  await page.getByRole('link', { name: '€19.00' }).click()
  await heading('One-time payment · €19.00').waitFor()
  await page.getByText('checkout.session.completed').waitFor()
})
