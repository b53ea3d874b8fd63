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

test('a recurring price is created with its period', async () => {
  await open('test/catalogue?search=team')
  await page.getByRole('link', { name: 'Team plan' }).click()
  await button('New price').click()
  await dialog().getByLabel('Amount').fill('30')
  await dialog().getByLabel('Charged').selectOption('month')
  await dialog().getByLabel('Every how many').fill('3')
  await inDialog('Save').click()
  await page.getByRole('cell', { name: '€30.00 every 3 months', exact: true }).waitFor()
  const { data } = await world.stripe.prices.list({ type: 'recurring' })
  const made = data.find(({ unit_amount }) => unit_amount === 3000)
  expect(made?.recurring).toMatchObject({ interval: 'month', interval_count: 3 })
})

test('the catalogue finds a product by a lookup key, and reads page after page', async () => {
  await database.sql`
    insert into payments.stripe_products (environment, product_id, name, active)
    select 'test', 'prod_many_' || n, 'Zebra ' || lpad(n::text, 3, '0'), true from generate_series(1, 120) as n`
  await open('test/catalogue?search=team_monthly')
  await page.getByRole('link', { name: 'Team plan' }).waitFor()
  expect(await page.getByRole('link', { name: 'Mug' }).count()).toBe(0)
  await open('test/catalogue?search=zebra')
  await page.getByRole('link', { name: 'Zebra 001' }).waitFor()
  const toTheEnd = async () => {
    await page.keyboard.press('End')
    return page.getByRole('link', { name: 'Zebra 120' }).count()
  }
  await expect.poll(toTheEnd, { timeout: 20_000 }).toBe(1)
  await page.getByText('120 rows, that is all.').waitFor()
  await database.sql`delete from payments.stripe_products where product_id like 'prod_many_%'`
})

test('an offer is made, changed beside somebody else, ended and deleted', async () => {
  await open('test/offers')
  await button('New offer').click()
  await dialog().getByLabel('Name', { exact: true }).fill('mug')
  await dialog().getByLabel('Which', { exact: true }).fill('mug')
  await dialog().getByLabel('To quantity').fill('0')
  await inDialog('Save').click()
  await dialog()
    .getByRole('alert')
    .getByText(/maximumQuantity/)
    .waitFor()
  await dialog().getByLabel('To quantity').fill('5')
  await inDialog('Save').click()
  await toast('The offer is saved.').waitFor()

  await button('mug').click()
  await dialog().getByLabel('Types of subject').fill('team, user')
  const theirs = { lookupKey: 'mug', mode: 'payment', maximumQuantity: 7 }
  await callAdmin(world, 'PUT', 'stripe/test/offers/mug', theirs)
  await inDialog('Save').click()
  await dialog().getByText('Somebody else changed this meanwhile.').waitFor()
  await dialog().getByRole('row', { name: 'To quantity 7 5' }).waitFor()
  await inDialog('Save mine').click()
  await page.getByRole('row', { name: /mug Open .* 1 – 5 .*team, user/ }).waitFor()

  await button('mug').click()
  await inDialog('End it now').click()
  await inDialog('End it now').click()
  await page.getByRole('row', { name: /mug Over/ }).waitFor()
  await button('mug').click()
  await inDialog('Delete').click()
  await inDialog('Delete').click()
  await toast('The offer is deleted.').waitFor()
  await button('mug').waitFor({ state: 'detached' })
})

test('an offer that would take the name of another is refused, and what it lacks is said at the field', async () => {
  await open('test/offers')
  await button('New offer').click()
  await inDialog('Save').click()
  await dialog().getByText('Enter 1 to 100 letters, digits, hyphens or underscores.').waitFor()
  await dialog().getByText('Enter what is offered.').waitFor()
  await dialog().getByLabel('Name', { exact: true }).fill('team')
  await dialog().getByLabel('Which', { exact: true }).fill('mug')
  await inDialog('Save').click()
  await dialog().getByText('There is an offer of this name already.').waitFor()
  const [row] = await database.sql`select lookup_key from payments.offers where offer_id = 'team'`
  expect(row?.lookup_key).toBe('team_monthly')
})

test('a subscription of another subject is moved only after the refusal was shown and confirmed', async () => {
  await open('test/subscriptions')
  await page.getByRole('link', { name: 'team 42' }).click()
  await button('Assign to a subject').click()
  await inDialog('Assign').click()
  await dialog().getByText('Enter both.').first().waitFor()
  await dialog().getByLabel('Type of the subject').fill('team')
  await dialog().getByLabel('Id of the subject').fill('49')
  await inDialog('Assign').click()
  await dialog()
    .getByRole('alert')
    .getByText(/belongs to the team 42 already/)
    .waitFor()
  await inDialog('Move it to this subject').click()
  await inDialog('Move it to this subject').click()
  await toast(/^Assigned, with 1 subscription, /).waitFor()
  await page.locator('dd').getByText('team 49').waitFor()
})

