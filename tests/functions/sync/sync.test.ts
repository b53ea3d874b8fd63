/** What a sync leaves behind, over real Postgres and local Stripe. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { projectStripeObjects } from '../../../functions/core/sql.ts'
import { completeItems } from '../../../functions/core/stripe.ts'
import { type Pause, runSync, type SyncOptions } from '../../../functions/sync/sync.ts'
import {
  anotherDatabase,
  deliver,
  letLeaseRunOut,
  rowsOf,
  type SyncSystem,
  startSyncSystem,
} from './support/system.ts'

let system: SyncSystem

beforeEach(async () => {
  system = await startSyncSystem()
})
afterEach(() => system.close())

const sync = (more: Omit<Partial<SyncOptions>, 'signal'> = {}) =>
  runSync({ environment: 'test', ...more }, system.deps)

/** A subject as the app would have set it. */
const ofTeam = (id: string) => ({ payments_subject_type: 'team', payments_subject_id: id })

/** Stripe has moved on since, so that everything is older than what is listed next. */
const letTimePass = () => system.stripe.control.advance(60)

async function subscribe(email: string, metadata: Record<string, string> = {}) {
  const { api, prices } = system
  const customer = await api.customers.create({ email, payment_method: 'pm_card_visa' })
  const { data } = await api.paymentMethods.list({ customer: customer.id })
  const subscription = await api.subscriptions.create({
    customer: customer.id,
    items: [{ price: prices.monthly }],
    default_payment_method: data[0]?.id,
    metadata,
  })
  return { customer, subscription }
}

/** A subscription of which the quantity changes with the next period. */
async function planChange(): Promise<{ schedule: string; phaseAt: number }> {
  const { api, prices } = system
  const { subscription } = await subscribe('ada@example.com', ofTeam('1'))
  const { id, phases } = await api.subscriptionSchedules.create({ from_subscription: subscription.id })
  const [{ start_date, end_date }] = phases as [(typeof phases)[number]]
  await api.subscriptionSchedules.update(id, {
    phases: [
      { start_date, end_date, items: [{ price: prices.monthly, quantity: 1 }] },
      { start_date: end_date, items: [{ price: prices.monthly, quantity: 3 }] },
    ],
  })
  return { schedule: id, phaseAt: end_date }
}

