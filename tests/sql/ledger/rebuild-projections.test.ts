/** A rebuild changes nothing that is right, also where only a part of the ledger is left. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  customerRow,
  eventRow,
  ingest,
  ingestAll,
  paymentRow,
  refusal,
  subscriptionRow,
  undone,
} from '../support/calls.ts'
import {
  charge,
  customer,
  declined,
  eventOf,
  newId,
  paymentIntent,
  refund,
  subjectMetadata,
  subscription,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

test('rows stay what they are meanwhile: a trigger of the app sees none come or go, nor an older state', async () => {
  const { sql } = database
  const subject = subjectMetadata('team', newId('rebuilt'))
  const [first, second] = [newId('cus'), newId('cus')]
  const intent = paymentIntent({ customer: first, metadata: subject })
  const paid = charge({ payment_intent: intent.id, customer: first, amount_refunded: 100 })
  const ended = subscription({ customer: first, metadata: subject, status: 'canceled' })
  const living = subscription({ customer: second, metadata: subject, created: T + 5 })
  await ingest(sql, eventOf('payment_intent.succeeded', { ...intent, latest_charge: paid.id }))
  await ingest(
    sql,
    eventOf('refund.created', refund({ charge: paid.id, payment_intent: intent.id }), { created: T + 9 }),
  )
  await ingest(sql, eventOf('customer.subscription.deleted', ended, { created: T + 9 }))
  // Both in one second and in one list, so that nothing but their kinds tells which came last.
  await ingestAll(sql, [
    eventOf(
      'customer.subscription.created',
      { ...living, status: 'incomplete' },
      { created: T + 9, id: 'evt_a_rebuilt' },
    ),
    eventOf('customer.subscription.updated', living, { created: T + 9, id: 'evt_b_rebuilt' }),
  ])
  const shown = () => sql`
    select
      (select jsonb_agg(t.id || ' ' || t.created_at order by t.id) from payments.transactions as t where t.subject_id = ${String(subject.payments_subject_id)}) as transactions,
      (select jsonb_agg(m.id || ' ' || m.created_at) from payments.customer_mappings as m where m.provider_customer_id = ${second}) as mappings`
  const before = await shown()
  expect(before[0]).toMatchObject({ transactions: { length: 2 }, mappings: { length: 1 } })
  await sql.unsafe(`
    create table public.seen (what text);
    create function public.see() returns trigger language plpgsql as $$
    begin
      if tg_op <> 'UPDATE' then
        insert into public.seen values (tg_op || ' ' || tg_table_name);
      elsif tg_table_name = 'stripe_subscriptions' and (to_jsonb(new) ->> 'status') <> (to_jsonb(old) ->> 'status') then
        insert into public.seen values (to_jsonb(new) ->> 'status');
      end if;
      return null;
    end $$;
    create trigger see after insert or update or delete on payments.transactions for each row execute function public.see();
    create trigger see after insert or update or delete on payments.customer_mappings for each row execute function public.see();
    create trigger see after insert or update or delete on payments.stripe_subscriptions for each row execute function public.see()`)
  await sql`select payments.rebuild_projections('test')`
  expect(await sql`select what from public.seen`).toEqual([])
  expect(await shown()).toEqual(before)
  await sql.unsafe(`
    drop trigger see on payments.transactions; drop trigger see on payments.customer_mappings;
    drop trigger see on payments.stripe_subscriptions; drop function public.see(); drop table public.seen`)
})

test('what pruned events told of stays, although older events about it are still there', async () => {
  const { sql } = database
  const id = paymentIntent().id
  const [sub, ada] = [subscription(), customer({ name: 'New' })]
  await ingest(sql, eventOf('payment_intent.succeeded', paymentIntent({ id }), { created: T + 10 }))
  await ingest(
    sql,
    eventOf('customer.subscription.updated', { ...sub, status: 'past_due' }, { created: T + 50 }),
  )
  await ingest(sql, eventOf('customer.updated', ada, { created: T + 50 }))
  await sql`update payments.webhook_events set received_at = now() - interval '200 days'`
  await sql`select payments.prune_webhook_events(interval '90 days')`
  // These come late.
  await ingest(sql, eventOf('payment_intent.payment_failed', declined({ id }), { created: T }))
  await ingest(sql, eventOf('customer.subscription.created', sub, { created: T }))
  await ingest(sql, eventOf('customer.created', { ...ada, name: 'Old' }, { created: T }))
  const shown = async () => ({
    payment: (await paymentRow(sql, id)).status,
    subscription: (await subscriptionRow(sql, sub.id)).status,
    customer: (await customerRow(sql, ada.id)).name,
  })
  const before = await shown()
  expect(before).toEqual({ payment: 'succeeded', subscription: 'past_due', customer: 'New' })
  await sql`select payments.rebuild_projections('test')`
  expect(await shown()).toEqual(before)
})

test('an event that cannot be projected again is told, and nothing is changed', async () => {
  const { sql } = database
  const event = eventOf('payment_intent.succeeded', paymentIntent())
  await ingest(sql, event)
  const before = await paymentRow(sql, event.data.object.id)
  await sql.unsafe(`
    create function public.refuse() returns trigger language plpgsql as $$ begin raise 'not now'; end $$;
    create trigger refuse before insert or update on payments_private.payment_objects
      for each row when (new.object_id = '${event.data.object.id}' and new.version > 0) execute function public.refuse()`)
  const { code, message } = await refusal(sql`select payments.rebuild_projections('test')`)
  expect({ code, message }).toEqual({
    code: 'SP022',
    message: `Event ${event.id} cannot be projected again: not now`,
  })
  expect(await paymentRow(sql, event.data.object.id)).toEqual(before)

  // What is kept as failed may fail again.
  await sql`
    update payments.webhook_events set processing_status = 'failed', processed_at = null
    where provider_event_id = ${event.id}`
  await sql`select payments.rebuild_projections('test')`
  expect(await paymentRow(sql, event.data.object.id)).toEqual(before)
  await sql.unsafe('drop trigger refuse on payments_private.payment_objects; drop function public.refuse()')
})

test('what is the fault of the server ends it, also at an event that is kept as failed', async () => {
  const { sql } = database
  const event = eventOf('payment_intent.succeeded', paymentIntent())
  await ingest(sql, event)
  const { id } = event.data.object
  const before = await paymentRow(sql, id)
  await sql.unsafe(`
    update payments.webhook_events set processing_status = 'failed', processed_at = null where provider_event_id = '${event.id}';
    create function public.refuse() returns trigger language plpgsql as
      $$ begin raise 'no lock to be had' using errcode = 'lock_not_available'; end $$;
    create trigger refuse before insert on payments_private.payment_objects
      for each row when (new.object_id = '${id}') execute function public.refuse()`)
  await expect(sql`select payments.rebuild_projections('test')`).rejects.toMatchObject({ code: '55P03' })
  await sql.unsafe('drop trigger refuse on payments_private.payment_objects; drop function public.refuse()')
  expect(await paymentRow(sql, id)).toEqual(before)
})

test('it holds one lock, however many payments there are', async () => {
  const { sql } = database
  for (let n = 0; n < 5; n += 1) await ingest(sql, eventOf('payment_intent.succeeded', paymentIntent()))
  const locks = await undone(sql, async (mine) => {
    await mine`select payments.rebuild_projections('test')`
    return mine`select mode from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`
  })
  expect(locks.map(({ mode }) => mode)).toEqual(['ExclusiveLock'])
})

test('an event of another account is not projected, although a trigger raised on it', async () => {
  const { sql } = database
  await sql.unsafe(`
    create function public.refuse() returns trigger language plpgsql as $$ begin raise 'not ours'; end $$;
    create trigger refuse before insert on payments.webhook_events
      for each row when (new.processing_status = 'ignored') execute function public.refuse()`)
  const { id } = paymentIntent()
  const event = { ...eventOf('payment_intent.succeeded', paymentIntent({ id })), account: 'acct_other' }
  expect((await ingest(sql, event)).status).toBe('failed')
  await sql.unsafe('drop trigger refuse on payments.webhook_events; drop function public.refuse()')
  await sql`select payments.rebuild_projections('test')`
  await expect(paymentRow(sql, id)).rejects.toThrow('0 payments')
})

test('a second of which a part is pruned is not told again, neither by a rebuild nor by an event that comes late', async () => {
  const { sql } = database
  const sub = subscription()
  const told = (status: string, created: number) =>
    eventOf('customer.subscription.updated', { ...sub, status }, { created, id: newId('evt') })
  const [first, last] = [told('past_due', T + 5), told('unpaid', T + 5)]
  await ingest(sql, first)
  await ingest(sql, last)
  await sql`update payments.stripe_subscriptions set status = 'unpaid' where subscription_id = ${sub.id}`
  await sql`update payments.webhook_events set payload = '{}' where provider_event_id = ${last.id}`
  expect((await eventRow(sql, first.id)).payload).not.toEqual({})
  await sql`select payments.rebuild_projections('test')`
  expect((await subscriptionRow(sql, sub.id)).status).toBe('unpaid')
  await ingest(sql, told('active', T))
  expect((await subscriptionRow(sql, sub.id)).status).toBe('unpaid')
})

test('a prune waits for it', async () => {
  const { sql } = database
  await sql.begin(async (other) => {
    await other`select payments.rebuild_projections('test')`
    await expect(
      sql.begin(async (mine) => {
        await mine`set local lock_timeout = '50ms'`
        await mine`select payments.prune_webhook_events('90 days')`
      }),
    ).rejects.toMatchObject({ code: '55P03' })
    await sql`select payments.prune_webhook_events('90 days', environment => 'live')`
  })
})
