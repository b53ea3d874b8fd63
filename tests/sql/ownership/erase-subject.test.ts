/** payments.erase_subject: nothing personal is left, and nothing comes back. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { ingest, ingestAll, paymentRow, projectObjects, refusal } from '../support/calls.ts'
import {
  charge,
  checkoutSession,
  customer,
  eventOf,
  invoice,
  type Json,
  newId,
  paymentIntent,
  refund,
  subjectMetadata,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const PERSONAL = [
  'grace@example.com',
  'Grace Hopper',
  'Street 1',
  '+1 555',
  'fp_secret',
  '4242',
  'receipts/grace',
]

/** Every row of every table that holds some of these words, as table names. */
async function tablesWith(words: string[]): Promise<string[]> {
  const { sql } = database
  const tables = await sql<{ name: string }[]>`
    select c.oid::regclass::text as name from pg_class as c
    where c.relkind = 'r' and c.relnamespace in ('payments'::regnamespace, 'payments_private'::regnamespace)`
  const found: string[] = []
  for (const { name } of tables) {
    const [row] = await sql.unsafe(
      `select count(*)::integer as count from ${name} as t
      where exists (select from unnest($1::text[]) as w (word) where to_jsonb(t)::text like '%' || w.word || '%')`,
      [words as never],
    )
    if ((row?.count ?? 0) > 0) found.push(name)
  }
  return found
}

const erase = async (type: string, id: string): Promise<Json> =>
  (await database.sql`select payments.erase_subject('test', ${type}, ${id}) as result`)[0]?.result

const details = {
  email: 'grace@example.com',
  name: 'Grace Hopper',
  phone: '+1 555',
  address: { line1: 'Street 1' },
}
const grace = customer({
  ...details,
  metadata: { ...subjectMetadata('user', 'grace'), note: 'Grace Hopper' },
})
const paying = charge({
  billing_details: details,
  customer: grace.id,
  payment_intent: newId('pi'),
  payment_method_details: { card: { brand: 'visa', fingerprint: 'fp_secret', last4: '4242' }, type: 'card' },
  receipt_email: 'grace@example.com',
  receipt_url: 'https://pay.stripe.com/receipts/grace',
})
const intent = paymentIntent({
  customer: grace.id,
  id: paying.payment_intent,
  latest_charge: paying.id,
  receipt_email: 'grace@example.com',
})
const session = checkoutSession({
  customer: grace.id,
  customer_details: details,
  metadata: subjectMetadata('user', 'grace'),
  payment_intent: intent.id,
})
const bill = invoice({
  customer: grace.id,
  customer_email: 'grace@example.com',
  customer_name: 'Grace Hopper',
  hosted_invoice_url: 'https://invoice.stripe.com/receipts/grace',
  number: 'G-1',
})
const ada = customer({ email: 'ada@example.org' })

test('it removes personal data from every table and payload, and keeps amounts, ids and other people', async () => {
  await ingestAll(database.sql, [
    eventOf('customer.created', grace),
    eventOf(
      'customer.updated',
      { ...grace, phone: null },
      { created: T + 1, previous: { name: 'Grace Hopper', phone: '+1 555' } },
    ),
    eventOf('charge.succeeded', paying),
    eventOf('payment_intent.succeeded', intent),
    eventOf('checkout.session.completed', session),
    eventOf('invoice.paid', bill),
    eventOf('customer.created', ada),
  ])
  expect(await tablesWith(PERSONAL)).toEqual(
    expect.arrayContaining(['payments.customers', 'payments.transactions', 'payments.webhook_events']),
  )
  expect(await erase('user', 'grace')).toMatchObject({ customers: 1, living_subscriptions: 0, events: 6 })
  expect(await tablesWith(PERSONAL)).toEqual([])
  expect(await tablesWith(['ada@example.org'])).toEqual(['payments.customers', 'payments.webhook_events'])
  expect(await paymentRow(database.sql, intent.id)).toMatchObject({
    status: 'succeeded',
    amount: 1000,
    currency: 'usd',
    subject_type: 'user',
    subject_id: 'grace',
    provider_customer_id: grace.id,
  })
})

test('a rebuild, late events, new events of the customer and answers of the API bring nothing back', async () => {
  const { sql } = database
  await sql`select payments.rebuild_projections('test')`
  expect(await tablesWith(PERSONAL)).toEqual([])
  const later = { created: T + 100 }
  const again = charge({ ...paying, id: newId('ch'), payment_intent: newId('pi') })
  await ingestAll(sql, [
    eventOf(
      'customer.updated',
      { ...grace, name: 'Grace Hopper' },
      { ...later, previous: { name: 'Grace' } },
    ),
    eventOf('charge.succeeded', again, later),
    eventOf(
      'payment_intent.succeeded',
      paymentIntent({ ...intent, id: again.payment_intent, latest_charge: again.id }),
      later,
    ),
    eventOf('charge.refunded', { ...paying, amount_refunded: 100 }, later),
    eventOf('refund.created', refund({ amount: 100, charge: paying.id, payment_intent: intent.id }), later),
    eventOf('invoice.updated', { ...bill, metadata: { a: 'b' } }, later),
    eventOf(
      'checkout.session.completed',
      { ...session, id: newId('cs'), payment_intent: newId('pi') },
      later,
    ),
    eventOf(
      'charge.dispute.created',
      {
        id: newId('dp'),
        object: 'dispute',
        amount: 1000,
        charge: paying.id,
        created: T,
        currency: 'usd',
        evidence: details,
        metadata: {},
        payment_intent: intent.id,
        status: 'needs_response',
      },
      later,
    ),
    eventOf(
      'customer.tax_id.created',
      {
        id: newId('txi'),
        object: 'tax_id',
        customer: grace.id,
        owner: { name: 'x' },
        email: 'grace@example.com',
      },
      later,
    ),
  ])
  await projectObjects(sql, [grace, paying, session, bill], T + 200)
  expect(await tablesWith(PERSONAL)).toEqual([])
  expect(await paymentRow(sql, intent.id)).toMatchObject({ amount: 1000, amount_refunded: 100 })
})

test('it can be repeated', async () => {
  expect(await erase('user', 'grace')).toMatchObject({ customers: 1, events: 0 })
})

test('it does not fulfil anything twice', async () => {
  const { sql } = database
  const bob = customer({ email: 'bob@example.com', metadata: {} })
  const buying = paymentIntent({
    customer: bob.id,
    metadata: subjectMetadata('user', 'bob'),
    receipt_email: 'bob@example.com',
  })
  await sql.unsafe(`
    create table public.fulfilled (event_id text);
    create function public.fulfil() returns trigger language plpgsql as $$
      begin insert into public.fulfilled values (new.provider_event_id); return new; end $$;
    create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed') execute function public.fulfil()`)
  await ingest(sql, eventOf('payment_intent.succeeded', buying))
  await erase('user', 'bob')
  expect(await sql`select count(*)::integer as count from public.fulfilled`).toEqual([{ count: 1 }])
  expect(await tablesWith(['bob@example.com'])).toEqual([])
})

test('a subject of which nothing is known is refused with a sentence', async () => {
  expect(await refusal(erase('user', 'nobody'))).toEqual({
    code: 'SP063',
    message: 'Nothing of the user nobody is known in test.',
    hint: 'Check the type and the id of the billing subject, and the environment.',
  })
})