describe('a sync of an empty database', () => {
  test('ends with the rows that every webhook together would have made', async () => {
    const { api } = system
    await api.products.create({ name: 'Old cap', active: false })
    await api.customers.create({ email: 'zero@example.com', name: 'Zero \u0000 inside' })
    await subscribe('ada@example.com', ofTeam('1'))
    const { subscription } = await subscribe('bob@example.com', ofTeam('2'))
    await api.subscriptions.cancel(subscription.id)
    letTimePass()

    const told = await anotherDatabase(system)
    try {
      await deliver(told.deps, system.stripe.control.events())
      const run = await sync({
        kinds: ['products', 'prices', 'customers', 'subscriptions', 'invoices', 'payment_intents', 'charges'],
      })
      expect(run).toMatchObject({ status: 'succeeded', attempt: 1 })
      const tables = [
        'stripe_products',
        'stripe_prices',
        'customers',
        'customer_mappings',
        'stripe_subscriptions',
        'stripe_subscription_items',
      ]
      expect(await rowsOf(system.database.sql, tables)).toEqual(await rowsOf(told.database.sql, tables))
      const money = (rows: unknown) =>
        (rows as Record<string, unknown>[]).map(
          ({ type, status, amount, provider_object_id, related_object_ids, subject_id }) => ({
            type,
            status,
            amount,
            provider_object_id,
            related_object_ids,
            subject_id,
          }),
        )
      const [synced, heard] = await Promise.all([
        rowsOf(system.database.sql, ['transactions']),
        rowsOf(told.database.sql, ['transactions']),
      ])
      expect(money(synced.transactions)).toEqual(money(heard.transactions))
      expect(synced.transactions).toHaveLength(2)
    } finally {
      await told.close()
    }
  })

  test('counts what it saw, what was missing, and notes it at the connection', async () => {
    await subscribe('ada@example.com')
    const run = await sync()
    expect(run.progress.subscriptions).toMatchObject({
      state: 'done',
      seen: 1,
      added: 1,
      changed: 0,
      deleted: 0,
    })
    expect(run.drift.customers).toEqual({ rows: 0, missing: 1, deleted: 0, fields: {} })
    const [connection] = await system.database.sql`
      select status, provider_account_id, last_sync_status, last_sync_error, last_sync_counts, last_synced_at is not null as dated
      from payments.provider_connections where environment = 'test'`
    expect(connection).toEqual({
      status: 'connected',
      provider_account_id: 'acct_1LocalStripe00000',
      last_sync_status: 'succeeded',
      last_sync_error: null,
      last_sync_counts: { products: 1, prices: 2, customers: 1, subscriptions: 1 },
      dated: true,
    })
  })

  test('knows which changes of a subscription wait in a schedule, and that they wait no longer', async () => {
    const { api, database, prices } = system
    const { schedule, phaseAt } = await planChange()
    const pending = () =>
      database.sql`select schedule_id, next_phase_at, next_phase_items, raw ->> 'schedule' as raw_schedule
        from payments.stripe_subscriptions`
    await sync()
    const waiting = {
      schedule_id: schedule,
      next_phase_at: new Date(phaseAt * 1000),
      next_phase_items: [{ price_id: prices.monthly, quantity: 3 }],
      raw_schedule: schedule,
    }
    expect(await pending()).toEqual([waiting])
    letTimePass()
    expect((await sync()).drift).toEqual({})
    expect(await pending()).toEqual([waiting])

    letTimePass()
    await api.subscriptionSchedules.release(schedule)
    letTimePass()
    const run = await sync()
    expect(run.drift.subscriptions).toMatchObject({
      rows: 1,
      fields: { schedule_id: 1, next_phase_at: 1, next_phase_items: 1 },
    })
    expect(await pending()).toEqual([
      { schedule_id: null, next_phase_at: null, next_phase_items: null, raw_schedule: null },
    ])
  })

  test('lists payment objects of a time range only when it is asked to', async () => {
    await subscribe('ada@example.com')
    await sync()
    expect((await rowsOf(system.database.sql, ['transactions'])).transactions).toEqual([])
    letTimePass()
    const later = new Date(Date.now() + 30_000).toISOString()
    expect((await sync({ kinds: ['charges'], createdFrom: later })).progress.charges).toMatchObject({
      seen: 0,
    })
    expect((await sync({ kinds: ['charges'], createdBefore: later })).progress.charges).toMatchObject({
      seen: 1,
    })
    expect((await rowsOf(system.database.sql, ['transactions'])).transactions).toHaveLength(1)
  })
})

describe('the drift report', () => {
  test('tells how many rows differed, and in which fields', async () => {
    const { api } = system
    const ada = await api.customers.create({ email: 'ada@example.com', name: 'Ada' })
    const bob = await api.customers.create({ email: 'bob@example.com', name: 'Bob' })
    const { subscription } = await subscribe('eve@example.com')
    await sync()
    letTimePass()
    await api.customers.update(ada.id, { email: 'ada@example.org', phone: '+49 30 1' })
    await api.customers.update(bob.id, { email: 'bob@example.org' })
    await api.subscriptions.update(subscription.id, {
      cancel_at_period_end: true,
      items: [{ id: subscription.items.data[0]?.id, quantity: 3 }],
      proration_behavior: 'none',
    })
    letTimePass()
    const run = await sync()
    expect(run.drift.customers).toEqual({ rows: 2, missing: 0, deleted: 0, fields: { email: 2, phone: 1 } })
    expect(run.drift.subscriptions).toMatchObject({ rows: 1, fields: { items: 1, cancel_at_period_end: 1 } })
    expect(run.drift.products).toBeUndefined()
    letTimePass()
    expect((await sync()).drift).toEqual({})
  })
})

