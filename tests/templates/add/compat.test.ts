/**
 * SQL that was written for the older names: what it reads, what it inserts, and the trigger that it hangs on payments.
 */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lifeCycles, runLifeCycle } from '../../../scripts/local-stripe/life-cycles.ts'
import { anonymous, asCaller, service, user } from '../../setup/database.ts'
import { begin, ingest, ingestAll, undone } from '../../sql/support/calls.ts'
import {
  checkoutSession,
  customer,
  eventOf,
  type Json,
  newId,
  paymentIntent,
  price,
  product,
  refund,
  subjectMetadata,
  subscription,
  T,
} from '../../sql/support/stripe.ts'
import { type App, createApp } from '../support/app.ts'

let app: App

beforeAll(async () => {
  app = await createApp('uuid')
  // one payment from before
  const early = checkoutSession({ payment_intent: newId('pi') })
  await ingest(app.sql, eventOf('checkout.session.completed', early))
  await app.install('compat')
  await app.sql.unsafe(`
    create table public.fulfilled (payment text, subject text);
    create function public.fulfil() returns trigger language plpgsql security definer as $$
    begin
      insert into public.fulfilled values (coalesce(new.stripe_checkout_session_id, new.stripe_invoice_id), new.subject_id);
      return new;
    end $$;
    create trigger fulfil after insert or update on payments.payment_history for each row
      when (new.type = 'one_time_payment' and new.status = 'succeeded') execute function public.fulfil();`)
})
afterAll(() => app.close())

const OLDER: Record<string, string> = {
  checkout_sessions:
    'id environment mode status payment_status subject_type subject_id customer_email line_items success_url cancel_url idempotency_key metadata stripe_checkout_session_id stripe_customer_id stripe_payment_intent_id stripe_subscription_id url last_error raw created_at updated_at',
  customer_portal_sessions:
    'id environment status subject_type subject_id stripe_customer_id return_url configuration_id url last_error raw created_at updated_at',
  payment_history:
    'id environment type status subject_type subject_id stripe_customer_id customer_email_snapshot stripe_checkout_session_id stripe_payment_intent_id stripe_invoice_id stripe_charge_id stripe_refund_id stripe_subscription_id stripe_product_id stripe_price_id amount amount_refunded currency description paid_at failed_at refunded_at stripe_created_at raw created_at updated_at',
  prices:
    'id environment stripe_price_id stripe_product_id active currency unit_amount unit_amount_decimal type lookup_key billing_scheme tax_behavior recurring_interval recurring_interval_count metadata raw synced_at created_at updated_at',
  products:
    'id environment stripe_product_id name description active default_price_id metadata raw synced_at created_at updated_at',
  stripe_connections:
    'id environment stripe_account_id stripe_account_email account_livemode status webhook_endpoint_id webhook_endpoint_url webhook_configured_at last_synced_at last_sync_status last_sync_error last_sync_counts raw created_at updated_at',
  stripe_customer_mappings: 'id environment subject_type subject_id stripe_customer_id created_at updated_at',
  subscription_items:
    'id environment stripe_subscription_item_id stripe_subscription_id stripe_product_id stripe_price_id quantity metadata raw created_at updated_at',
  subscriptions:
    'id environment stripe_subscription_id stripe_customer_id subject_type subject_id status current_period_start current_period_end cancel_at_period_end cancel_at canceled_at trial_start trial_end latest_invoice_id metadata raw synced_at created_at updated_at',
}

test('every older table has its older columns, with their types', async () => {
  for (const [table, columns] of Object.entries(OLDER)) {
    const rows = await app.sql`
      select attname::text as name from pg_attribute
      where attrelid = ${`payments.${table}`}::regclass and attnum > 0 and not attisdropped order by attnum`
    expect(
      rows.map(({ name }) => name),
      table,
    ).toEqual(columns.split(' '))
  }
})

