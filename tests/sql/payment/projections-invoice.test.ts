/** Invoice and invoice payment → their payment. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  paymentRow,
  paymentRows,
  projectObjects,
} from '../support/calls.ts'
import {
  charge,
  declined,
  eventOf,
  invoice,
  invoiceBeforeBasil,
  invoiceLine,
  invoicePayment,
  newId,
  paymentIntent,
  subjectMetadata,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const paidAt = (seconds: number) => ({ status_transitions: { paid_at: seconds } })

describe('a paid invoice of a subscription is a payment with every column', () => {
  test.each([
    ['today', invoice],
    ['before 2025-03-31.basil', invoiceBeforeBasil],
  ])('in the shape of %s', async (_, shape) => {
    const paid = shape({
      created: T - 60,
      customer: newId('cus'),
      description: 'July',
      subscription: newId('sub'),
      subscription_metadata: subjectMetadata('team', '42'),
      ...paidAt(T + 7),
    })
    await ingest(database.sql, eventOf('invoice.paid', paid, { created: T + 9 }))
    expect(await paymentRow(database.sql, paid.id)).toMatchObject({
      type: 'subscription_invoice',
      status: 'succeeded',
      subject_type: 'team',
      subject_id: '42',
      provider_customer_id: paid.customer,
      customer_email_snapshot: 'ada@example.com',
      provider_object_type: 'invoice',
      provider_object_id: paid.id,
      related_object_ids: {
        invoice: paid.id,
        price: 'price_team',
        product: 'prod_team',
        subscription: paid.subscription ?? paid.parent.subscription_details.subscription,
      },
      amount: 1000,
      amount_refunded: 0,
      currency: 'usd',
      description: 'July',
      paid_at: T + 7,
      failed_at: null,
      provider_created_at: T - 60,
    })
  })
})

test('an invoice of its own is a one-time payment', async () => {
  const paid = invoice()
  await ingest(database.sql, eventOf('invoice.paid', paid))
  expect(await paymentRow(database.sql, paid.id)).toMatchObject({
    type: 'one_time_payment',
    status: 'succeeded',
  })
})

test('an invoice that was paid out of band, or with credit, is paid without a PaymentIntent', async () => {
  const outOfBand = invoice({ paid_out_of_band: true, subscription: newId('sub') })
  const credit = invoice({
    amount_due: 0,
    amount_paid: 0,
    starting_balance: -1000,
    subscription: newId('sub'),
  })
  await ingestAll(database.sql, [eventOf('invoice.paid', outOfBand), eventOf('invoice.paid', credit)])
  expect(await paymentRow(database.sql, outOfBand.id)).toMatchObject({
    status: 'succeeded',
    amount: 1000,
    provider_object_type: 'invoice',
  })
  expect(await paymentRow(database.sql, credit.id)).toMatchObject({
    status: 'succeeded',
    amount: 0,
    amount_refunded: 0,
  })
})

test('the first invoice of a trial is paid with nothing', async () => {
  const paid = invoice({ amount_due: 0, amount_paid: 0, subscription: newId('sub') })
  await ingest(database.sql, eventOf('invoice.paid', paid))
  expect(await paymentRow(database.sql, paid.id)).toMatchObject({
    type: 'subscription_invoice',
    status: 'succeeded',
    amount: 0,
  })
})

test('before there was a status, paid said it', async () => {
  const { status, ...old } = invoiceBeforeBasil({ paid: true })
  await ingest(database.sql, eventOf('invoice.paid', old))
  expect((await paymentRow(database.sql, old.id as string)).status).toBe('succeeded')
})

test('an endpoint made by hand may tell of it as invoice.payment_succeeded', async () => {
  const { status_transitions: _, ...old } = invoice({ amount_paid: 1900, status: 'paid' })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('invoice.payment_succeeded', old, { created: T + 5 }),
      eventOf('invoice.payment_failed', { ...old, amount_paid: 0, attempt_count: 1, status: 'open' }),
    ],
    async (sql) => {
      const { status, amount, paid_at } = await paymentRow(sql, old.id)
      return { status, amount, paid_at }
    },
  )
  expect(distinct(ends)).toEqual([{ status: 'succeeded', amount: 1900, paid_at: T + 5 }])
})

test('without status_transitions the instant of the event counts', async () => {
  const { status_transitions, ...old } = invoiceBeforeBasil()
  await ingest(database.sql, eventOf('invoice.paid', old, { created: T + 12 }))
  expect((await paymentRow(database.sql, old.id as string)).paid_at).toBe(T + 12)
})

test('a line of an old plan, and an invoice without lines, are read', async () => {
  const planned = invoiceBeforeBasil({ lines: [{ id: 'il_1', plan: { id: 'plan_1', product: 'prod_1' } }] })
  const bare = invoice({ lines: [] })
  await ingestAll(database.sql, [eventOf('invoice.paid', planned), eventOf('invoice.paid', bare)])
  expect((await paymentRow(database.sql, planned.id)).related_object_ids).toMatchObject({
    price: 'plan_1',
    product: 'prod_1',
  })
  expect((await paymentRow(database.sql, bare.id)).related_object_ids).toEqual({ invoice: bare.id })
})

test('expanded prices are read', async () => {
  const paid = invoice({
    lines: [
      invoiceLine({ pricing: { price_details: { price: { id: 'price_x' }, product: { id: 'prod_x' } } } }),
    ],
  })
  await projectObjects(database.sql, [paid], T)
  expect((await paymentRow(database.sql, paid.id)).related_object_ids).toMatchObject({
    price: 'price_x',
    product: 'prod_x',
  })
})

describe('a renewal that fails', () => {
  const [subscription, pi] = [newId('sub'), newId('pi')]
  const open = invoice({
    amount_paid: 0,
    status: 'open',
    status_transitions: { paid_at: null },
    subscription,
  })
  const failed = eventOf('invoice.payment_failed', open, { created: T + 5 })
  const attempt = eventOf('payment_intent.payment_failed', declined({ id: pi }), { created: T + 4 })
  const again = eventOf('invoice.payment_failed', { ...open, attempt_count: 2 }, { created: T + 500 })
  const tie = invoicePayment({
    amount_paid: 0,
    invoice: open.id,
    payment: { payment_intent: pi, type: 'payment_intent' },
  })
  const paid = { ...open, amount_paid: 1000, attempt_count: 3, status: 'paid', ...paidAt(T + 900) }

  test('is a failed payment, with the instant of the latest attempt, in every order', async () => {
    const ends = await endsOfEveryOrder(database.sql, [failed, again], async (sql) => {
      const { type, status, failed_at, amount } = await paymentRow(sql, open.id)
      return { type, status, failed_at, amount }
    })
    expect(distinct(ends)).toEqual([
      { type: 'failed_payment', status: 'failed', failed_at: T + 500, amount: 1000 },
    ])
  })

  test('and is paid in the end is one payment, in every order', async () => {
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        failed,
        attempt,
        eventOf('invoice.paid', paid, { created: T + 901 }),
        eventOf(
          'invoice_payment.paid',
          { ...tie, amount_paid: 1000, ...paidAt(T + 900) },
          { created: T + 900 },
        ),
        eventOf('payment_intent.succeeded', paymentIntent({ id: pi }), { created: T + 899 }),
      ],
      async (sql) => {
        const { type, status, paid_at, failed_at, provider_object_id } = await paymentRow(sql, open.id)
        return { type, status, paid_at, failed_at, provider_object_id }
      },
    )
    expect(distinct(ends)).toEqual([
      {
        type: 'subscription_invoice',
        status: 'succeeded',
        paid_at: T + 900,
        failed_at: null,
        provider_object_id: pi,
      },
    ])
  })
})

test('an invoice that was voided before anybody tried to pay is no payment', async () => {
  const draft = invoice({ amount_paid: 0, attempt_count: 0, status: 'open' })
  await projectObjects(database.sql, [draft], T)
  await projectObjects(database.sql, [{ ...draft, status: 'void' }], T + 5)
  expect(await paymentRows(database.sql, draft.id)).toEqual([])
})

test('a paid invoice stays paid, whatever arrives late', async () => {
  const paid = invoice({ subscription: newId('sub') })
  await ingestAll(database.sql, [
    eventOf('invoice.paid', paid, { created: T + 9 }),
    eventOf('invoice.payment_failed', { ...paid, amount_paid: 0, status: 'open' }, { created: T + 5 }),
    eventOf('invoice.payment_failed', { ...paid, amount_paid: 0, status: 'open' }, { created: T + 50 }),
  ])
  expect(await paymentRow(database.sql, paid.id)).toMatchObject({ status: 'succeeded', failed_at: null })
})

describe('the tie between an invoice and what pays it', () => {
  test('is the invoice payment, today', async () => {
    const paid = invoice({ subscription: newId('sub') })
    const pi = paymentIntent({ latest_charge: newId('ch') })
    const tie = invoicePayment({
      invoice: paid.id,
      payment: { payment_intent: pi.id, type: 'payment_intent' },
    })
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('invoice.paid', paid),
        eventOf('invoice_payment.paid', tie),
        eventOf('payment_intent.succeeded', pi),
      ],
      async (sql) => {
        const { type, provider_object_type, provider_object_id, related_object_ids } = await paymentRow(
          sql,
          paid.id,
          pi.id,
        )
        return { type, provider_object_type, provider_object_id, related_object_ids }
      },
    )
    expect(distinct(ends)).toHaveLength(1)
    expect(ends[0]).toEqual({
      type: 'subscription_invoice',
      provider_object_type: 'payment_intent',
      provider_object_id: pi.id,
      related_object_ids: {
        charge: pi.latest_charge,
        invoice: paid.id,
        payment_intent: pi.id,
        price: 'price_team',
        product: 'prod_team',
        subscription: paid.parent.subscription_details.subscription,
      },
    })
  })

  test('is expanded in an invoice of the API', async () => {
    const pi = paymentIntent()
    const paid = invoice({
      payments: {
        object: 'list',
        data: [invoicePayment({ payment: { payment_intent: pi, type: 'payment_intent' } })],
      },
    })
    await ingest(database.sql, eventOf('payment_intent.succeeded', pi))
    await projectObjects(database.sql, [paid], T)
    expect((await paymentRow(database.sql, paid.id, pi.id)).provider_object_id).toBe(pi.id)
  })

  test('may be a charge without a PaymentIntent', async () => {
    const paid = invoice({ subscription: newId('sub') })
    const old = charge({ amount_refunded: 200 })
    const tie = invoicePayment({ invoice: paid.id, payment: { charge: old.id, type: 'charge' } })
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('invoice.paid', paid),
        eventOf('invoice_payment.paid', tie),
        eventOf('charge.refunded', old, { created: T + 5 }),
      ],
      async (sql) => {
        const { type, status, provider_object_type } = await paymentRow(sql, paid.id, old.id)
        return [type, status, provider_object_type]
      },
    )
    expect(distinct(ends)).toEqual([['subscription_invoice', 'partially_refunded', 'invoice']])
  })

  test('is in the invoice itself before 2025-03-31.basil', async () => {
    const pi = paymentIntent({ latest_charge: newId('ch') })
    const paid = invoiceBeforeBasil({
      charge: pi.latest_charge,
      payment_intent: pi.id,
      subscription: newId('sub'),
    })
    const ends = await endsOfEveryOrder(
      database.sql,
      [eventOf('invoice.paid', paid), eventOf('payment_intent.succeeded', pi)],
      async (sql) => (await paymentRow(sql, paid.id, pi.id)).provider_object_id,
    )
    expect(distinct(ends)).toEqual([pi.id])
  })

  test('of an open invoice that is paid in parts counts every part, in every order and within one second', async () => {
    const open = invoice({ amount_due: 10_000, amount_paid: 7000, status: 'open' })
    for (const seconds of [1, 0]) {
      const parts = [4000, 3000].map((amount) =>
        paymentIntent({ amount, amount_received: amount, latest_charge: newId('ch') }),
      )
      const events = parts.flatMap((pi, place) => [
        eventOf('payment_intent.succeeded', pi, { created: T + 10 + seconds * place }),
        eventOf(
          'invoice_payment.paid',
          invoicePayment({
            invoice: open.id,
            amount_paid: pi.amount,
            payment: { payment_intent: pi.id, type: 'payment_intent' },
          }),
          { created: T + 10 + seconds * place },
        ),
      ])
      const back = eventOf(
        'charge.refunded',
        charge({
          id: parts[0]?.latest_charge,
          amount: 4000,
          amount_captured: 4000,
          amount_refunded: 4000,
          payment_intent: parts[0]?.id,
          refunded: true,
        }),
        { created: T + 90 },
      )
      const ids = parts.map(({ id }) => id)
      const ends = await endsOfEveryOrder(database.sql, [...events, back], async (sql) => {
        const { amount, amount_refunded, status } = await paymentRow(sql, ...ids)
        return { amount, amount_refunded, status }
      })
      expect(distinct(ends)).toEqual([{ amount: 7000, amount_refunded: 4000, status: 'partially_refunded' }])
    }
  })

  test('an invoice payment that came to nothing is no payment', async () => {
    const tie = invoicePayment({
      amount_paid: null,
      invoice: newId('in'),
      status: 'canceled',
      payment: { payment_intent: newId('pi'), type: 'payment_intent' },
    })
    await projectObjects(database.sql, [tie], T)
    expect(await paymentRows(database.sql, tie.invoice)).toEqual([])
  })
})