describe('invoices and credit notes that changed unseen', () => {
  test('are in the drift report, field by field', async () => {
    const { api, database } = system
    const { subscription } = await subscribe('ada@example.com', ofTeam('1'))
    const invoice = subscription.latest_invoice as string
    const kinds: SyncOptions['kinds'] = ['customers', 'subscriptions', 'invoices', 'credit_notes']
    expect((await sync({ kinds })).drift.invoices).toMatchObject({ missing: 1 })
    letTimePass()
    const note = await api.creditNotes.create({ invoice, amount: 200, credit_amount: 200 })
    await api.invoices.update(invoice, { metadata: { po: '7' } })
    letTimePass()
    const second = await sync({ kinds })
    expect(second.drift.credit_notes).toEqual({ rows: 0, missing: 1, deleted: 0, fields: {} })
    expect(second.drift.invoices).toEqual({ rows: 1, missing: 0, deleted: 0, fields: { invoice: 1 } })
    letTimePass()
    await api.creditNotes.update(note.id, { memo: 'Too early' })
    letTimePass()
    expect((await sync({ kinds })).drift.credit_notes).toMatchObject({ rows: 1, fields: { memo: 1 } })
    expect(
      await database.sql`select memo, subject_type, subject_id from payments.stripe_credit_notes`,
    ).toEqual([{ memo: 'Too early', subject_type: 'team', subject_id: '1' }])
    letTimePass()
    expect((await sync({ kinds })).drift).toEqual({})
  })

  test('mark a draft that is gone as deleted, but no other invoice, none out of range, and none on a test clock', async () => {
    const { api, database, deps } = system
    const { customer, subscription } = await subscribe('ada@example.com', ofTeam('1'))
    const draft = await api.invoices.create({ customer: customer.id })
    const clock = await api.testHelpers.testClocks.create({ frozen_time: Math.floor(Date.now() / 1000) })
    const clocked = await api.customers.create({ email: 'clock@example.com', test_clock: clock.id })
    await api.invoices.create({ customer: clocked.id })
    await deliver(deps, system.stripe.control.events())
    letTimePass()
    await api.invoices.del(draft.id as string)
    letTimePass()
    const later = new Date(Date.now() + 30_000).toISOString()
    const of = (more: Omit<Partial<SyncOptions>, 'signal'>) => sync({ kinds: ['invoices'], ...more })
    expect((await of({ createdFrom: later })).progress.invoices).toMatchObject({ deleted: 0 })
    expect(await database.sql`select from payments.stripe_invoices where deleted`).toHaveLength(0)

    const run = await of({})
    expect(run.progress.invoices).toMatchObject({ deleted: 1 })
    expect(run.drift.invoices).toMatchObject({ deleted: 1 })
    expect(await database.sql`select invoice_id, status from payments.stripe_invoices where deleted`).toEqual(
      [{ invoice_id: draft.id, status: 'draft' }],
    )
    expect(
      await database.sql`select status from payments.stripe_invoices where not deleted order by status`,
    ).toEqual([{ status: 'draft' }, { status: 'paid' }])
    expect(subscription.status).toBe('active')
  })
})

