/** A key of another account than that of the rows. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { closeDeps, type Deps } from '../../../functions/app.ts'
import { rebuildProjections } from '../../../functions/core/sql.ts'
import { recover } from '../../../functions/sync/recovery.ts'
import { runScheduled } from '../../../functions/sync/schedule.ts'
import { runSync } from '../../../functions/sync/sync.ts'
import { createTestDeps, deliver, rowsOf, type SyncSystem, startSyncSystem } from './support/system.ts'

let system: SyncSystem
const opened: Deps[] = []

beforeEach(async () => {
  system = await startSyncSystem()
  await deliver(system.deps, system.stripe.control.events())
})
afterEach(async () => {
  for (const deps of opened.splice(0)) await closeDeps(deps)
  await system.close()
})

function depsWith(key: string, { account, missing }: { account?: string; missing?: string[] } = {}): Deps {
  system.stripe.control.addKey({ key, account, missing })
  const { deps } = createTestDeps({ ...system.env, STRIPE_TEST_SECRET_KEY: key })
  opened.push(deps)
  return deps
}

const CLOSED = ['rak_accounts_kyc_basic_read']
const stranger = () => depsWith('sk_test_of_another_account', { account: 'acct_another' })
const restrictedStranger = () =>
  depsWith('rk_test_of_another_account', { account: 'acct_another', missing: CLOSED })
const restricted = () => depsWith('rk_test_of_this_account', { missing: CLOSED })

async function sell(): Promise<string> {
  const { api, prices } = system
  const customer = await api.customers.create({ email: 'ada@example.com', payment_method: 'pm_card_visa' })
  const { data } = await api.paymentMethods.list({ customer: customer.id })
  const subscription = await api.subscriptions.create({
    customer: customer.id,
    items: [{ price: prices.monthly }],
    default_payment_method: data[0]?.id,
    metadata: { payments_subject_type: 'team', payments_subject_id: '1' },
  })
  await deliver(system.deps, system.stripe.control.events())
  system.stripe.control.advance(60)
  return subscription.id
}

const accounts = async () =>
  (await system.database.sql`select provider_account_id from payments.provider_connections`).map(
    (row) => row.provider_account_id,
  )

const REFUSED = {
  status: 409,
  code: 'PAYMENT_ACCOUNT_CHANGED',
  message: expect.stringMatching(
    /^The Stripe key for test sees none of the objects that were looked for, such as [\w]+: it is of another account than the rows here\.$/,
  ),
}

describe('where the account of the rows was never learnt', () => {
  test.each([
    ['a key of another account', stranger],
    ['a restricted key that may not read its account', restrictedStranger],
  ])('%s is refused by sync, recovery and schedule, and changes no row', async (_, key) => {
    await sell()
    const before = await rowsOf(system.database.sql)
    const deps = key()
    await expect(runSync({ environment: 'test' }, deps)).rejects.toMatchObject(REFUSED)
    await expect(runSync({ environment: 'test', erased: true }, deps)).rejects.toMatchObject(REFUSED)
    await expect(recover({ environment: 'test' }, deps)).rejects.toMatchObject(REFUSED)
    const { failures } = await runScheduled(deps)
    expect(failures).toMatchObject([
      { part: 'recover', message: REFUSED.message },
      { part: 'sync', message: REFUSED.message },
    ])
    expect(await rowsOf(system.database.sql)).toEqual(before)
    expect((await accounts()).filter((id) => id !== null)).toEqual([])
    expect((await runSync({ environment: 'test' }, system.deps)).status).toBe('succeeded')
    expect(await accounts()).toEqual(['acct_1LocalStripe00000'])
  })

  test('a refused sync is seen in the health of the environment', async () => {
    await expect(runSync({ environment: 'test' }, stranger())).rejects.toMatchObject(REFUSED)
    const [row] = await system.database.sql`
      select last_sync_status, last_sync_error from payments.provider_connections where environment = 'test'`
    expect(row).toEqual({ last_sync_status: 'failed', last_sync_error: REFUSED.message })
  })

  test('a restricted key of this account passes, however often', async () => {
    await sell()
    for (let times = 0; times < 2; times++)
      expect((await runSync({ environment: 'test' }, restricted())).status).toBe('succeeded')
  })
})

test('a wrong account that was learnt while there were no rows is refused once there are some', async () => {
  await system.database.sql`
    insert into payments.provider_connections (provider, environment, provider_account_id)
    values ('stripe', 'test', 'acct_another')`
  await sell()
  await expect(runSync({ environment: 'test' }, stranger())).rejects.toMatchObject(REFUSED)
})

test('one object that was deleted at Stripe does not make the key a stranger', async () => {
  const { api, deps, database } = system
  const spare = await api.products.create({ name: 'Spare' })
  await deliver(deps, system.stripe.control.events())
  await api.products.del(spare.id)
  await database.sql`
    update payments.stripe_prices set price_id = price_id || '_gone', deleted = false where price_id = ${system.prices.once}`
  expect((await runSync({ environment: 'test' }, deps)).status).toBe('succeeded')
})

test('erased data of the same account is accepted only where it is said', async () => {
  const { deps, database } = system
  await runSync({ environment: 'test' }, deps)
  await database.sql`update payments.stripe_prices set price_id = price_id || '_erased'`
  await database.sql`update payments.stripe_products set product_id = product_id || '_erased'`
  await expect(runSync({ environment: 'test' }, deps)).rejects.toMatchObject(REFUSED)
  expect((await runSync({ environment: 'test', erased: true }, deps)).status).toBe('succeeded')
})

describe('rows that were buried wrongly come back', () => {
  let subscription: string
  let before: Record<string, unknown[]>

  /** What a sync by another account's key did. */
  beforeEach(async () => {
    subscription = await sell()
    before = await rowsOf(system.database.sql)
    await system.database.sql.unsafe(`
      select payments_private.mark_gone('test', 'subscriptions', subscription_id, now() + interval '10 seconds')
      from payments.stripe_subscriptions;
      select payments_private.mark_gone('test', 'customers', provider_customer_id, now() + interval '10 seconds')
      from payments.customers;
      select payments_private.mark_gone('test', 'prices', price_id, now() + interval '10 seconds')
      from payments.stripe_prices;
      select payments_private.mark_gone('test', 'products', product_id, now() + interval '10 seconds')
      from payments.stripe_products;`)
    const [row] = await system.database.sql`
      select (select status from payments.stripe_subscriptions) as status, (select deleted from payments.customers) as deleted`
    expect(row).toEqual({ status: 'canceled', deleted: true })
  })

  test('with the next sync', async () => {
    expect((await runSync({ environment: 'test' }, system.deps)).status).toBe('succeeded')
    expect(await rowsOf(system.database.sql)).toEqual(before)
  })

  test('with the next event', async () => {
    const updated = await system.api.subscriptions.update(subscription, { metadata: { seen: 'yes' } })
    await system.api.customers.update(updated.customer as string, { name: 'Ada' })
    await deliver(system.deps, system.stripe.control.events())
    const { sql } = system.database
    expect(await sql`select status from payments.stripe_subscriptions`).toEqual([{ status: 'active' }])
    expect(await sql`select deleted, name from payments.customers`).toEqual([{ deleted: false, name: 'Ada' }])
    expect(await sql`select subject_id from payments.customer_mappings`).toEqual([{ subject_id: '1' }])
  })

  test('with a rebuild', async () => {
    await rebuildProjections(system.deps.database, { environment: 'test' })
    expect(await rowsOf(system.database.sql)).toEqual(before)
  })
})
