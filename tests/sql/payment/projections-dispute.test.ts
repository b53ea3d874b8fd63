/** Dispute → shown on the transaction of its payment. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { distinct, endsOfEveryOrder, ingest, paymentRow, paymentRows, type Sql } from '../support/calls.ts'
import { dispute, eventOf, newId, paymentIntent, T } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const shown = async (sql: Sql, id: string) => {
  const { status, disputed_at, dispute_amount, dispute_status } = await paymentRow(sql, id)
  return { status, disputed_at, dispute_amount, dispute_status }
}

test('a dispute is shown with its end, in every order, and the payment stays what it is', async () => {
  const pi = paymentIntent({ latest_charge: newId('ch') })
  for (const end of ['won', 'lost']) {
    const open = dispute({ amount: 700, charge: pi.latest_charge, created: T + 50, payment_intent: pi.id })
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('payment_intent.succeeded', pi),
        eventOf('charge.dispute.created', open, { created: T + 50 }),
        eventOf(
          'charge.dispute.updated',
          { ...open, status: 'under_review' },
          { created: T + 60, previous: { status: 'needs_response' } },
        ),
        eventOf('charge.dispute.closed', { ...open, status: end }, { created: T + 90 }),
      ],
      (sql) => shown(sql, pi.id),
    )
    expect(distinct(ends)).toEqual([
      { status: 'succeeded', disputed_at: T + 50, dispute_amount: 700, dispute_status: end },
    ])
  }
})

test('a dispute that is updated and closed within one second is closed, in every order', async () => {
  const pi = paymentIntent()
  const open = dispute({ created: T + 50, payment_intent: pi.id })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('payment_intent.succeeded', pi),
      eventOf('charge.dispute.created', open, { created: T + 50 }),
      eventOf('charge.dispute.funds_withdrawn', open, { created: T + 50 }),
      eventOf(
        'charge.dispute.updated',
        { ...open, status: 'under_review' },
        { created: T + 50, previous: { status: 'needs_response' } },
      ),
      eventOf('charge.dispute.closed', { ...open, status: 'lost' }, { created: T + 50 }),
    ],
    (sql) => shown(sql, pi.id),
  )
  expect(distinct(ends)).toEqual([
    { status: 'succeeded', disputed_at: T + 50, dispute_amount: 1000, dispute_status: 'lost' },
  ])
})

test('of two disputes the later is shown, in every order', async () => {
  const pi = paymentIntent()
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('payment_intent.succeeded', pi),
      eventOf(
        'charge.dispute.closed',
        dispute({ amount: 100, created: T + 5, payment_intent: pi.id, status: 'won' }),
        { created: T + 90 },
      ),
      eventOf('charge.dispute.created', dispute({ amount: 200, created: T + 50, payment_intent: pi.id }), {
        created: T + 50,
      }),
    ],
    (sql) => shown(sql, pi.id),
  )
  expect(distinct(ends)).toEqual([
    { status: 'succeeded', disputed_at: T + 50, dispute_amount: 200, dispute_status: 'needs_response' },
  ])
})

test('a dispute of a payment that is not known yet waits for it', async () => {
  const open = dispute({ charge: newId('ch'), payment_intent: newId('pi') })
  expect((await ingest(database.sql, eventOf('charge.dispute.created', open))).status).toBe('processed')
  expect(await paymentRows(database.sql, open.payment_intent)).toEqual([])
})

test('money lost in a dispute is in amount_disputed, and in nobody’s totals, in every order', async () => {
  const pi = paymentIntent({ customer: newId('cus'), latest_charge: newId('ch') })
  const open = dispute({ amount: 700, charge: pi.latest_charge, created: T + 50, payment_intent: pi.id })
  for (const [end, lost] of [
    ['won', 0],
    ['lost', 700],
  ] as const) {
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('payment_intent.succeeded', pi),
        eventOf('charge.dispute.created', open, { created: T + 50 }),
        eventOf('charge.dispute.closed', { ...open, status: end }, { created: T + 90 }),
      ],
      async (sql) => [
        (await paymentRow(sql, pi.id)).amount_disputed,
        ...(await sql`select total_spend::integer from payments.customer_totals where provider_customer_id = ${pi.customer}`),
      ],
    )
    expect(distinct(ends)).toEqual([[lost, { total_spend: 1000 - lost }]])
  }
})

test('of several disputes of a payment those that were lost are added up, at most the whole payment', async () => {
  const pi = paymentIntent({ latest_charge: newId('ch') })
  const closed = (status: string, amount: number, more = {}) =>
    eventOf('charge.dispute.closed', dispute({ amount, payment_intent: pi.id, status, ...more }), {
      created: T + 90,
    })
  const lost = async () => (await paymentRow(database.sql, pi.id)).amount_disputed
  await ingest(database.sql, eventOf('payment_intent.succeeded', pi))
  for (const [event, sum] of [
    [closed('lost', 300), 300],
    [closed('won', 500), 300],
    [closed('warning_closed', 500), 300],
    [closed('lost', 200), 500],
    [closed('lost', 20, { currency: 'eur' }), 1000],
  ] as const) {
    await ingest(database.sql, event)
    expect(await lost()).toBe(sum)
  }
})

test('a lost dispute that is won afterwards gives the money back', async () => {
  const pi = paymentIntent()
  const lost = dispute({ payment_intent: pi.id, status: 'lost' })
  await ingest(database.sql, eventOf('payment_intent.succeeded', pi))
  await ingest(database.sql, eventOf('charge.dispute.closed', lost, { created: T + 90 }))
  expect((await paymentRow(database.sql, pi.id)).amount_disputed).toBe(1000)
  await ingest(
    database.sql,
    eventOf('charge.dispute.closed', { ...lost, status: 'won' }, { created: T + 500 }),
  )
  expect((await paymentRow(database.sql, pi.id)).amount_disputed).toBe(0)
})
