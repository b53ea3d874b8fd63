/** Events that never arrived. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { projectStripeObjects } from '../../../functions/core/sql.ts'
import { recover } from '../../../functions/sync/recovery.ts'
import { runScheduled } from '../../../functions/sync/schedule.ts'
import { runSync } from '../../../functions/sync/sync.ts'
import worker from '../../../functions/worker.ts'
import { runCli } from '../../cli/support.ts'
import { user } from '../../setup/database.ts'
import { begin } from '../../sql/support/calls.ts'
import { productEvent } from '../support/events.ts'
import { anotherDatabase, deliver, rowsOf, type SyncSystem, startSyncSystem } from './support/system.ts'

let system: SyncSystem

beforeEach(async () => {
  system = await startSyncSystem()
  await system.database.sql.unsafe(`
    create table public.fulfilled (event_id text not null);
    create function public.fulfil() returns trigger language plpgsql as
      $$begin insert into public.fulfilled values (new.provider_event_id); return null; end$$;
    create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed') execute function public.fulfil();`)
})
afterEach(() => system.close())

const DAY = 24 * 60 * 60

/** Something happens at Stripe that several events tell of. */
async function live(email: string): Promise<void> {
  const { api, prices, stripe } = system
  const customer = await api.customers.create({ email, payment_method: 'pm_card_visa' })
  const { data } = await api.paymentMethods.list({ customer: customer.id })
  const subscription = await api.subscriptions.create({
    customer: customer.id,
    items: [{ price: prices.monthly }],
    default_payment_method: data[0]?.id,
    metadata: { payments_subject_type: 'team', payments_subject_id: email },
  })
  stripe.control.advance(DAY / 4)
  await api.subscriptions.update(subscription.id, { cancel_at_period_end: true })
  await api.customers.update(customer.id, { name: email.split('@')[0] })
}

const known = () =>
  system.database.sql<
    { id: string }[]
  >`select provider_event_id as id from payments.webhook_events order by 1`.then((rows) =>
    rows.map(({ id }) => id),
  )

/** Those of these events that the managed webhook endpoint would have delivered: Stripe's list has more. */
async function subscribed<Event extends { type: string }>(events: Event[]): Promise<Event[]> {
  const rows = await system.database.sql<{ type: string }[]>`
    select unnest(payments.projected_event_types()) as type`
  const types = new Set(rows.map(({ type }) => type))
  return events.filter(({ type }) => types.has(type))
}

describe('a change that waits in a schedule', () => {
  test('is in the row of its subscription once the lost events are recovered', async () => {
    const { api, prices, deps, stripe, database } = system
    const customer = await api.customers.create({ email: 'ada@example.com', payment_method: 'pm_card_visa' })
    const { data } = await api.paymentMethods.list({ customer: customer.id })
    const subscription = await api.subscriptions.create({
      customer: customer.id,
      items: [{ price: prices.monthly }],
      default_payment_method: data[0]?.id,
    })
    await deliver(deps, stripe.control.events())
    stripe.control.advance(60)
    const { id, phases } = await api.subscriptionSchedules.create({ from_subscription: subscription.id })
    const [{ start_date, end_date }] = phases as [(typeof phases)[number]]
    await api.subscriptionSchedules.update(id, {
      phases: [
        { start_date, end_date, items: [{ price: prices.monthly, quantity: 1 }] },
        { start_date: end_date, items: [{ price: prices.monthly, quantity: 2 }] },
      ],
    })
    await recover({ environment: 'test', since: new Date(Date.now() - DAY * 1000).toISOString() }, deps)
    expect(
      await database.sql`select schedule_id, next_phase_at, next_phase_items from payments.stripe_subscriptions`,
    ).toEqual([
      {
        schedule_id: id,
        next_phase_at: new Date(end_date * 1000),
        next_phase_items: [{ price_id: prices.monthly, quantity: 2 }],
      },
    ])
  })
})

