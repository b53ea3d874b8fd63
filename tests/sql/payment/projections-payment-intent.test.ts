/** PaymentIntent → its payment in payments.transactions. */
import { afterAll, beforeAll, expect, test } from 'vitest'
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
  checkoutSession,
  declined,
  eventOf,
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

test('a PaymentIntent that succeeded is a payment with every column', async () => {
  const pi = paymentIntent({
    created: T - 60,
    customer: 'cus_pi',
    description: 'Tea',
    latest_charge: newId('ch'),
    metadata: subjectMetadata('user', 'u1'),
    receipt_email: 'receipt@example.com',
  })
  await ingest(database.sql, eventOf('payment_intent.succeeded', pi, { created: T + 2 }))
  expect(await paymentRow(database.sql, pi.id)).toMatchObject({
    provider: 'stripe',
    environment: 'test',
    type: 'one_time_payment',
    status: 'succeeded',
    subject_type: 'user',
    subject_id: 'u1',
    provider_customer_id: 'cus_pi',
    customer_email_snapshot: 'receipt@example.com',
    provider_object_type: 'payment_intent',
    provider_object_id: pi.id,
    provider_parent_object_type: null,
    provider_parent_object_id: null,
    related_object_ids: { payment_intent: pi.id, charge: pi.latest_charge },
    amount: 1000,
    amount_refunded: 0,
    currency: 'usd',
    description: 'Tea',
    paid_at: T + 2,
    failed_at: null,
    refunded_at: null,
    provider_created_at: T - 60,
    disputed_at: null,
    dispute_amount: null,
    dispute_status: null,
    amount_disputed: 0,
  })
})

test('of an amount that was captured in part, what was received counts', async () => {
  const pi = paymentIntent({ amount: 5000, amount_received: 3000 })
  await ingest(database.sql, eventOf('payment_intent.succeeded', pi))
  expect((await paymentRow(database.sql, pi.id)).amount).toBe(3000)
})

test('a currency without minor unit is taken as Stripe counts it', async () => {
  const pi = paymentIntent({ amount: 500, amount_received: 500, currency: 'jpy' })
  await ingest(database.sql, eventOf('payment_intent.succeeded', pi))
  expect(await paymentRow(database.sql, pi.id)).toMatchObject({ amount: 500, currency: 'jpy' })
})

test('amounts beyond 32 bits are whole', async () => {
  const pi = paymentIntent({ amount: 99_999_999_999, amount_received: 99_999_999_999, currency: 'idr' })
  await ingest(database.sql, eventOf('payment_intent.succeeded', pi))
  expect((await paymentRow(database.sql, pi.id)).amount).toBe(99_999_999_999)
})

test('a declined payment is a failed one, with the instant of the latest attempt', async () => {
  const pi = declined()
  await ingestAll(database.sql, [
    eventOf('payment_intent.payment_failed', pi, { created: T + 60 }),
    eventOf('payment_intent.payment_failed', pi, { created: T + 5 }),
  ])
  expect(await paymentRow(database.sql, pi.id)).toMatchObject({
    type: 'failed_payment',
    status: 'failed',
    amount: 1000,
    paid_at: null,
    failed_at: T + 60,
  })
})

test('failed, then paid: a payment, without a failure, in every order', async () => {
  const pi = paymentIntent({ latest_charge: newId('ch') })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('payment_intent.payment_failed', declined({ id: pi.id, latest_charge: newId('ch') }), {
        created: T + 5,
      }),
      eventOf('payment_intent.payment_failed', declined({ id: pi.id, latest_charge: newId('ch') }), {
        created: T + 7,
      }),
      eventOf('payment_intent.succeeded', pi, { created: T + 9 }),
    ],
    async (sql) => {
      const { type, status, paid_at, failed_at } = await paymentRow(sql, pi.id)
      return { type, status, paid_at, failed_at }
    },
  )
  expect(distinct(ends)).toEqual([
    { type: 'one_time_payment', status: 'succeeded', paid_at: T + 9, failed_at: null },
  ])
})

test('failed and paid in the same second is paid, in every order', async () => {
  const pi = paymentIntent()
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('payment_intent.payment_failed', declined({ id: pi.id })),
      eventOf('payment_intent.succeeded', pi),
    ],
    async (sql) => (await paymentRow(sql, pi.id)).status,
  )
  expect(distinct(ends)).toEqual(['succeeded'])
})

