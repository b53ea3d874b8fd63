/** What the dashboard asks of a full database reads no large table from its beginning to its end. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { closeDeps, createApp, createDeps, type Deps, readConfig } from '../../../functions/app.ts'
import { fillDashboard } from '../../../scripts/bench/dashboard-data.ts'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { ADMIN_KEY } from '../support/system.ts'

const SIZE = { customers: 20_000, transactions: 60_000, events: 60_000, sessions: 30_000 }
/** Of over 16 MB, or of which every list shows a few rows. */
const LARGE = [
  'customers',
  'customer_mappings',
  'customer_owners',
  'transactions',
  'payment_objects',
  'webhook_events',
  'stripe_checkout_sessions',
  'stripe_subscriptions',
  'stripe_invoices',
]

let database: TestDatabase
let deps: Deps
let ask: (path: string) => Promise<{ status: number; text: string }>

beforeAll(async () => {
  database = await createTestDatabase()
  await fillDashboard(database.url, SIZE)
  deps = createDeps(
    readConfig({
      DATABASE_URL: database.url,
      PAYMENTS_ADMIN_KEY: ADMIN_KEY,
      PAYMENTS_POOL_SIZE: '1',
      STRIPE_TEST_SECRET_KEY: 'sk_test_of_these_tests',
    }),
    { log: { info: () => {}, error: () => {} } },
  )
  const app = createApp(deps)
  ask = async (path) => {
    const response = await app.fetch(
      new Request(`https://pay.example/api/payments/stripe/${path}`, { headers: { 'x-api-key': ADMIN_KEY } }),
    )
    return { status: response.status, text: await response.text() }
  }
}, 300_000)

afterAll(async () => {
  await closeDeps(deps)
  await database.close()
})

/** How often each large table was read from its beginning so far, by the only connection of the handlers. */
async function scans(): Promise<Record<string, string>> {
  await deps.database.query('select pg_stat_force_next_flush()')
  await deps.database.query('select 1 as one')
  const rows = await database.sql`
    select relname, seq_scan::text from pg_stat_all_tables where relname in ${database.sql(LARGE)}`
  return Object.fromEntries(rows.map(({ relname, seq_scan }) => [relname, seq_scan]))
}

const day = (ago: number) => encodeURIComponent(new Date(Date.now() - ago * 24 * 60 * 60_000).toISOString())

const PATHS = [
  'test/customers',
  'test/customers?search=ada',
  'test/customers?search=cus_B000007',
  'test/customers?search=team-77',
  'test/customers?search=nobody',
  'test/customers?status=deleted',
  'test/customers?email=ada.7@example7.com',
  'test/customers?subjectType=team&subjectId=team-5',
  'test/customers/cus_B00000005',
  'test/customers/cus_B00000005/timeline',
  'test/customers/cus_B00000005/timeline?kind=event',
  'test/search?q=ada',
  'test/search?q=ch_B00000777',
  'test/search?q=evt_B00000005',
  'test/transactions',
  'test/transactions?status=failed',
  'test/transactions?status=pending&type=one_time_payment',
  'test/transactions?type=refund',
  'test/transactions?customerId=cus_B00000005',
  'test/transactions?subjectType=team&subjectId=team-5',
  'test/transactions?currency=kwd',
  'test/transactions?currency=chf',
  'test/transactions?currency=jpy&amountFrom=100&amountTo=101',
  'test/transactions?isDisputed=true',
  'test/transactions?objectId=ch_B00000100',
  `test/transactions?from=${day(10)}&to=${day(9)}`,
  'test/webhook-events',
  'test/webhook-events?status=failed',
  'test/webhook-events?status=ignored',
  'test/webhook-events?status=pending',
  'test/webhook-events?type=charge.dispute.created',
  'test/webhook-events?type=nothing.happened',
  'test/webhook-events?objectId=pi_B00000100',
  'test/webhook-events?isDeadLettered=true',
  'test/webhook-events/evt_B00000005',
  'test/webhook-events/count?status=failed',
  'test/subscriptions',
  'test/subscriptions?isOpen=true',
  'test/subscriptions?status=past_due',
  'test/subscriptions?cancelAtPeriodEnd=true',
  'test/subscriptions/sub_B00000005',
  'test/invoices',
  'test/invoices?number=B-77',
  'test/invoices?number=none',
  'test/invoices?customerId=cus_B00000005',
  'test/invoices?subscriptionId=sub_B00000005',
  'test/invoices/in_B00000005',
  'test/sessions/checkout',
  'test/sessions/checkout?status=failed',
  'test/sessions/checkout?hasFailed=true',
  'test/sessions/checkout?customerId=cus_B00000005',
  'test/revenue',
  'live/transactions',
  'live/webhook-events',
  'live/customers?search=ada',
  'live/transactions?status=failed',
]

it.each(PATHS)('%s', async (path) => {
  const before = await scans()
  const { status, text } = await ask(path)
  expect(status, text).toBe(200)
  expect(await scans()).toEqual(before)
})

it('one payment with its objects and events', async () => {
  const [row] = await deps.database.query<{ id: string }>(
    `select id from payments.transactions where type = 'one_time_payment' limit 1`,
  )
  const before = await scans()
  const { status, text } = await ask(`test/transactions/${row?.id}`)
  expect(status, text).toBe(200)
  expect(JSON.parse(text).objects).toHaveLength(2)
  expect(await scans()).toEqual(before)
})

it('a scan would be seen: the count of a small table is one', async () => {
  const before = await scans()
  await deps.database.query('select count(*) from payments.transactions where amount_refunded = 1')
  expect(await scans()).not.toEqual(before)
})

it('the overview estimates the rows of a large table, of each environment by itself', async () => {
  const { overview } = JSON.parse((await ask('test/overview')).text)
  expect(overview.counts.transactions.isExact).toBe(false)
  expect(overview.counts.transactions.count).toBeGreaterThan(SIZE.transactions * 0.95)
  expect(overview.counts.transactions.count).toBeLessThan(SIZE.transactions * 1.05)
  expect(JSON.parse((await ask('live/overview')).text).overview.counts.transactions.count).toBe(0)
})