describe('what a complete listing no longer has', () => {
  test('becomes a tombstone: deleted, or canceled', async () => {
    const { api, database, deps } = system
    const spare = await api.products.create({ name: 'Spare' })
    const { customer, subscription } = await subscribe('ada@example.com', ofTeam('1'))
    await sync()
    letTimePass()
    await api.products.del(spare.id)
    await api.customers.del(customer.id)
    await database.sql`
      insert into payments.stripe_subscriptions (environment, subscription_id, customer_id, status, version)
      values ('test', 'sub_of_erased_test_data', 'cus_x', 'active', 8)`
    letTimePass()
    const run = await sync()
    expect(run.status).toBe('succeeded')
    expect(run.progress).toMatchObject({
      products: { deleted: 1 },
      customers: { deleted: 1 },
      subscriptions: { deleted: 1 },
      prices: { deleted: 0 },
    })
    expect(run.drift.products).toEqual({ rows: 0, missing: 0, deleted: 1, fields: {} })
    expect(
      await database.sql`select name, deleted, active from payments.stripe_products where product_id = ${spare.id}`,
    ).toEqual([{ name: 'Spare', deleted: true, active: false }])
    expect(await database.sql`select email, deleted from payments.customers`).toEqual([
      { email: 'ada@example.com', deleted: true },
    ])
    expect(
      await database.sql`select subscription_id, status from payments.stripe_subscriptions order by 1`,
    ).toEqual(
      [
        { subscription_id: 'sub_of_erased_test_data', status: 'canceled' },
        { subscription_id: subscription.id, status: 'canceled' },
      ].sort((a, b) => (a.subscription_id < b.subscription_id ? -1 : 1)),
    )
    // A late event cannot bring it back.
    await deliver(deps, system.stripe.control.events({ type: 'customer.created' }))
    expect(await database.sql`select deleted from payments.customers`).toEqual([{ deleted: true }])
  })

  test('does not mean archived products and prices, which Stripe lists', async () => {
    const { api, database, prices } = system
    await sync()
    letTimePass()
    await api.prices.update(prices.once, { active: false })
    letTimePass()
    const run = await sync()
    expect(run.progress.prices).toMatchObject({ seen: 2, deleted: 0, changed: 1 })
    expect(
      await database.sql`select active, deleted from payments.stripe_prices where price_id = ${prices.once}`,
    ).toEqual([{ active: false, deleted: false }])
  })

  test('does not mean customers and subscriptions on a test clock, which are in no listing', async () => {
    const { api, database, deps, prices } = system
    const clock = await api.testHelpers.testClocks.create({ frozen_time: Math.floor(Date.now() / 1000) })
    const customer = await api.customers.create({ email: 'clock@example.com', test_clock: clock.id })
    await api.subscriptions.create({
      customer: customer.id,
      items: [{ price: prices.monthly }],
      payment_behavior: 'default_incomplete',
    })
    await deliver(deps, system.stripe.control.events())
    letTimePass()
    const run = await sync()
    expect(run.progress).toMatchObject({
      customers: { seen: 0, deleted: 0 },
      subscriptions: { seen: 0, deleted: 0 },
    })
    expect(await database.sql`select deleted from payments.customers`).toEqual([{ deleted: false }])
    expect(await database.sql`select status from payments.stripe_subscriptions`).toEqual([
      { status: 'incomplete' },
    ])
  })

  test('does not mean what could not be projected, and the run says what that was', async () => {
    const { api, database } = system
    await api.customers.create({ email: 'ada@example.com' })
    const broken = await api.customers.create({ email: 'refused@example.com' })
    await sync()
    await database.sql.unsafe(`
      create function public.refuse() returns trigger language plpgsql as
        $$begin if new.email = 'refused@example.com' then raise 'no'; end if; return new; end$$;
      create trigger refuse before update on payments.customers for each row execute function public.refuse();`)
    letTimePass()
    const run = await sync()
    expect(run.status).toBe('failed')
    expect(run.error).toBe(`1 objects could not be projected, the first of them ${broken.id}: no (P0001).`)
    expect(run.progress.customers).toMatchObject({ seen: 2, failed: 1, deleted: 0 })
    expect(
      await database.sql`select count(*)::int as count from payments.customers where not deleted`,
    ).toEqual([{ count: 2 }])
  })
})