test('the views show the rows of today', async () => {
  const metadata = subjectMetadata('user', app.id(1))
  await ingestAll(app.sql, [
    eventOf('product.created', product({ id: 'prod_old' })),
    eventOf('price.created', price({ id: 'price_old', product: 'prod_old' })),
    eventOf('customer.created', customer({ id: 'cus_old', metadata })),
    eventOf('customer.subscription.created', subscription({ id: 'sub_old', customer: 'cus_old', metadata })),
  ])
  const one = async (query: string) => (await app.sql.unsafe(query))[0]
  expect(await one(`select name from payments.products where stripe_product_id = 'prod_old'`)).toBeDefined()
  expect(
    await one(`select stripe_product_id from payments.prices where stripe_price_id = 'price_old'`),
  ).toEqual({ stripe_product_id: 'prod_old' })
  expect(
    await one(
      `select stripe_customer_id from payments.subscriptions where stripe_subscription_id = 'sub_old'`,
    ),
  ).toEqual({ stripe_customer_id: 'cus_old' })
  expect(
    await one(
      `select stripe_price_id from payments.subscription_items where stripe_subscription_id = 'sub_old'`,
    ),
  ).toEqual({ stripe_price_id: 'price_team' })
  expect(
    await one(
      `select stripe_customer_id from payments.stripe_customer_mappings where subject_id = '${app.id(1)}'`,
    ),
  ).toEqual({ stripe_customer_id: 'cus_old' })
  expect(await one('select count(*)::integer as connections from payments.stripe_connections')).toBeDefined()
})

describe('sessions', () => {
  const insert = (subject: string) => `
    insert into payments.checkout_sessions (environment, mode, line_items, success_url, cancel_url, subject_type, subject_id)
    values ('test', 'payment', '[{"stripePriceId": "price_old", "quantity": 2}]', 'https://a.example', 'https://b.example', 'user', '${subject}')`

  test('are inserted by an app user under the policies of today, and read back', async () => {
    await asCaller(app.sql, user(app.id(5)), (sql) => sql.unsafe(insert(app.id(5))))
    const mine = (number: number) =>
      asCaller(
        app.sql,
        user(app.id(number)),
        (sql) =>
          sql`select line_items, status from payments.checkout_sessions where subject_id = ${app.id(5)}`,
      )
    expect([...(await mine(5))]).toEqual([
      { line_items: [{ quantity: 2, stripePriceId: 'price_old' }], status: 'initialized' },
    ])
    expect([...(await mine(6))]).toEqual([])
    const [row] =
      await app.sql`select line_items, caller_id from payments.stripe_checkout_sessions where subject_id = ${app.id(5)}`
    expect(row).toMatchObject({ line_items: [{ quantity: 2, priceId: 'price_old' }] })
    await expect(
      asCaller(app.sql, user(app.id(6)), (sql) => sql.unsafe(insert(app.id(5)))),
    ).rejects.toMatchObject({ code: '42501' })
    await expect(asCaller(app.sql, anonymous, (sql) => sql.unsafe(insert(app.id(5))))).rejects.toMatchObject({
      code: '42501',
    })
  })

  test('of the portal too', async () => {
    await asCaller(app.sql, user(app.id(5)), (sql) =>
      sql.unsafe(`insert into payments.customer_portal_sessions (environment, subject_type, subject_id, return_url)
        values ('test', 'user', '${app.id(5)}', 'https://a.example')`),
    )
    const rows =
      await app.sql`select return_url, status from payments.customer_portal_sessions where subject_id = ${app.id(5)}`
    expect([...rows]).toEqual([{ return_url: 'https://a.example', status: 'initialized' }])
  })
})

