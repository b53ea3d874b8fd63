/** One payment is one row, whichever of its objects is met first and in whatever order the others come. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  distinct,
  endsOfEveryOrder,
  paymentRow,
  projectObjects,
  type Sql,
  stateOf,
  undone,
} from '../support/calls.ts'
import {
  charge,
  checkoutSession,
  declined,
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
} from '../support/stripe.ts'

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

describe('a PaymentIntent that names the first 25 characters of its invoice alone', () => {
  const ID = 'in_1SVWoDDwzgQ85STg31e2DgAb'
  const payment_details = { customer_reference: null, order_reference: ID.slice(0, 25) }

  test('is one payment with it when it is paid, without invoice_payment.paid', async () => {
    const pi = paymentIntent({ customer: 'cus_team', payment_details })
    const events = [
      eventOf('payment_intent.succeeded', pi),
      eventOf('invoice.paid', invoice({ id: ID, subscription: newId('sub') })),
    ]
    const read = async (sql: Sql) => (await paymentRow(sql, pi.id, ID)).related_object_ids
    for (const { invoice, payment_intent } of [
      ...(await endsOfEveryOrder(database.sql, events, read)),
      await undone(database.sql, async (sql) => {
        await sql`select payments.ingest_webhook_events('test', ${sql.json(events)})`
        return read(sql)
      }),
    ]) {
      expect({ invoice, payment_intent }).toEqual({ invoice: ID, payment_intent: pi.id })
    }
  })

  test('is one payment with it when it is declined', async () => {
    const pi = declined({ customer: 'cus_team', payment_details })
    const events = [
      eventOf('payment_intent.payment_failed', pi),
      eventOf(
        'invoice.payment_failed',
        invoice({ attempt_count: 1, id: ID, status: 'open', subscription: newId('sub') }),
      ),
    ]
    const ends = await endsOfEveryOrder(database.sql, events, async (sql) => {
      const { status, type } = await paymentRow(sql, pi.id, ID)
      return [type, status]
    })
    expect(distinct(ends)).toEqual([['failed_payment', 'failed']])
  })
})

test('invoices whose ids begin alike stay apart, also where a PaymentIntent names that beginning', async () => {
  const [one, other] = ['in_1SVWoDDwzgQ85STg31e2DgAb', 'in_1SVWoDDwzgQ85STg31e2DgCd']
  const paid = (id: string, customer: string) => eventOf('invoice.paid', invoice({ customer, id }))
  const pi = paymentIntent({ customer: 'cus_one', payment_details: { order_reference: one.slice(0, 25) } })
  const events = [
    paid(one, 'cus_one'),
    paid(other, 'cus_other'),
    eventOf('payment_intent.succeeded', pi, { created: T + 1 }),
  ]
  const ends = await endsOfEveryOrder(database.sql, events, async (sql) => [
    (await paymentRow(sql, one)).related_object_ids.payment_intent,
    (await paymentRow(sql, other)).related_object_ids.payment_intent ?? null,
  ])
  expect(distinct(ends)).toEqual([[pi.id, null]])
})

test('an invoice that is paid out of band does not name the charge that was declined', async () => {
  const id = newId('in')
  const [pi, ch] = [newId('pi'), newId('ch')]
  const events = [
    eventOf('payment_intent.payment_failed', declined({ id: pi, invoice: id, latest_charge: ch })),
    eventOf(
      'invoice.paid',
      invoiceBeforeBasil({ charge: ch, id, paid_out_of_band: true, payment_intent: pi, status: 'paid' }),
      { created: T + 60 },
    ),
  ]
  const ends = await endsOfEveryOrder(database.sql, events, async (sql) => {
    const { related_object_ids, status } = await paymentRow(sql, id)
    return [status, related_object_ids.charge ?? null]
  })
  expect(distinct(ends)).toEqual([['succeeded', null]])
})

test('parts of an open invoice that were paid by other means than PaymentIntents count', async () => {
  const [id, pi] = [newId('in'), newId('pi')]
  const part = (amount_paid: number, payment: Json) =>
    eventOf('invoice_payment.paid', invoicePayment({ amount_paid, invoice: id, payment }))
  const events = [
    eventOf('payment_intent.succeeded', paymentIntent({ amount: 300, amount_received: 300, id: pi })),
    part(300, { payment_intent: pi, type: 'payment_intent' }),
    part(200, { payment_record: 'pr_1', type: 'payment_record' }),
  ]
  const ends = await endsOfEveryOrder(database.sql, events, async (sql) => (await paymentRow(sql, id)).amount)
  expect(distinct(ends)).toEqual([500])
})

test('the charge of a payment is the one that succeeded, and not one that was in process before', async () => {
  const id = newId('pi')
  const told = (type: string, status: string, latest_charge: string, created: number, more: Json = {}) =>
    eventOf(type, paymentIntent({ id, latest_charge, status, ...more }), { created })
  const events = [
    told('payment_intent.processing', 'processing', 'py_A', T + 1),
    eventOf('payment_intent.payment_failed', declined({ id, latest_charge: 'py_A' }), { created: T + 2 }),
    told('payment_intent.processing', 'processing', 'py_B', T + 3),
    told('payment_intent.succeeded', 'succeeded', 'py_B', T + 4),
  ]
  const ends = await endsOfEveryOrder(
    database.sql,
    events,
    async (sql) => (await paymentRow(sql, id)).related_object_ids.charge,
  )
  expect(distinct(ends)).toEqual(['py_B'])
})

test('of several PaymentIntents that paid an invoice, the first one stands for the payment, whatever is said of the others', async () => {
  const id = newId('in')
  const part = (created: number) => {
    const pi = paymentIntent({ amount: 500, amount_received: 500, created, latest_charge: newId('ch') })
    return [
      eventOf('payment_intent.succeeded', pi, { created }),
      eventOf(
        'invoice_payment.paid',
        invoicePayment({
          amount_paid: 500,
          invoice: id,
          payment: { payment_intent: pi.id, type: 'payment_intent' },
        }),
        { created },
      ),
    ]
  }
  const [first, second] = [part(T + 1), part(T + 60)]
  const pi = first[0]?.data.object.id
  const ends = await endsOfEveryOrder(database.sql, [...first, ...second], async (sql) => {
    await projectObjects(sql, [second[0]?.data.object], T + 900)
    return (await paymentRow(sql, id)).provider_object_id
  })
  expect(distinct(ends)).toEqual([pi])
})