describe('webhooks during a sync', () => {
  test('a subscription that a webhook creates while a sync is listing is not deleted by that sync', async () => {
    const { stripe, deps, database } = system
    await subscribe('ada@example.com')
    stripe.control.fail({ path: '/v1/subscriptions', method: 'GET', fault: { hold: true } })
    // Stripe answers with a list from before the subscription is made: as if the answer was long on its way.
    const running = sync()
    await stripe.control.whenHeld()
    const [{ listed_from } = { listed_from: '' }] = await database.sql<{ listed_from: string }[]>`
      select progress -> 'customers' ->> 'listed_from' as listed_from from payments.sync_runs`
    expect(listed_from).not.toBe('')
    stripe.control.releaseHeld()
    const { subscription } = await subscribe('bob@example.com', ofTeam('2'))
    const events = stripe.control.events().filter(({ created }) => created >= subscription.created)
    await deliver(deps, events)
    expect(await running).toMatchObject({ status: 'succeeded', progress: { subscriptions: { seen: 1 } } })
    const rows = await database.sql`select status from payments.stripe_subscriptions`
    expect(rows).toEqual([{ status: 'active' }, { status: 'active' }])
    expect(await database.sql`select count(*)::int as count from payments.customers where deleted`).toEqual([
      { count: 0 },
    ])
  })

  test('what is known to be newer than the beginning of the listing is left alone, listed or not', async () => {
    const { database, deps } = system
    await sync()
    letTimePass()
    const now = Math.floor(Date.now() / 1000)
    const customer = {
      id: 'cus_young',
      object: 'customer',
      email: 'young@example.com',
      created: now + 600,
      livemode: false,
      metadata: {},
    }
    await deliver(deps, [
      {
        id: 'evt_young',
        object: 'event',
        type: 'customer.created',
        created: now + 600,
        livemode: false,
        data: { object: customer },
      },
    ])
    // Made after the listing began, by an answer of the API that is dated earlier than it was.
    await projectStripeObjects(system.deps.database, {
      environment: 'test',
      objects: [{ ...customer, id: 'cus_dated_early' }],
      snapshotAt: new Date((now - 3600) * 1000).toISOString(),
    })
    await sync()
    expect(
      await database.sql`select provider_customer_id, deleted from payments.customers order by 1`,
    ).toEqual([
      { provider_customer_id: 'cus_dated_early', deleted: false },
      { provider_customer_id: 'cus_young', deleted: false },
    ])
  })
})

describe('Stripe in trouble', () => {
  /** Notes how long the sync was asked to wait, and goes on at once. */
  function patience(): { pauses: number[]; pause: Pause } {
    const pauses: number[] = []
    return { pauses, pause: async (ms) => void pauses.push(ms) }
  }

  test('a 429 is waited out for as long as Stripe asks', async () => {
    const { stripe, deps } = system
    const { pauses, pause } = patience()
    stripe.control.fail({
      path: '/v1/customers',
      fault: { status: 429, headers: { 'retry-after': '7' } },
      times: 3,
    })
    const run = await runSync({ environment: 'test' }, { ...deps, pause })
    expect(run.status).toBe('succeeded')
    expect(pauses).toEqual([7000, 7000, 7000])
  })

  test('a Stripe that stays away fails the run, and the next one goes on where it was', async () => {
    const { api, stripe, deps, database } = system
    await api.customers.create({ email: 'ada@example.com' })
    const { pauses, pause } = patience()
    stripe.control.fail({ path: '/v1/customers', fault: { status: 500 }, times: 1000 })
    await expect(runSync({ environment: 'test' }, { ...deps, pause })).rejects.toMatchObject({
      status: 502,
      nextActions: 'Try again in a moment.', // a read has no idempotency key
      message: 'Stripe could not do this just now.',
    })
    expect(pauses).toHaveLength(5)
    expect(await database.sql`select status, error, lease from payments.sync_runs`).toEqual([
      { status: 'failed', error: 'Stripe could not do this just now.', lease: null },
    ])
    expect(
      await database.sql`select last_sync_status, last_sync_error from payments.provider_connections`,
    ).toEqual([{ last_sync_status: 'failed', last_sync_error: 'Stripe could not do this just now.' }])
    stripe.control.clearFailures()
    system.asked.forget()
    const run = await sync()
    expect(run).toMatchObject({ status: 'succeeded', attempt: 2, error: null })
    expect(system.asked.seen().map(({ path }) => path.split('?')[0])).toEqual([
      '/v1/account',
      expect.stringMatching(/^\/v1\/products\/prod_/), // proves that the key is of this account
      '/v1/customers',
      '/v1/subscriptions',
    ])
    expect(
      await database.sql`select last_sync_status, last_sync_error from payments.provider_connections`,
    ).toEqual([{ last_sync_status: 'succeeded', last_sync_error: null }])
  })

  test('a page that ended with an object that is gone by now is followed by that second once more', async () => {
    const { api, database } = system
    for (let index = 0; index < 120; index++) await api.customers.create({ email: `c${index}@example.com` })
    const stopped = await sync({ kinds: ['customers'], pages: 1 })
    expect(stopped).toMatchObject({ status: 'interrupted', progress: { customers: { seen: 100 } } })
    await api.customers.del((stopped.progress.customers as { cursor?: string }).cursor ?? '')
    expect((await sync({ kinds: ['customers'] })).status).toBe('succeeded')
    expect(await database.sql`select count(*)::int as count from payments.customers`).toEqual([
      { count: 120 },
    ])
  })

  test('a key of another account is refused before anything is compared', async () => {
    const { stripe, deps, database } = system
    await sync()
    await database.sql`update payments.provider_connections set provider_account_id = 'acct_other'`
    await expect(runSync({ environment: 'test' }, deps)).rejects.toMatchObject({
      status: 409,
      code: 'PAYMENT_ACCOUNT_CHANGED',
      message: 'The Stripe key for test belongs to acct_1LocalStripe00000, and the rows here to acct_other.',
    })
    expect(stripe.control.events().length).toBeGreaterThan(0)
  })
})

