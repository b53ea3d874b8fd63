import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { closeDeps, type Deps } from '../../functions/app.ts'
import { rebuildProjections } from '../../functions/core/sql.ts'
import { runSync } from '../../functions/sync/sync.ts'
import {
  createTestDeps,
  deliver,
  rowsOf,
  type SyncSystem,
  startSyncSystem,
} from '../functions/sync/support/system.ts'

let system: SyncSystem
let subscription: string
let before: Record<string, unknown[]>
const opened: Deps[] = []

/** A subscription that webhooks told of. No sync has learnt the account yet. */
beforeEach(async () => {
  system = await startSyncSystem()
  const { api, prices, stripe, deps, database } = system
  const customer = await api.customers.create({ email: 'ada@example.com', payment_method: 'pm_card_visa' })
  const { data } = await api.paymentMethods.list({ customer: customer.id })
  const created = await api.subscriptions.create({
    customer: customer.id,
    items: [{ price: prices.monthly }],
    default_payment_method: data[0]?.id,
    metadata: { payments_subject_type: 'team', payments_subject_id: '1' },
  })
  subscription = created.id
  await deliver(deps, stripe.control.events())
  stripe.control.advance(60)
  before = await rowsOf(database.sql)
  expect(await states()).toEqual(ALIVE)
})
afterEach(async () => {
  for (const deps of opened.splice(0)) await closeDeps(deps)
  await system.close()
})

function depsWith(key: string, options: { account?: string; missing?: string[] }): Deps {
  system.stripe.control.addKey({ key, ...options })
  const { deps } = createTestDeps({ ...system.env, STRIPE_TEST_SECRET_KEY: key })
  opened.push(deps)
  return deps
}

const CLOSED = ['rak_accounts_kyc_basic_read']
const ALIVE = { subscription: 'active', customers: 0, prices: 0, products: 0 }
const GONE = { subscription: 'canceled', customers: 1, prices: 2, products: 1 }

async function states() {
  const [row] = await system.database.sql`
    select
      (select status from payments.stripe_subscriptions) as subscription,
      (select count(*)::int from payments.customers where deleted) as customers,
      (select count(*)::int from payments.stripe_prices where deleted) as prices,
      (select count(*)::int from payments.stripe_products where deleted) as products`
  return row
}

const learnt = () => system.database.sql`
  select provider_account_id from payments.provider_connections where provider_account_id is not null`

const REFUSED = { status: 409, code: 'PAYMENT_ACCOUNT_CHANGED' }

test("one sync with another account's key buries nothing and learns nothing, and the right key syncs after it", async () => {
  const stranger = depsWith('sk_test_of_another_account', { account: 'acct_another' })
  await expect(runSync({ environment: 'test' }, stranger)).rejects.toMatchObject(REFUSED)
  expect(await rowsOf(system.database.sql)).toEqual(before)
  expect(await learnt()).toEqual([])
  expect((await runSync({ environment: 'test' }, system.deps)).status).toBe('succeeded')
  expect(await rowsOf(system.database.sql)).toEqual(before)
  expect(await learnt()).toEqual([{ provider_account_id: 'acct_1LocalStripe00000' }])
})

test('restricted keys that cannot read their account are told apart by what they see', async () => {
  const stranger = depsWith('rk_test_of_another_account', { account: 'acct_another', missing: CLOSED })
  const ours = depsWith('rk_test_of_this_account', { missing: CLOSED })
  for (let times = 0; times < 2; times++) {
    await expect(runSync({ environment: 'test' }, stranger)).rejects.toMatchObject(REFUSED)
    expect(await rowsOf(system.database.sql)).toEqual(before)
    expect((await runSync({ environment: 'test' }, ours)).status).toBe('succeeded')
    expect(await rowsOf(system.database.sql)).toEqual(before)
  }
})

describe('what was buried wrongly comes back', () => {
  beforeEach(async () => {
    await system.database.sql`
      select payments_private.mark_gone('test', kind, id, now() + interval '10 seconds')
      from (
        select 'subscriptions' as kind, subscription_id as id from payments.stripe_subscriptions
        union all select 'customers', provider_customer_id from payments.customers
        union all select 'prices', price_id from payments.stripe_prices
        union all select 'products', product_id from payments.stripe_products
      ) as known`
    expect(await states()).toEqual(GONE)
  })

  test('with the next sync', async () => {
    expect((await runSync({ environment: 'test' }, system.deps)).status).toBe('succeeded')
    expect(await rowsOf(system.database.sql)).toEqual(before)
  })

  test('with the next event of each object', async () => {
    const { api, prices, stripe, deps } = system
    const sent = stripe.control.events().length
    const metadata = { seen: 'yes' }
    const { customer } = await api.subscriptions.update(subscription, { metadata })
    await api.customers.update(customer as string, { metadata })
    const { product } = await api.prices.update(prices.monthly, { metadata })
    await api.prices.update(prices.once, { metadata })
    await api.products.update(product as string, { metadata })
    await deliver(deps, stripe.control.events().slice(sent))
    expect(await states()).toEqual(ALIVE)
  })

  test('with a rebuild', async () => {
    await rebuildProjections(system.deps.database, { environment: 'test' })
    expect(await rowsOf(system.database.sql)).toEqual(before)
  })
})