describe('an account of which every event arrived', () => {
  test('misses none, although Stripe lists events that the endpoint does not subscribe to', async () => {
    const { deps, stripe, env, database } = system
    await live('ada@example.com')
    const events = stripe.control.events()
    const delivered = await subscribed(events)
    expect(delivered.length).toBeLessThan(events.length)
    await deliver(deps, delivered)

    const since = new Date(Date.now() - DAY * 1000).toISOString()
    const result = await recover({ environment: 'test', since }, deps)
    expect(result).toMatchObject({ listed: events.length, recovered: 0, processed: 0, ignored: 0, failed: 0 })
    expect(await known()).toHaveLength(delivered.length)

    const recovery = await runCli(['recover', '--environment', 'test', '--since', since], { env })
    expect(recovery.out).toMatch(
      new RegExp(`^Read ${events.length} events of test since \\S+ \\S+ UTC: none was missing\\.\n$`),
    )
    const schedule = await runCli(['schedule', 'run'], { env })
    expect(schedule.out).toContain('test: recovered 0 lost events.')
    expect(
      await database.sql`select from payments.webhook_events where processing_status = 'ignored'`,
    ).toEqual([])
  })

  test('gets none of a type that is read only where another endpoint sends it', async () => {
    const { deps, stripe } = system
    await live('ada@example.com')
    const events = stripe.control.events()
    expect(events.some(({ type }) => type === 'invoice.payment_succeeded')).toBe(true)
    await deliver(deps, await subscribed(events))
    const since = new Date(Date.now() - DAY * 1000).toISOString()
    expect(await recover({ environment: 'test', since }, deps)).toMatchObject({ recovered: 0 })
  })

  test('gets those of a type that an endpoint delivers here besides', async () => {
    const { deps, stripe } = system
    await live('ada@example.com')
    await live('bob@example.com')
    const events = stripe.control.events()
    const besides = events.filter(({ type }) => type === 'invoice.payment_succeeded')
    expect(besides.length).toBeGreaterThan(1)
    await deliver(deps, [...(await subscribed(events)), ...besides.slice(0, 1)])
    const since = new Date(Date.now() - DAY * 1000).toISOString()
    expect(await recover({ environment: 'test', since }, deps)).toMatchObject({
      recovered: besides.length - 1,
    })
  })
})

