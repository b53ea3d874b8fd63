/** Invoices and credit notes → their rows. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  paymentRow,
  projectObjects,
  type Sql,
} from '../support/calls.ts'
import {
  charge,
  creditNote,
  customer,
  eventOf,
  invoice,
  invoiceBeforeBasil,
  type Json,
  newId,
  paymentIntent,
  subjectMetadata,
  subscription,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

async function invoiceRow(sql: Sql, id: unknown): Promise<Json> {
  const [row] = await sql`select * from payments.stripe_invoices where invoice_id = ${String(id)}`
  return row as Json
}

async function creditNoteRow(sql: Sql, id: unknown): Promise<Json> {
  const [row] = await sql`select * from payments.stripe_credit_notes where credit_note_id = ${String(id)}`
  return row as Json
}

const draft = (more: Json = {}) =>
  invoice({
    amount_paid: 0,
    amount_remaining: 1000,
    attempt_count: 0,
    customer: newId('cus'),
    status: 'draft',
    status_transitions: { finalized_at: null, paid_at: null, voided_at: null },
    ...more,
  })

describe('an invoice is a row with every column', () => {
  test.each([
    ['today', invoice, { total_taxes: [{ amount: 190 }] }],
    ['before 2025-03-31.basil', invoiceBeforeBasil, { tax: 190, total_tax_amounts: [{ amount: 190 }] }],
  ])('in the shape of %s', async (_, shape, taxes) => {
    const paid = shape({
      amount_due: 1190,
      amount_paid: 1190,
      billing_reason: 'subscription_cycle',
      collection_method: 'charge_automatically',
      customer: newId('cus'),
      description: 'July',
      due_date: T + 86_400,
      hosted_invoice_url: 'https://invoice.stripe.com/i/x',
      invoice_pdf: 'https://pay.stripe.com/invoice/x/pdf',
      number: 'A-0001',
      period_end: T + 10,
      period_start: T - 10,
      subscription: newId('sub'),
      subscription_metadata: subjectMetadata('team', '42'),
      subtotal: 1000,
      total: 1190,
      ...taxes,
    })
    await ingest(database.sql, eventOf('invoice.paid', paid))
    expect(await invoiceRow(database.sql, paid.id)).toMatchObject({
      number: 'A-0001',
      status: 'paid',
      customer_id: paid.customer,
      subject_type: 'team',
      subject_id: '42',
      subscription_id: paid.subscription ?? paid.parent.subscription_details.subscription,
      billing_reason: 'subscription_cycle',
      collection_method: 'charge_automatically',
      currency: 'usd',
      subtotal: '1000',
      tax: '190',
      total: '1190',
      amount_due: '1190',
      amount_paid: '1190',
      amount_remaining: '0',
      description: 'July',
      hosted_invoice_url: 'https://invoice.stripe.com/i/x',
      invoice_pdf: 'https://pay.stripe.com/invoice/x/pdf',
      period_start: new Date((T - 10) * 1000),
      period_end: new Date((T + 10) * 1000),
      due_at: new Date((T + 86_400) * 1000),
      paid_at: new Date(T * 1000),
      provider_created_at: new Date(T * 1000),
      deleted: false,
    })
  })
})

test('the status of an invoice is the last one in every order, also within one second', async () => {
  const made = draft()
  const open = { ...made, number: 'A-1', status: 'open', status_transitions: { finalized_at: T } }
  const paid = { ...open, amount_paid: 1000, amount_remaining: 0, status: 'paid' }
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('invoice.created', made),
      eventOf('invoice.finalized', open),
      eventOf('invoice.updated', paid, {
        previous: { amount_paid: 0, amount_remaining: 1000, status: 'open' },
      }),
      eventOf('invoice.paid', paid),
    ],
    async (sql) => {
      const { status, number, amount_remaining } = await invoiceRow(sql, made.id)
      return { status, number, amount_remaining }
    },
  )
  expect(distinct(ends)).toEqual([{ status: 'paid', number: 'A-1', amount_remaining: '0' }])
})

test('a draft that was deleted stays deleted, whatever arrives late', async () => {
  const made = draft()
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('invoice.created', made),
      eventOf(
        'invoice.updated',
        { ...made, description: 'Tea' },
        { created: T + 1, previous: { description: null } },
      ),
      eventOf('invoice.deleted', { ...made, description: 'Tea' }, { created: T + 2 }),
    ],
    async (sql) => (await invoiceRow(sql, made.id)).deleted,
  )
  expect(distinct(ends)).toEqual([true])
})

test('an event about a draft or an open invoice says nothing of money, so it makes no payment', async () => {
  const made = draft()
  await ingestAll(database.sql, [
    eventOf('invoice.created', made),
    eventOf('invoice.voided', { ...made, status: 'void', attempt_count: 1 }, { created: T + 5 }),
  ])
  expect((await invoiceRow(database.sql, made.id)).status).toBe('void')
  expect(
    await database.sql`select from payments_private.payment_objects where object_id = ${made.id}`,
  ).toEqual([])
})

test('an invoice that names nobody belongs to the subject of its subscription, whichever is heard of first', async () => {
  const plan = subscription({ customer: newId('cus'), metadata: subjectMetadata('team', 'late') })
  const bill = draft({ customer: plan.customer, subscription: plan.id })
  const note = creditNote({ customer: plan.customer, invoice: bill.id })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('customer.subscription.created', plan),
      eventOf('invoice.created', bill),
      eventOf('credit_note.created', note),
    ],
    async (sql) => [
      (await invoiceRow(sql, bill.id)).subject_id,
      (await creditNoteRow(sql, note.id)).subject_id,
    ],
  )
  expect(distinct(ends)).toEqual([['late', 'late']])
})

test('the first subject that an invoice names is its own for good', async () => {
  const made = draft({ metadata: subjectMetadata('team', 'first') })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('invoice.created', made),
      eventOf('invoice.updated', { ...made, metadata: {} }, { created: T + 1 }),
      eventOf('invoice.updated', { ...made, metadata: subjectMetadata('team', 'other') }, { created: T + 2 }),
    ],
    async (sql) => (await invoiceRow(sql, made.id)).subject_id,
  )
  expect(distinct(ends)).toEqual(['first'])
})

test('a word that Stripe adds is kept as a status', async () => {
  const made = draft({ status: 'suspended' })
  await ingest(database.sql, eventOf('invoice.updated', made))
  expect((await invoiceRow(database.sql, made.id)).status).toBe('suspended')
})

test('an answer of the API fills the row of an invoice that no event told of', async () => {
  const made = draft({ status: 'open' })
  await projectObjects(database.sql, [made], T + 10)
  expect(await invoiceRow(database.sql, made.id)).toMatchObject({ status: 'open', amount_remaining: '1000' })
})

test('a credit note is a row with every column, and void is its last state in every order', async () => {
  const bill = draft({ status: 'open', metadata: subjectMetadata('team', '7') })
  await ingest(database.sql, eventOf('invoice.finalized', bill))
  const note = creditNote({ invoice: bill.id, customer: bill.customer, memo: 'Sorry' })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('credit_note.created', note),
      eventOf('credit_note.voided', { ...note, status: 'void', voided_at: T + 90 }, { created: T + 90 }),
    ],
    (sql) => creditNoteRow(sql, note.id),
  )
  for (const end of ends)
    expect(end).toMatchObject({
      number: 'A-0001-CN-01',
      status: 'void',
      type: 'pre_payment',
      reason: 'order_change',
      invoice_id: bill.id,
      customer_id: bill.customer,
      subject_type: 'team',
      subject_id: '7',
      subtotal: '252',
      tax: '48',
      total: '300',
      amount: '300',
      memo: 'Sorry',
      pdf: 'https://pay.stripe.com/credit_notes/x/pdf',
      voided_at: new Date((T + 90) * 1000),
    })
})

test('a payment shows the receipt and the card of its charge, whichever is heard of first', async () => {
  const paying = charge({
    payment_intent: newId('pi'),
    payment_method_details: { card: { brand: 'visa', last4: '4242' }, type: 'card' },
    receipt_url: 'https://pay.stripe.com/receipts/x',
  })
  const intent = paymentIntent({ id: paying.payment_intent, latest_charge: paying.id })
  const ends = await endsOfEveryOrder(
    database.sql,
    [eventOf('charge.succeeded', paying), eventOf('payment_intent.succeeded', intent)],
    async (sql) => {
      const { status, receipt_url, card_brand, card_last4 } = await paymentRow(sql, intent.id)
      return { status, receipt_url, card_brand, card_last4 }
    },
  )
  expect(distinct(ends)).toEqual([
    {
      status: 'succeeded',
      receipt_url: 'https://pay.stripe.com/receipts/x',
      card_brand: 'visa',
      card_last4: '4242',
    },
  ])
})

test('a rebuild from nothing gives the same invoices, credit notes and receipts', async () => {
  const { sql } = database
  const state = () => sql`
    select (select jsonb_agg(to_jsonb(i) - '{id,created_at,updated_at,synced_at}'::text[] order by invoice_id)
        from payments.stripe_invoices as i where version & 7 <> 6) as invoices,
      (select jsonb_agg(to_jsonb(n) - '{id,created_at,updated_at,synced_at}'::text[] order by credit_note_id)
        from payments.stripe_credit_notes as n) as notes,
      (select jsonb_agg(receipt_url order by receipt_url) from payments.transactions) as receipts`
  await ingest(sql, eventOf('customer.created', customer()))
  const before = await state()
  await sql`delete from payments.stripe_invoices`
  await sql`delete from payments.stripe_credit_notes`
  await sql`delete from payments_private.charge_details`
  await sql`select payments.rebuild_projections('test')`
  expect(await state()).toEqual(before)
})