test('an authorization that is let go has failed, when it was canceled', async () => {
  const pi = paymentIntent({
    amount_received: 0,
    status: 'canceled',
    canceled_at: T + 90,
    latest_charge: newId('ch'),
  })
  const session = checkoutSession({ payment_intent: pi.id, payment_status: 'unpaid' })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('checkout.session.completed', session, { created: T + 3 }),
      eventOf('payment_intent.canceled', pi, { created: T + 91 }),
    ],
    async (sql) => {
      const { type, status, failed_at } = await paymentRow(sql, pi.id)
      return { type, status, failed_at }
    },
  )
  expect(distinct(ends)).toEqual([{ type: 'failed_payment', status: 'failed', failed_at: T + 90 }])
})

test('an intent that is canceled before anybody has tried to pay it is no payment', async () => {
  const pi = paymentIntent({
    amount_received: 0,
    status: 'canceled',
    canceled_at: T + 90,
    latest_charge: null,
  })
  await ingest(database.sql, eventOf('payment_intent.canceled', pi))
  expect(await database.sql`select from payments.transactions where provider_object_id = ${pi.id}`).toEqual(
    [],
  )
})

test('an intent that nobody has tried to pay is no payment', async () => {
  const pi = paymentIntent({ amount_received: 0, status: 'requires_payment_method' })
  await projectObjects(database.sql, [pi], T)
  expect(await paymentRows(database.sql, pi.id)).toEqual([])
})

test('an intent that was canceled before anybody paid is no payment, in every order', async () => {
  const pi = paymentIntent({ amount_received: 0, status: 'requires_payment_method' })
  await projectObjects(database.sql, [{ ...pi, status: 'processing' }], T)
  expect((await paymentRow(database.sql, pi.id)).status).toBe('pending')
  await projectObjects(database.sql, [{ ...pi, status: 'canceled' }], T + 5)
  expect(await paymentRows(database.sql, pi.id)).toEqual([])
  await projectObjects(database.sql, [{ ...pi, status: 'processing' }], T)
  expect(await paymentRows(database.sql, pi.id)).toEqual([])
})

test('versions before 2022-11-15 list their charges, and the newest belongs to the payment', async () => {
  const { latest_charge, ...old } = paymentIntent({ invoice: newId('in') })
  const paid = charge({ payment_intent: old.id })
  await ingestAll(database.sql, [
    eventOf('payment_intent.succeeded', {
      ...old,
      charges: { object: 'list', data: [paid, charge({ status: 'failed', paid: false })] },
    }),
  ])
  expect((await paymentRow(database.sql, old.id as string)).related_object_ids).toEqual({
    payment_intent: old.id,
    charge: paid.id,
    invoice: old.invoice,
  })
})

test('an answer of the API tells of a payment that no event told of', async () => {
  const pi = paymentIntent({ latest_charge: charge() })
  await projectObjects(database.sql, [pi], T + 100)
  expect(await paymentRow(database.sql, pi.id)).toMatchObject({
    status: 'succeeded',
    paid_at: T,
    related_object_ids: { payment_intent: pi.id, charge: pi.latest_charge.id },
  })
})

test('the subject is the first that was named, in every order', async () => {
  for (const [first, second] of [
    ['aaa', 'zzz'],
    ['zzz', 'aaa'],
  ] as const) {
    const id = newId('pi')
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('payment_intent.payment_failed', declined({ id, metadata: subjectMetadata('team', first) })),
        eventOf(
          'payment_intent.payment_failed',
          declined({ id, metadata: subjectMetadata('team', second) }),
          {
            created: T + 60,
          },
        ),
        eventOf('payment_intent.succeeded', paymentIntent({ id }), { created: T + 90 }),
      ],
      async (sql) => (await paymentRow(sql, id)).subject_id,
    )
    expect(distinct(ends)).toEqual([first])
  }
})

test('one that is tried again and takes days is pending, in every order', async () => {
  const id = newId('pi')
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('payment_intent.payment_failed', declined({ id })),
      eventOf('payment_intent.processing', paymentIntent({ id, amount_received: 0, status: 'processing' }), {
        created: T + 60,
      }),
    ],
    async (sql) => (await paymentRow(sql, id)).status,
  )
  expect(distinct(ends)).toEqual(['pending'])
})
