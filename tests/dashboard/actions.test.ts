/** What a person does in the dashboard, and what becomes of it at Stripe and in Postgres. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { callAdmin, populate } from '../../scripts/dev/dashboard/populate.ts'
import { startWorld, type World } from '../../scripts/dev/dashboard/world.ts'
import { launchBrowser } from '../demo/support/browser.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { openVisit, signIn, type Visit } from './support/visit.ts'

const OTHER_ACCOUNT_KEY = 'sk_test_of_another_account_0000000000'

let database: TestDatabase
let world: World
let browser: Browser
let visit: Visit
let page: Page

beforeAll(async () => {
  browser = await launchBrowser()
  database = await createTestDatabase()
  world = await startWorld({ databaseUrl: database.url })
  await populate(world, database.sql)
  await callAdmin(world, 'PUT', 'stripe/live/config', { secretKey: world.local.liveSecretKey })
  world.local.control.addKey({ key: OTHER_ACCOUNT_KEY, account: 'acct_1Another0000000' })
  visit = await openVisit(browser, world)
  page = visit.page
  await signIn(page, world)
})
afterAll(async () => {
  await visit?.close()
  await browser?.close()
  await world?.close()
  await database?.close()
})

const open = (path: string) => page.goto(world.dashboard + path)
const button = (name: string | RegExp) => page.getByRole('button', { name, exact: typeof name === 'string' })
const dialog = () => page.getByRole('dialog').last()
const inDialog = (name: string) => dialog().getByRole('button', { name, exact: true })
const toast = (text: string | RegExp) => page.getByRole('listitem').getByText(text)
const eventStates = () => database.sql<{ status: string; count: number }[]>`
  select processing_status as status, count(*)::integer as count from payments.webhook_events
  where event_type = 'charge.refunded' group by 1`

test('a failed event shows why, its payload can be searched, and a retry after the repair processes it', async () => {
  await open('test/events?status=failed')
  await page.getByRole('link', { name: 'charge.refunded' }).first().click()
  await page.getByText('No order belongs to this payment.').waitFor()
  await page.getByLabel('Search in the payload').fill('amount_refunded')
  await page.getByText(/^1 of \d+$/).waitFor()

  await button('Retry').click()
  await toast('Retried. The event is now failed.').waitFor()
  await database.sql.unsafe('alter table payments.webhook_events disable trigger _500_fulfil')
  await button('Retry').click()
  await toast('Retried. The event is now processed.').waitFor()
  expect(await eventStates()).toEqual(expect.arrayContaining([{ status: 'processed', count: 1 }]))
})

test('one event is replayed after a confirmation', async () => {
  await open('test/events?type=charge.refunded&status=processed')
  await page.getByRole('link', { name: 'charge.refunded' }).first().click()
  await button('Replay').click()
  await inDialog('Replay').click()
  await toast('Replayed. The event is now processed.').waitFor()
})

test('all failed events are retried at once, after their number was shown and confirmed', async () => {
  await open('test/events')
  await button('Retry failed events').click()
  await dialog().getByText('1 failed events match.').waitFor()
  await inDialog('Retry them').click()
  await inDialog('Retry them').click()
  await dialog().getByText('1 processed, 0 still failing.').waitFor()
  expect(await eventStates()).toEqual([{ status: 'processed', count: 2 }])
  await inDialog('Close').last().click()
})

test('events are replayed by conditions, and never without one', async () => {
  await open('test/events')
  await button('Replay events').click()
  await inDialog('Replay them').click()
  await dialog().getByText('Give a type, an object id or a day.').waitFor()
  await dialog().getByLabel('Type').fill('charge.refunded')
  await dialog().getByLabel('Processed events as well').check()
  await inDialog('Replay them').click()
  await inDialog('Replay them').click()
  await toast('2 events replayed.').waitFor()
})

test('the ledger is live: a new event appears by itself, and not while it is paused', async () => {
  await open('test/events?type=customer.created')
  const rows = page.getByRole('table', { name: 'Events' }).getByRole('link', { name: 'customer.created' })
  await rows.first().waitFor()
  const before = await rows.count()
  await world.stripe.customers.create({ email: 'new@example.com' })
  await expect.poll(() => rows.count(), { timeout: 20_000 }).toBe(before + 1)

  await button('Pause').click()
  await world.stripe.customers.create({ email: 'newer@example.com' })
  await world.local.control.settled()
  expect(await rows.count()).toBe(before + 1)
  await button('Follow').click()
  await expect.poll(() => rows.count(), { timeout: 20_000 }).toBe(before + 2)
})

test('a product and a price are changed at Stripe; the second of two editors is told and decides', async () => {
  await open('test/catalogue')
  await page.getByRole('link', { name: 'Mug' }).click()
  await button('Edit').first().click()
  await dialog().getByLabel('Description').fill('Mine')
  const { data } = await world.stripe.products.list()
  const mug = data.find(({ name }) => name === 'Mug')
  await callAdmin(world, 'PATCH', `stripe/test/catalog/products/${mug?.id}`, { description: 'Theirs' })
  await inDialog('Save').click()
  await dialog().getByText('Somebody else changed this meanwhile.').waitFor()
  await dialog().getByRole('cell', { name: 'Theirs' }).waitFor()
  await inDialog('Save mine').click()
  await toast('Saved at Stripe and here.').waitFor()
  expect((await world.stripe.products.retrieve(mug?.id ?? '')).description).toBe('Mine')
})

test('a lookup key is set, a price is archived, and a refusal is shown in the words of Stripe', async () => {
  await open('test/catalogue?search=mug')
  await page.getByRole('link', { name: 'Mug' }).click()
  await button('Edit: $14.50').click()
  await dialog().getByLabel('Lookup key').fill('team_monthly')
  await inDialog('Save').click()
  await dialog()
    .getByRole('alert')
    .getByText(/lookup key/)
    .first()
    .waitFor()
  await dialog().getByLabel('Lookup key').fill('mug')
  await inDialog('Save').click()
  await page.getByRole('cell', { name: 'mug', exact: true }).waitFor()

  const row = page.getByRole('row', { name: /¥2,200/ })
  await row.getByRole('button', { name: 'Archive' }).click()
  await inDialog('Archive').click()
  await row.getByText('Archived').waitFor()
  await row.getByRole('button', { name: 'Make active again' }).click()
  await row.getByText('Active', { exact: true }).waitFor()

  await button('Delete').click()
  await inDialog('Delete').click()
  await page.getByRole('alert').getByText(/price/).first().waitFor()
})

test('payments are exported as CSV with the filters that are set', async () => {
  await open('test/payments?currency=jpy')
  const started = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Export CSV' }).click()
  const download = await started
  expect(download.suggestedFilename()).toMatch(/^payments-test-.*\.csv$/)
  const text = await (await import('node:fs/promises')).readFile(await download.path(), 'utf8')
  expect(text.trim().split('\n').length).toBe(5)
})

test('a sync is started, shows its result by kind, and a rebuild and a recovery say what they did', async () => {
  await open('test/sync')
  await button('Sync').click()
  await dialog().getByLabel('Charges').check()
  await inDialog('Sync').click()
  await toast('The sync has started.').waitFor()
  await page
    .getByRole('row', { name: /Charges/ })
    .getByRole('link')
    .click()
  await page.getByRole('table').getByRole('cell', { name: 'Charges' }).waitFor()
  await page.locator('main').getByText('Succeeded').first().waitFor()

  await open('test/sync')
  await button('Recover').click()
  await page.getByText(/events? recovered of/).waitFor()
  await button('Rebuild rows from the ledger').click()
  await inDialog('Rebuild rows from the ledger').click()
  await toast(/^Rebuilt from \d+ events\.$/).waitFor()
})

test('a key of another account is stored only after a warning', async () => {
  await open('test/settings')
  await button('Replace the key').click()
  await dialog().getByLabel('Secret or restricted key').fill(OTHER_ACCOUNT_KEY)
  await inDialog('Store a key').click()
  await dialog().getByText('This key belongs to another Stripe account.').waitFor()
  await inDialog('Cancel').click()
  expect(await page.getByText('acct_1LocalStripe00000').count()).toBeGreaterThan(0)
})

test('in live the colour is another one, and removing the key asks for the name of the environment', async () => {
  await open('test/settings')
  const accent = () =>
    page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--accent'))
  const test = await accent()
  await page.getByRole('group', { name: 'Environment' }).getByRole('link', { name: 'Live' }).click()
  await page.waitForURL(/live\/settings/)
  expect(await accent()).not.toBe(test)

  await button('Remove the key').click()
  expect(await inDialog('Remove the key').isDisabled()).toBe(true)
  await dialog().getByLabel('Name of the environment').fill('live')
  await inDialog('Remove the key').click()
  await page.getByText('No key is stored.').waitFor()
})

test('the keyboard goes to pages, searches and shows its shortcuts, until it is turned off', async () => {
  await open('test/overview')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('c')
  await page.getByRole('heading', { name: 'Customers', level: 1 }).waitFor()
  await page.keyboard.press('/')
  await page.getByLabel('E-mail, subject or any Stripe id').fill('ada@')
  await dialog()
    .getByRole('link', { name: /ada@example.com/ })
    .waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Ada Lovelace', level: 1 }).waitFor()
  await page.keyboard.press('?')
  await dialog().getByLabel('Use keyboard shortcuts').uncheck()
  await page.keyboard.press('Escape')
  await page.keyboard.press('/')
  expect(await page.getByRole('dialog').count()).toBe(0)
})

test('an instant shows its time in UTC on focus, and the colours that were chosen stay after a reload', async () => {
  await open('test/settings')
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByRole('menuitemradio', { name: 'Dark' }).click()
  await page.reload()
  await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor()
  expect(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)).toBe('dark')
  await page.locator('time').first().hover()
  await page.getByRole('tooltip').getByText(/UTC$/).waitFor()
})