describe('a day of webhooks lost', () => {
  test('is recovered: every event is there and fulfilled once, and the rows are those of a database that lost none', async () => {
    const { deps, stripe } = system
    await live('before@example.com')
    const arrived = await subscribed(stripe.control.events())
    await deliver(deps, arrived)
    for (let hour = 0; hour < 6; hour++) await live(`lost${hour}@example.com`)
    const all = await subscribed(stripe.control.events())
    const lost = all.length - arrived.length
    expect(lost).toBeGreaterThan(30)

    const result = await recover({ environment: 'test' }, deps)
    expect(result).toMatchObject({ recovered: lost, failed: 0, gap: null })
    expect(await known()).toEqual(all.map(({ id }) => id).sort())
    const fulfilled = await system.database.sql<{ times: number }[]>`
      select count(*)::int as times from public.fulfilled group by event_id`
    expect(fulfilled.every(({ times }) => times === 1)).toBe(true)

    const complete = await anotherDatabase(system)
    try {
      await deliver(complete.deps, stripe.control.events())
      expect(await rowsOf(system.database.sql)).toEqual(await rowsOf(complete.database.sql))
    } finally {
      await complete.close()
    }
  })

  test('is also found when webhooks arrive again before anybody recovers', async () => {
    const { deps, stripe } = system
    await live('before@example.com')
    const sofar = async () => (await subscribed(stripe.control.events())).length
    const before = await sofar()
    await live('lost@example.com')
    const until = await sofar()
    await live('after@example.com')
    const events = await subscribed(stripe.control.events())
    await deliver(deps, [...events.slice(0, before), ...events.slice(until)])
    expect(await recover({ environment: 'test' }, deps)).toMatchObject({ recovered: until - before })
    expect(await known()).toHaveLength(events.length)
  })

  test('goes in oldest first, however many pages of events it takes', async () => {
    const { api, deps, stripe, database } = system
    await deliver(deps, stripe.control.events())
    stripe.control.advance(DAY)
    const product = await api.products.create({ name: 'v0' })
    for (let index = 1; index <= 230; index++) {
      stripe.control.advance(1)
      await api.products.update(product.id, { name: `v${index}` })
    }
    expect(await recover({ environment: 'test' }, deps)).toMatchObject({ recovered: 231 })
    expect(
      await database.sql`select name from payments.stripe_products where product_id = ${product.id}`,
    ).toEqual([{ name: 'v230' }])
    const rows = await database.sql<{ name: string }[]>`
      select payload -> 'data' -> 'object' ->> 'name' as name from payments.webhook_events
      where object_id = ${product.id} order by received_at, ctid`
    expect(rows.map(({ name }) => name)).toEqual(Array.from({ length: 231 }, (_, index) => `v${index}`))
    expect(await recover({ environment: 'test' }, deps)).toMatchObject({ recovered: 0 })
  })

  test('is kept as failed where fulfilment raises, and tried again by the schedule', async () => {
    const { deps, stripe, database } = system
    await deliver(deps, stripe.control.events())
    stripe.control.advance(60)
    await live('lost@example.com')
    await database.sql`create or replace function public.fulfil() returns trigger language plpgsql as $$begin raise 'shop is closed'; end$$`
    const result = await recover({ environment: 'test' }, deps)
    expect(result.failed).toBeGreaterThan(0)
    expect(result.failed).toBe(result.recovered)
    await database.sql`create or replace function public.fulfil() returns trigger language plpgsql as $$begin return null; end$$`
    await database.sql`update payments.webhook_events set next_attempt_at = now() where processing_status = 'failed'`
    const scheduled = await runScheduled(deps)
    expect(scheduled.failures).toEqual([])
    expect(scheduled.retried).toHaveLength(result.failed)
    expect(
      await database.sql`select count(*)::int as count from payments.webhook_events where processing_status = 'failed'`,
    ).toEqual([{ count: 0 }])
  })
})