test('an invoice is found by its number, with its credit note, its payments and its documents', async () => {
  const [row] = await database.sql<{ number: string }[]>`
    select i.number from payments.stripe_invoices as i join payments.stripe_credit_notes as n on n.invoice_id = i.invoice_id`
  const number = row?.number ?? ''
  await open(`test/invoices?number=${number}`)
  await page.getByRole('link', { name: number }).click()
  await page.getByRole('heading', { name: `${number} · €48.00` }).waitFor()
  await page.getByRole('cell', { name: 'One seat too many' }).waitFor()
  await page.getByRole('link', { name: 'Subscription invoice' }).waitFor()
  const document = await page.getByRole('link', { name: 'Open the page' }).getAttribute('href')
  expect(document?.startsWith(world.local.url)).toBe(true)

  await open('test/invoices/credit-notes?status=void')
  await page.getByText('Nothing matches these filters.').waitFor()
  await page.getByLabel('Status').selectOption('issued')
  await page.getByRole('link', { name: `${number}-CN-01` }).click()
  await page.getByRole('heading', { name: `${number} · €48.00` }).waitFor()
})

test('a subscription shows what a schedule changes next, and an update that waits for its payment', async () => {
  // Local Stripe makes no pending updates.
  await database.sql`
    update payments.stripe_subscriptions
    set pending_update = '{"subscription_items": [{"quantity": 9}]}', pending_update_expires_at = now() + interval '1 day'
    where schedule_id is not null`
  const [row] =
    await database.sql`select subscription_id from payments.stripe_subscriptions where schedule_id is not null`
  await open(`test/subscriptions/${row?.subscription_id}`)
  const planned = page.getByRole('region', { name: 'Planned changes' })
  await planned.getByText('1 × €119.00 per year').waitFor()
  await planned.getByText('[{"quantity":9}]').waitFor()
})

test('an authorised payment is captured in part, and its card and receipt are shown', async () => {
  await open('test/payments?status=pending')
  await page.getByRole('link', { name: '€49.00' }).click()
  await page.getByText('Visa ···· 4242').waitFor()
  expect(await page.getByRole('link', { name: 'Open the receipt' }).getAttribute('href')).toContain(
    '/receipts/',
  )
  await page.getByLabel('Amount to capture').fill('90.00')
  await button('Capture').click()
  await inDialog('Capture').click()
  await page.getByRole('alert').getByText('Capture less.').waitFor()
  await page.getByLabel('Amount to capture').fill('20.00')
  await button('Capture').click()
  await dialog().getByText('€20.00 is charged.').waitFor()
  await inDialog('Capture').click()
  await toast('€20.00 captured.').waitFor()
  await page.getByText('Authorized, not captured').waitFor({ state: 'detached' })
  const { data } = await world.stripe.paymentIntents.list({ limit: 100 })
  expect(data.find(({ amount }) => amount === 4900)).toMatchObject({
    status: 'succeeded',
    amount_received: 2000,
  })
})

test('an authorised payment is canceled after a confirmation, which lets go of the amount', async () => {
  const held = await world.stripe.paymentIntents.create({
    amount: 6100,
    currency: 'eur',
    capture_method: 'manual',
    confirm: true,
    payment_method: 'pm_card_visa',
  })
  await world.local.control.settled()
  await open('test/payments?status=pending')
  await page.getByRole('link', { name: '€61.00' }).click()
  await button('Cancel the payment').click()
  await dialog().getByText('What is held is released, and nothing is charged.').waitFor()
  await inDialog('Cancel the payment').click()
  await toast('The payment is canceled.').waitFor()
  await page.getByText('Authorized, not captured').waitFor({ state: 'detached' })
  expect(await world.stripe.paymentIntents.retrieve(held.id)).toMatchObject({
    status: 'canceled',
    amount_received: 0,
  })
  await world.local.control.settled()
  expect(
    await database.sql`
      select status, amount::integer from payments.transactions
      where related_object_ids ->> 'payment_intent' = ${held.id}`,
  ).toEqual([{ status: 'failed', amount: 6100 }])
})

test('a checkout session shows its items and the options it was begun with, and the portal its own', async () => {
  await open('test/sessions?status=open')
  await page.getByRole('button', { name: /^cs_test_/ }).click()
  await dialog()
    .getByText(/^2 × price_/)
    .waitFor()
  await dialog().getByText('allowPromotionCodes').waitFor()
  await dialog().getByText('{"submit":"It is sent within two days."}').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('link', { name: 'Customer portal' }).click()
  await page
    .getByRole('row', { name: /user hedy Created/ })
    .getByText('{"locale":"de"}')
    .waitFor()
})

