/** One payment is one row, whichever of its objects is met first and in whatever order the others come. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { distinct, endsOfEveryOrder, stateOf } from './support/calls.ts'
import {
  charge,
  checkoutSession,
  eventOf,
  invoice,
  invoiceBeforeBasil,
  invoicePayment,
  type Json,
  newId,
  paymentIntent,
  refund,
  subjectMetadata,
  subscription,
  T,
} from './support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

test('invoice, invoice payment, PaymentIntent, charge and refund join into one payment and one refund, in all 120 orders', async () => {
  const customer = newId('cus')
  const paid = invoice({
    customer,
    subscription: newId('sub'),
    subscription_metadata: subjectMetadata('team', '42'),
  })
  const pi = paymentIntent({ customer, latest_charge: newId('ch') })
  const back = refund({ amount: 400, charge: pi.latest_charge, created: T + 60, payment_intent: pi.id })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('invoice.paid', paid, { created: T + 3 }),
      eventOf(
        'invoice_payment.paid',
        invoicePayment({ invoice: paid.id, payment: { payment_intent: pi.id, type: 'payment_intent' } }),
        { created: T + 3 },
      ),
      eventOf('payment_intent.succeeded', pi, { created: T + 2 }),
      eventOf(
        'charge.refunded',
        charge({ id: pi.latest_charge, amount_refunded: 400, customer, payment_intent: pi.id }),
        { created: T + 60 },
      ),
      eventOf('refund.created', back, { created: T + 60 }),
    ],
    async (sql) => (await stateOf(sql)).transactions,
  )
  expect(ends).toHaveLength(120)
  expect(distinct(ends)).toHaveLength(1)
  expect(ends[0]).toMatchObject([
    {
      type: 'subscription_invoice',
      status: 'partially_refunded',
      subject_type: 'team',
      subject_id: '42',
      provider_object_id: pi.id,
      amount: 1000,
      amount_refunded: 400,
    },
    {
      type: 'refund',
      status: 'succeeded',
      subject_type: 'team',
      subject_id: '42',
      provider_customer_id: customer,
      provider_object_id: back.id,
      provider_parent_object_id: pi.id,
      amount: 400,
    },
  ])
})

test('a subscription checkout with all its objects ends the same in all 120 orders', async () => {
  const customer = newId('cus')
  const metadata = subjectMetadata('team', '7')
  const sub = subscription({ customer, metadata })
  const paid = invoice({ customer, subscription: sub.id, subscription_metadata: metadata })
  const pi = paymentIntent({ customer, latest_charge: newId('ch') })
  const session = checkoutSession({
    customer,
    invoice: paid.id,
    metadata,
    mode: 'subscription',
    subscription: sub.id,
  })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('checkout.session.completed', session, { created: T + 3 }),
      eventOf('customer.subscription.created', sub),
      eventOf('invoice.paid', paid, { created: T + 3 }),
      eventOf(
        'invoice_payment.paid',
        invoicePayment({ invoice: paid.id, payment: { payment_intent: pi.id, type: 'payment_intent' } }),
        { created: T + 3 },
      ),
      eventOf('payment_intent.succeeded', pi, { created: T + 2 }),
    ],
    async (sql) => {
      const state = await stateOf(sql)
      const sessions = state.stripe_checkout_sessions?.map(({ id, ...row }) => row) ?? []
      return { ...state, stripe_checkout_sessions: sessions } as Record<string, Json[]>
    },
  )
  expect(ends).toHaveLength(120)
  expect(distinct(ends)).toHaveLength(1)
  expect(ends[0]?.transactions).toMatchObject([
    {
      type: 'subscription_invoice',
      status: 'succeeded',
      subject_id: '7',
      related_object_ids: {
        charge: pi.latest_charge,
        checkout_session: session.id,
        invoice: paid.id,
        payment_intent: pi.id,
        subscription: sub.id,
      },
    },
  ])
  expect(ends[0]?.stripe_subscriptions).toMatchObject([{ status: 'active', subject_id: '7' }])
  expect(ends[0]?.customer_mappings).toMatchObject([{ subject_id: '7', provider_customer_id: customer }])
})

test('the same of versions before 2025-03-31.basil, in every order', async () => {
  const customer = newId('cus')
  const pi = paymentIntent({ customer, latest_charge: newId('ch') })
  const paid = invoiceBeforeBasil({
    charge: pi.latest_charge,
    customer,
    payment_intent: pi.id,
    subscription: newId('sub'),
    subscription_metadata: subjectMetadata('team', '8'),
  })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('invoice.paid', paid, { created: T + 3 }),
      eventOf('payment_intent.succeeded', { ...pi, invoice: paid.id }, { created: T + 2 }),
      eventOf(
        'charge.refunded',
        charge({
          id: pi.latest_charge,
          amount_refunded: 1000,
          customer,
          invoice: paid.id,
          payment_intent: pi.id,
          refunded: true,
        }),
        { created: T + 60 },
      ),
      eventOf(
        'refund.created',
        refund({ charge: pi.latest_charge, created: T + 60, payment_intent: pi.id }),
        { created: T + 60 },
      ),
    ],
    async (sql) => (await stateOf(sql)).transactions,
  )
  expect(distinct(ends)).toHaveLength(1)
  expect(ends[0]).toMatchObject([
    { type: 'subscription_invoice', status: 'refunded', subject_id: '8', amount_refunded: 1000 },
    { type: 'refund', status: 'succeeded', subject_id: '8' },
  ])
})

test('a one-time checkout of a guest is one payment, in every order', async () => {
  const pi = paymentIntent({ latest_charge: newId('ch') })
  const session = checkoutSession({ payment_intent: pi.id })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('checkout.session.completed', session, { created: T + 3 }),
      eventOf('payment_intent.succeeded', pi, { created: T + 2 }),
      eventOf(
        'charge.refunded',
        charge({ id: pi.latest_charge, amount_refunded: 10, payment_intent: pi.id }),
        { created: T + 9 },
      ),
    ],
    async (sql) => (await stateOf(sql)).transactions,
  )
  expect(distinct(ends)).toHaveLength(1)
  expect(ends[0]).toMatchObject([
    {
      type: 'one_time_payment',
      status: 'partially_refunded',
      customer_email_snapshot: 'ada@example.com',
      paid_at: new Date((T + 2) * 1000).toISOString().replace('.000Z', '+00:00'),
      provider_object_type: 'payment_intent',
      provider_object_id: pi.id,
      related_object_ids: { charge: pi.latest_charge, checkout_session: session.id, payment_intent: pi.id },
    },
  ])
})

test('payments of one customer, of one subscription and of one second stay apart', async () => {
  const customer = newId('cus')
  const sub = newId('sub')
  const months = [1, 2, 3].map(() => ({
    paid: invoice({ customer, subscription: sub }),
    pi: paymentIntent({ customer }),
  }))
  const ties = months.map(({ paid, pi }) =>
    eventOf(
      'invoice_payment.paid',
      invoicePayment({ invoice: paid.id, payment: { payment_intent: pi.id, type: 'payment_intent' } }),
    ),
  )
  const ends = await endsOfEveryOrder(
    database.sql,
    [...months.slice(0, 2).map(({ paid }) => eventOf('invoice.paid', paid)), ...ties],
    async (sql) =>
      ((await stateOf(sql)).transactions ?? []).map(({ related_object_ids }) => [
        related_object_ids.invoice,
        related_object_ids.payment_intent,
      ]),
  )
  expect(distinct(ends)).toEqual([months.map(({ paid, pi }) => [paid.id, pi.id])])
})