describe('how far back it reads', () => {
  /** Dates rows back, which the trigger of the timestamps does not let anybody do. */
  const anHourAgo = (table: string) =>
    system.database.sql.begin(async (sql) => {
      await sql`set local session_replication_role = replica`
      await sql`update ${sql('payments')}.${sql(table)} set created_at = now() - interval '1 hour'`
    })

  test('an empty ledger misses nothing: what happened before it is not fulfilled', async () => {
    const { api, deps } = system
    await api.customers.create({ email: 'before@example.com' })
    expect(await recover({ environment: 'test' }, deps)).toMatchObject({ recovered: 0, gap: null })
    expect(await recover({ environment: 'test' }, deps)).toMatchObject({ recovered: 0, gap: null })
    expect(await known()).toEqual([])
  })

  test('an empty ledger of an endpoint that was made by hand lacks what happened since the key was connected', async () => {
    const { api, deps, stripe, env } = system
    await runSync({ environment: 'test' }, deps)
    await anHourAgo('provider_connections')
    await api.customers.create({ email: 'ada@example.com' })
    const lost = await subscribed(stripe.control.events())
    const { out } = await runCli(['recover', '--environment', 'test'], { env })
    expect(out).toContain(`${lost.length} events were missing.`)
    expect(await known()).toEqual(lost.map(({ id }) => id).sort())
  })

  test('an empty ledger without a connection lacks what happened since the first checkout here', async () => {
    const { api, deps, stripe, database } = system
    await begin(database.sql, user('u1'), { subject: { type: 'user', id: 'u1' } })
    await anHourAgo('stripe_checkout_sessions')
    await api.customers.create({ email: 'ada@example.com' })
    const lost = await subscribed(stripe.control.events())
    expect(await recover({ environment: 'test' }, deps)).toMatchObject({ recovered: lost.length })
    expect(await known()).toEqual(lost.map(({ id }) => id).sort())
  })

  test('it reads back further when it is told to', async () => {
    const { deps, stripe } = system
    await live('before@example.com')
    const since = new Date(Date.now() - DAY * 1000).toISOString()
    const result = await recover({ environment: 'test', since }, deps)
    expect(result.recovered).toBe((await subscribed(stripe.control.events())).length)
  })

  test('the next one begins where the last one ended, less an hour for what Stripe lists late', async () => {
    const { deps, stripe, database } = system
    await deliver(deps, stripe.control.events())
    stripe.control.advance(DAY)
    const first = await recover({ environment: 'test' }, deps)
    const second = await recover({ environment: 'test' }, deps)
    expect(Date.parse(first.until) - Date.parse(second.from)).toBeLessThanOrEqual(3_602_000)
    expect(Date.parse(second.from)).toBeGreaterThan(Date.parse(first.from))
    const [row] =
      await database.sql`select events_complete_until > events_complete_from as moved from payments.provider_connections`
    expect(row).toEqual({ moved: true })
  })

  test('a gap longer than Stripe keeps events is told, with the sync that closes it', async () => {
    const { deps, stripe } = system
    const days = (count: number) => Math.floor(Date.now() / 1000) - count * DAY
    await deliver(deps, [productEvent('prod_old', 'Old', { created: days(40) }), ...stripe.control.events()])
    const { gap } = await recover({ environment: 'test' }, deps)
    expect(gap).not.toBeNull()
    expect(gap?.from.slice(0, 10)).toBe(new Date(days(40) * 1000).toISOString().slice(0, 10))
    expect(gap?.message).toBe(
      `Stripe keeps events for 30 days, so those of test from ${gap?.from} until ${gap?.before} can no longer be recovered. ` +
        'A sync of that period updates the rows. Check the fulfilment of its purchases yourself.',
    )
    expect(gap?.sync).toMatchObject({ createdFrom: gap?.from, createdBefore: gap?.before })
    expect(gap?.sync.kinds).toEqual(
      expect.arrayContaining(['subscriptions', 'checkout_sessions', 'invoices', 'refunds']),
    )
    // It has been told, and what can be had is there: the next one does not read all of the 30 days again.
    const next = await recover({ environment: 'test' }, deps)
    expect(next.gap).toBeNull()
    expect(Date.now() - Date.parse(next.from)).toBeLessThan(DAY * 1000)
  })

  test('it is told as well when events arrive again before the recovery', async () => {
    const { deps, database, stripe } = system
    const days = (count: number) => Math.floor(Date.now() / 1000) - count * DAY
    await deliver(deps, [productEvent('prod_old', 'Old', { created: days(45) }), ...stripe.control.events()])
    await database.sql`
      insert into payments.provider_connections (provider, environment, events_complete_from, events_complete_until)
      values ('stripe', 'test', now() - interval '50 days', now() - interval '45 days')`
    await deliver(deps, [productEvent('prod_new', 'New', { created: days(0) })])
    const { gap } = await recover({ environment: 'test' }, deps)
    expect(gap?.from.slice(0, 10)).toBe(new Date(days(45) * 1000).toISOString().slice(0, 10))
  })

  test('events of another account than that of the rows are not taken in', async () => {
    const { api, deps, database } = system
    await database.sql`
      insert into payments.provider_connections (provider, environment, provider_account_id)
      values ('stripe', 'test', 'acct_ours')`
    await live('stranger@example.com')
    await api.customers.create({ email: 'stranger@example.com' })
    const since = new Date(Date.now() - DAY * 1000).toISOString()
    await expect(recover({ environment: 'test', since }, deps)).rejects.toMatchObject({
      code: 'PAYMENT_ACCOUNT_CHANGED',
      status: 409,
    })
    expect(await known()).toEqual([])
  })

  test('a key that may not say whose it is does not do where the account is known', async () => {
    const { database } = system
    const begin = () => database.sql`select payments.begin_recovery('test')`
    await begin()
    await database.sql`
      insert into payments.provider_connections (provider, environment, provider_account_id)
      values ('stripe', 'test', 'acct_ours')`
    await expect(begin()).rejects.toMatchObject({ code: 'SP008' })
    await database.sql`select payments.begin_recovery('test', account_id => 'acct_ours')`
  })
})