test('the personal data of a subject is erased after a confirmation, and what goes on is said', async () => {
  await open('test/customers?search=alan')
  await page.getByRole('link', { name: 'Alan Turing' }).click()
  await button('Erase personal data').click()
  await dialog().getByText('Amounts and ids stay. This cannot be undone.').waitFor()
  await inDialog('Erase personal data').click()
  await page.getByText(/^Erased in 1 customer, .* 1 subscription goes on/).waitFor()
  expect(await database.sql`select from payments.customers where email = 'alan@example.com'`).toHaveLength(0)
})

test('a bulk retry whose number changed meanwhile says so, retries nothing and asks again', async () => {
  const intent = async () => {
    const made = await world.stripe.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      confirm: true,
      payment_method: 'pm_card_visa',
      return_url: 'https://shop.example.com',
    })
    await world.stripe.refunds.create({ payment_intent: made.id })
    await world.local.control.settled()
  }
  await database.sql.unsafe('alter table payments.webhook_events enable trigger _500_fulfil')
  await intent()
  await open('test/events')
  await button('Retry failed events').click()
  await dialog().getByText('1 failed events match.').waitFor()
  await intent()
  await inDialog('Retry them').click()
  await inDialog('Retry them').click()
  await dialog()
    .getByText(/^Their number changed meanwhile/)
    .waitFor()
  await dialog().getByText('2 failed events match.').waitFor()
  await database.sql.unsafe('alter table payments.webhook_events disable trigger _500_fulfil')
  await inDialog('Retry them').click()
  await inDialog('Retry them').click()
  await dialog().getByText('2 processed, 0 still failing.').waitFor()
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

test('a sync that the end of the server interrupted is resumed', async () => {
  world.local.control.fail({ fault: { hold: true }, path: '/v1/customers' })
  await open('test/sync')
  await button('Sync').click()
  await inDialog('Sync').click()
  await world.local.control.whenHeld()
  const stopping = world.stopApp()
  world.local.control.clearFailures()
  world.local.control.releaseHeld()
  await stopping
  await world.startApp()
  await open('test/sync')
  await page.getByText('The last sync was interrupted.').waitFor()
  await button('Resume').click()
  await toast('The sync has started.').waitFor()
  await page.getByText('The last sync was interrupted.').waitFor({ state: 'detached' })
  await page
    .getByRole('row', { name: /Succeeded/ })
    .first()
    .waitFor()
})

test('a gap that events cannot close is shown, and a sync closes it', async () => {
  await database.sql`
    update payments.provider_connections
    set events_complete_from = now() - interval '50 days', events_complete_until = now() - interval '45 days'
    where environment = 'test'`
  await database.sql`
    update payments.webhook_events set received_at = received_at - interval '45 days', provider_created_at = provider_created_at - interval '45 days'
    where environment = 'test'`
  await open('test/sync')
  await button('Recover').click()
  await page.getByText('A gap that events cannot close').waitFor()
  await button('Close it with a sync').click()
  await toast('The sync has started.').waitFor()
})

test('payloads of old events are pruned after a confirmation, and the event says so', async () => {
  await open('test/sync')
  await page.getByLabel('Older than days').fill('30')
  await button('Prune old payloads').click()
  await dialog()
    .getByText(/older than 30 days are emptied/)
    .waitFor()
  await inDialog('Prune old payloads').click()
  await toast(/^\d+ payloads emptied, /).waitFor()
  await open('test/events?type=charge.refunded')
  await page.getByRole('link', { name: 'charge.refunded' }).last().click()
  await page.getByText('The payload was pruned.').waitFor()
})

test('a webhook endpoint that was changed at Stripe is mended, and another address is taken over after a confirmation', async () => {
  const { data } = await world.stripe.webhookEndpoints.list()
  const endpoint = data[0]?.id ?? ''
  await world.stripe.webhookEndpoints.update(endpoint, { disabled: true })
  await open('test/settings')
  await button('Check and mend').click()
  await toast('The endpoint was mended.').waitFor()
  expect((await world.stripe.webhookEndpoints.retrieve(endpoint)).status).toBe('enabled')

  await button('Take over from another address').click()
  await dialog()
    .getByText(/Never do this from a copy of a database that is in use/)
    .waitFor()
  await inDialog('Take over from another address').click()
  await toast('The endpoint is as it should be.').waitFor()
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

test('a key of another account replaces all that is stored of the former one, after it is confirmed', async () => {
  await open('test/settings')
  await button('Replace the key').click()
  await dialog().getByLabel('Secret or restricted key').fill(OTHER_ACCOUNT_KEY)
  await inDialog('Store a key').click()
  await inDialog('Delete it and use the new account').click()
  await inDialog('Delete it and use the new account').click()
  await toast('The key is stored.').waitFor()
  await page.getByText('acct_1Another0000000').first().waitFor()
  await open('test/customers')
  await page.getByText('No customer yet.').waitFor()
})
