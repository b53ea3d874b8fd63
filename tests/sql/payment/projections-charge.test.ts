/** Charge → its payment. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { distinct, endsOfEveryOrder, ingest, paymentRow, projectObjects } from '../support/calls.ts'
import { charge, eventOf, newId, paymentIntent, subjectMetadata, T } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

test('a refunded charge is a whole row before anything else of its payment is known', async () => {
  const paid = charge({
    amount_refunded: 1000,
    created: T - 60,
    customer: 'cus_ch',
    description: 'Tea',
    metadata: subjectMetadata('user', 'u1'),
    payment_intent: newId('pi'),
    refunded: true,
  })
  await ingest(database.sql, eventOf('charge.refunded', paid, { created: T + 30 }))
  expect(await paymentRow(database.sql, paid.id)).toMatchObject({
    type: 'one_time_payment',
    status: 'refunded',
    subject_type: 'user',
    subject_id: 'u1',
    provider_customer_id: 'cus_ch',
    customer_email_snapshot: 'ada@example.com',
    provider_object_type: 'payment_intent',
    provider_object_id: paid.payment_intent,
    related_object_ids: { charge: paid.id, payment_intent: paid.payment_intent },
    amount: 1000,
    amount_refunded: 1000,
    currency: 'usd',
    description: 'Tea',
    paid_at: T - 60,
    refunded_at: T + 30,
    provider_created_at: T - 60,
  })
})

test('a charge of old, without a PaymentIntent, is a payment of its own', async () => {
  const paid = charge({ amount_refunded: 400 })
  await ingest(database.sql, eventOf('charge.refunded', paid))
  expect(await paymentRow(database.sql, paid.id)).toMatchObject({
    provider_object_type: 'charge',
    provider_object_id: paid.id,
    status: 'partially_refunded',
    amount_refunded: 400,
  })
})

test('a charge that names its invoice, as before 2025-03-31.basil, ties the two', async () => {
  const paid = charge({ amount_refunded: 1, invoice: newId('in'), payment_intent: newId('pi') })
  await ingest(database.sql, eventOf('charge.refunded', paid))
  expect((await paymentRow(database.sql, paid.id)).related_object_ids).toEqual({
    charge: paid.id,
    invoice: paid.invoice,
    payment_intent: paid.payment_intent,
  })
})

test('of an amount that was captured in part, the captured part counts', async () => {
  const paid = charge({ amount: 5000, amount_captured: 3000, amount_refunded: 5000, refunded: true })
  await ingest(database.sql, eventOf('charge.refunded', paid))
  expect(await paymentRow(database.sql, paid.id)).toMatchObject({
    amount: 3000,
    amount_refunded: 3000,
    status: 'refunded',
  })
})

test('two refunds within one second end with both, in every order', async () => {
  const paid = charge({ payment_intent: newId('pi') })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf(
        'charge.refunded',
        { ...paid, amount_refunded: 300 },
        { created: T + 5, previous: { amount_refunded: 0 } },
      ),
      eventOf(
        'charge.refunded',
        { ...paid, amount_refunded: 1000, refunded: true },
        { created: T + 5, previous: { amount_refunded: 300, refunded: false } },
      ),
    ],
    async (sql) => {
      const { amount_refunded, status } = await paymentRow(sql, paid.id)
      return [amount_refunded, status]
    },
  )
  expect(distinct(ends)).toEqual([[1000, 'refunded']])
})

test('a charge that failed and a charge that succeeded are attempts of one payment', async () => {
  const pi = paymentIntent()
  const failed = charge({ paid: false, payment_intent: pi.id, status: 'failed' })
  const paid = charge({ payment_intent: pi.id })
  await projectObjects(database.sql, [failed, paid, { ...pi, latest_charge: paid.id }], T)
  expect(await paymentRow(database.sql, pi.id)).toMatchObject({
    status: 'succeeded',
    related_object_ids: { charge: paid.id },
  })
})