describe('one sync at a time', () => {
  test('a second one is refused while the first shows signs of life, and takes over when it has died', async () => {
    const { stripe, database } = system
    stripe.control.fail({ path: '/v1/prices', method: 'GET', fault: { hold: true } })
    const first = sync()
    first.catch(() => {})
    await stripe.control.whenHeld()
    await expect(sync()).rejects.toMatchObject({ status: 409, code: 'PAYMENT_SYNC_RUNNING' })
    await letLeaseRunOut(database.sql)
    const second = await sync()
    expect(second).toMatchObject({ status: 'succeeded', attempt: 2 })
    stripe.control.releaseHeld()
    await expect(first).rejects.toMatchObject({
      status: 409,
      message: 'Another process has taken over this sync.',
    })
    expect(await database.sql`select status from payments.sync_runs`).toEqual([{ status: 'succeeded' }])
  })

  test('one of test does not keep one of live back', async () => {
    const { stripe, database, deps } = system
    stripe.control.fail({ path: '/v1/prices', method: 'GET', fault: { hold: true } })
    const first = sync()
    await stripe.control.whenHeld()
    await database.sql`select payments.begin_sync('live')`
    stripe.control.releaseHeld()
    expect((await first).status).toBe('succeeded')
    expect(deps.config.stripe.secretKey.live).toBeNull()
  })
})

test('a sync that is asked for something else does not resume the one that was stopped', async () => {
  const { database } = system
  await sync({ pages: 1 })
  const other = await sync({ kinds: ['prices', 'products'] })
  expect(other).toMatchObject({ status: 'succeeded', attempt: 1, kinds: ['products', 'prices'] })
  expect((await sync()).attempt).toBe(2)
  expect(await database.sql`select status from payments.sync_runs order by started_at`).toEqual([
    { status: 'succeeded' },
    { status: 'succeeded' },
  ])
})

/** A subscription of 14 prices. */
async function subscribeToMany() {
  const { api } = system
  const product = await api.products.create({ name: 'Seats' })
  const items = []
  for (let index = 0; index < 14; index++) {
    const price = await api.prices.create({
      product: product.id,
      currency: 'eur',
      unit_amount: 100 + index,
      recurring: { interval: 'month' },
    })
    items.push({ price: price.id })
  }
  const customer = await api.customers.create({ email: 'many@example.com' })
  return api.subscriptions.create({ customer: customer.id, items, payment_behavior: 'default_incomplete' })
}

describe('a subscription with many items', () => {
  const count = async () => {
    const [row] = await system.database
      .sql`select count(*)::int as count from payments.stripe_subscription_items`
    return row?.count
  }

  test('every item is taken', async () => {
    await subscribeToMany()
    await sync()
    expect(await count()).toBe(14)
  })

  test('those beyond the first, which Stripe does not show with it, are listed', async () => {
    const stripe = await system.deps.stripe('test')
    const { items, ...subscription } = await subscribeToMany()
    const part = { ...subscription, items: { ...items, data: items.data.slice(0, 10), has_more: true } }
    await completeItems(part, stripe.subscriptionItemsAfter)
    expect(part.items.data.map(({ id }) => id)).toEqual(items.data.map(({ id }) => id))
    expect(part.items.has_more).toBe(false)
  })
})