describe('the schedule', () => {
  test('retries, recovers and syncs each environment that has a key; the catalog always, the rest once a day', async () => {
    const { deps, stripe } = system
    await deliver(deps, stripe.control.events())
    stripe.control.advance(60)
    await live('lost@example.com')
    const first = await runScheduled(deps)
    expect(first.failures).toEqual([])
    expect(first.recoveries).toMatchObject([{ environment: 'test' }])
    expect(first.recoveries[0]?.recovered).toBeGreaterThan(0)
    expect(first.syncs).toMatchObject([
      { status: 'succeeded', kinds: ['products', 'prices', 'customers', 'subscriptions'] },
    ])
    const second = await runScheduled(deps)
    expect(second.syncs).toMatchObject([{ status: 'succeeded', kinds: ['products', 'prices'] }])
  })

  test('runs when a cron trigger calls a Worker, which fails the run where a part failed', async () => {
    const { database, env, stripe } = system
    const kept: Promise<unknown>[] = []
    const context = { waitUntil: (work: Promise<unknown>) => void kept.push(work) }
    await worker.scheduled({}, env, context)
    stripe.control.fail({ path: '/v1/events', fault: { status: 400 }, times: 100 })
    await expect(worker.scheduled({}, env, context)).rejects.toThrow('The request was refused.')
    await Promise.all(kept)
    expect(await database.sql`select status from payments.sync_runs`).toEqual([
      { status: 'succeeded' },
      { status: 'succeeded' },
    ])
  })

  test('keeps what it has tried when a later event takes the connection down, and goes on there the next time', async () => {
    const { api, deps, database, prices } = system
    await projectStripeObjects(deps.database, {
      environment: 'test',
      objects: [await api.prices.retrieve(prices.once)],
      snapshotAt: new Date().toISOString(),
    })
    const events = Array.from({ length: 25 }, (_, n) => productEvent(`prod_${n}`, 'x', { id: `evt_${n}` }))
    await database.sql.unsafe(`
      create table public.mood (is_bad boolean, cancels text);
      insert into public.mood values (true, 'evt_24');
      create or replace function public.fulfil() returns trigger language plpgsql as $$
      begin
        if (select is_bad from public.mood) then raise exception 'not yet'; end if;
        if new.provider_event_id = (select cancels from public.mood) then
          perform pg_terminate_backend(pg_backend_pid());
        end if;
        return null;
      end$$;`)
    await deliver(deps, events)
    await database.sql`update public.mood set is_bad = false`
    await database.sql`
      update payments.webhook_events
      set next_attempt_at = now() - interval '1 hour' + substr(provider_event_id, 5)::integer * interval '1 second'`
    const cut = await runScheduled(deps)
    expect(cut.failures).toMatchObject([{ part: 'retry' }])
    expect(cut.retried.map(({ eventId }) => eventId)).toEqual(events.slice(0, 20).map(({ id }) => id))
    await database.sql`update public.mood set cancels = null`
    const whole = await runScheduled(deps)
    expect(whole).toMatchObject({ failures: [], retried: Array(5).fill({ processingStatus: 'processed' }) })
  })

  test('leaves what is more than a run may list to the next one', async () => {
    const { deps } = system
    const first = await runScheduled(deps, { syncPages: 3 })
    expect(first.syncs).toMatchObject([{ status: 'interrupted' }])
    const second = await runScheduled(deps, { syncPages: 3 })
    expect(second.syncs).toMatchObject([{ status: 'succeeded', attempt: 2 }])
    expect(second.syncs[0]?.id).toBe(first.syncs[0]?.id)
  })

  test('one part that fails does not keep the others back', async () => {
    const { deps, stripe, log } = system
    stripe.control.fail({ path: '/v1/events', fault: { status: 400 }, times: 100 })
    const result = await runScheduled(deps)
    expect(result.failures).toEqual([
      { part: 'recover', environment: 'test', message: 'The request was refused.' },
    ])
    expect(result.syncs).toMatchObject([{ status: 'succeeded' }])
    expect(log()).toContain('"event":"schedule_failed"')
  })
})