describe('payment_history', () => {
  test('has the payments from before', async () => {
    expect(
      (await app.sql`select status from payments.payment_history where type = 'one_time_payment'`).length,
    ).toBeGreaterThan(0)
  })

  test('fires the trigger once for a payment, with its subject, also if the PaymentIntent comes first', async () => {
    const begun = await asCaller(app.sql, service, (sql) =>
      begin(sql, user(app.id(8)), { subject: { type: 'user', id: app.id(8) } }),
    )
    const intent = paymentIntent({ metadata: begun.params.metadata })
    const session = checkoutSession({
      client_reference_id: begun.session.id,
      metadata: begun.params.metadata,
      payment_intent: intent.id,
    })
    const completed = eventOf('checkout.session.completed', session)
    await ingestAll(app.sql, [
      eventOf('payment_intent.succeeded', intent),
      completed,
      completed,
      eventOf('payment_intent.succeeded', intent, { created: T + 1 }),
    ])
    const fired = () => app.sql`select payment, subject from public.fulfilled where payment = ${session.id}`
    expect([...(await fired())]).toEqual([{ payment: session.id, subject: app.id(8) }])
    const whole = refund({ payment_intent: intent.id })
    await ingest(app.sql, eventOf('refund.created', whole, { created: T + 5 }))
    const rows = await app.sql`
      select type, status, amount::integer, amount_refunded::integer, stripe_refund_id from payments.payment_history
      where stripe_payment_intent_id = ${intent.id} or stripe_refund_id = ${whole.id} order by type`
    expect([...rows]).toEqual([
      {
        type: 'one_time_payment',
        status: 'refunded',
        amount: 1000,
        amount_refunded: 1000,
        stripe_refund_id: null,
      },
      expect.objectContaining({
        type: 'refund',
        status: 'succeeded',
        amount: 1000,
        stripe_refund_id: whole.id,
      }),
    ])
    expect(await fired()).toHaveLength(1)
    await app.sql`select payments.refresh_payment_history()`
    expect(await fired()).toHaveLength(1)
  })

  test('a trigger that raises fails the event and is tried again, and the payment stays', async () => {
    await app.sql.unsafe(`create table public.stop (); create function public.stop_it() returns trigger language plpgsql as
      $$ begin if to_regclass('public.stop') is not null then raise exception 'stop'; end if; return new; end $$;
      create trigger stop_it after insert on payments.payment_history for each row execute function public.stop_it()`)
    const session = checkoutSession({ payment_intent: newId('pi') })
    const event = eventOf('checkout.session.completed', session)
    expect((await ingest(app.sql, event)).status).toBe('failed')
    const paid =
      await app.sql`select status from payments.transactions where provider_object_id = ${session.payment_intent}`
    expect([...paid]).toEqual([{ status: 'succeeded' }])
    await app.sql.unsafe('drop table public.stop')
    expect((await ingest(app.sql, event)).status).toBe('processed')
    expect(await app.sql`select 1 as one from public.fulfilled where payment = ${session.id}`).toHaveLength(1)
  })

  test.each(lifeCycles.map(({ name }) => name))(
    'fires once for each one-time payment when %s',
    async (name) => {
      const cycle = lifeCycles.find((one) => one.name === name)
      const { events } = runLifeCycle(cycle as (typeof lifeCycles)[number])
      for (const order of [events, events.toReversed()])
        await undone(app.sql, async (sql) => {
          await sql`delete from public.fulfilled`
          const results = await ingestAll(sql, order as Json[])
          expect(results.filter(({ status }) => status === 'failed')).toEqual([])
          const twice = await sql`select payment from public.fulfilled group by 1 having count(*) > 1`
          const failedRefunds =
            await sql`select 1 as one from payments.transactions where type = 'refund' and status = 'failed'`
          if (failedRefunds.length === 0) expect([...twice]).toEqual([])
          const wrong = await sql`
          select t.related_object_ids, t.type, t.status, h.type as was, h.status as said
          from payments.transactions as t
          left join payments.payment_history as h on h.environment = t.environment
            and case when t.type = 'refund' then h.stripe_refund_id = t.provider_object_id
              else h.type <> 'refund' and (h.stripe_checkout_session_id = t.related_object_ids ->> 'checkout_session' or h.stripe_invoice_id = t.related_object_ids ->> 'invoice') end
          where (t.type = 'refund' or t.related_object_ids ?| array['checkout_session', 'invoice'])
            and (h.type, h.status) is distinct from (t.type, t.status)`
          expect([...wrong]).toEqual([])
        })
    },
  )
})

test('the migration names every older table, and drops on the way down what is no data', async () => {
  const text = await readFile(new URL('../../../sql/templates/add/compat.sql', import.meta.url), 'utf8')
  for (const name of Object.keys(OLDER)) expect(text).toContain(`payments.${name}`)
})
