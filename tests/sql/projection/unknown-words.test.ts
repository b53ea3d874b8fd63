/** Words that Stripe may add to its lists: kept and projected, and nobody gets access by them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asCaller, createTestDatabase, type TestDatabase, user } from '../../setup/database.ts'
import {
  begin,
  complete,
  ingest,
  paymentRow,
  paymentRows,
  priceRow,
  projectObjects,
  refusal,
  sessionRow,
  subscriptionRow,
} from '../support/calls.ts'
import {
  checkoutSession,
  eventOf,
  type Json,
  newId,
  openSession,
  paymentIntent,
  price,
  subjectMetadata,
  subscription,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

async function processed(type: string, object: Json, created = T) {
  const { status, event } = await ingest(database.sql, eventOf(type, object, { created }))
  expect([status, event.last_error]).toEqual(['processed', null])
}

async function isSettled(object: Json, type = 'checkout.session.completed'): Promise<boolean> {
  const event = eventOf(type, object)
  await ingest(database.sql, event)
  const [row] = await database.sql`
    select payments.event_is_settled(w) as settled from payments.webhook_events w where w.provider_event_id = ${event.id}`
  return row?.settled
}

describe('an unknown status of a subscription', () => {
  test('takes the place of the former one, and makes way for the next', async () => {
    const object = subscription()
    await processed('customer.subscription.created', object)
    await processed('customer.subscription.updated', { ...object, status: 'hibernating' }, T + 60)
    expect((await subscriptionRow(database.sql, object.id)).status).toBe('hibernating')
    await processed('customer.subscription.updated', { ...object, status: 'active' }, T + 120)
    expect((await subscriptionRow(database.sql, object.id)).status).toBe('active')
  })

  test('comes with an answer of the API as well', async () => {
    const [known, unknown] = [subscription(), subscription({ status: 'hibernating' })]
    expect(await projectObjects(database.sql, [known, unknown], T)).toBe(2)
    expect((await subscriptionRow(database.sql, unknown.id)).status).toBe('hibernating')
  })
})

test('a sync goes on past unknown words, and no object of its page fails', async () => {
  const objects = [
    subscription({ status: 'hibernating' }),
    subscription(),
    checkoutSession({ payment_status: 'deferred' }),
  ]
  const [row] = await database.sql`
    select payments_private.project_sync_page('test', ${database.sql.json(objects)}, now()) as page`
  expect(row?.page).toEqual({ newer: 0, failed: 0 })
  expect((await subscriptionRow(database.sql, objects[0]?.id)).status).toBe('hibernating')
})

describe('an unknown payment status of a session', () => {
  test('is kept, and its payment is pending until the money arrives', async () => {
    const intent = paymentIntent()
    const session = checkoutSession({ payment_status: 'partially_paid', payment_intent: intent.id })
    await processed('checkout.session.completed', session)
    expect(await sessionRow(database.sql, session.id)).toMatchObject({
      payment_status: 'partially_paid',
      status: 'completed',
    })
    expect(await paymentRow(database.sql, session.id)).toMatchObject({ status: 'pending', paid_at: null })
    await processed('payment_intent.succeeded', intent, T + 5)
    expect(await paymentRow(database.sql, session.id)).toMatchObject({ status: 'succeeded' })
  })

  test('does not make a checkout fail', async () => {
    const begun = await begin(database.sql, user('ada'), { subject: { type: 'user', id: 'ada' } })
    const session = openSession({ client_reference_id: begun.session.id, payment_status: 'deferred' })
    expect(await complete(database.sql, begun, session, T)).toMatchObject({
      payment_status: 'deferred',
      status: 'open',
      url: session.url,
    })
  })

  test('is not settled', async () => {
    expect(await isSettled(checkoutSession({ payment_status: 'partially_paid' }))).toBe(false)
  })
})

describe('a session of a mode that no checkout here has', () => {
  test.each(['setup', 'donation'])('is a row: %s', async (mode) => {
    const session = checkoutSession({
      mode,
      amount_total: null,
      currency: null,
      payment_status: 'no_payment_required',
      metadata: subjectMetadata('user', 'ada'),
    })
    await processed('checkout.session.completed', session)
    expect(await sessionRow(database.sql, session.id)).toMatchObject({
      mode,
      status: 'completed',
      subject_id: 'ada',
    })
    expect(await paymentRows(database.sql, session.id)).toEqual([])
  })

  test('gives its payment the owner that it names', async () => {
    const intent = paymentIntent()
    const session = checkoutSession({
      mode: 'donation',
      payment_intent: intent.id,
      metadata: subjectMetadata('user', 'ada'),
    })
    await processed('payment_intent.succeeded', intent)
    await processed('checkout.session.completed', session, T + 1)
    expect(await paymentRow(database.sql, intent.id)).toMatchObject({
      status: 'succeeded',
      subject_id: 'ada',
    })
  })

  test.each([
    ['setup', 'no_payment_required'],
    ['donation', 'no_payment_required'],
    ['donation', 'paid'],
  ])('is not settled: %s, %s', async (mode, payment_status) => {
    expect(await isSettled(checkoutSession({ mode, payment_status }))).toBe(false)
  })

  test('cannot be asked for by an app user', async () => {
    const { code } = await refusal(
      asCaller(
        database.sql,
        user('ada'),
        (sql) => sql`
          insert into payments.stripe_checkout_sessions (environment, mode, subject_type, subject_id, success_url, cancel_url)
          values ('test', 'donation', 'user', 'ada', 'https://a.example/ok', 'https://a.example/no')`,
      ),
    )
    expect(code).toBe('23514')
  })
})

test('unknown words of a price are kept', async () => {
  const object = price({
    type: 'sliding',
    billing_scheme: 'auction',
    tax_behavior: 'waived',
    recurring: { interval: 'fortnight', interval_count: 1, usage_type: 'prepaid' },
  })
  await processed('price.created', object)
  expect(await priceRow(database.sql, object.id)).toMatchObject({
    type: 'sliding',
    billing_scheme: 'auction',
    tax_behavior: 'waived',
    recurring_interval: 'fortnight',
    recurring_usage_type: 'prepaid',
  })
  const { params } = await begin(database.sql, user('ada'), {
    mode: 'subscription',
    subject: { type: 'user', id: 'ada' },
    lineItems: [{ priceId: object.id }],
  })
  expect(params.line_items).toEqual([{ price: object.id, quantity: 1 }])
})

test.each([
  ['payment_intent.succeeded', { object: 'payment_intent' }],
  ['charge.refunded', { object: 'charge' }],
  ['invoice.paid', { object: 'invoice' }],
  ['refund.created', { object: 'refund' }],
  ['charge.dispute.created', { object: 'dispute' }],
  ['invoice_payment.paid', { object: 'invoice_payment' }],
])('%s with an unknown status is processed', async (type, { object }) => {
  const id = newId('obj')
  await processed(type, {
    id,
    object,
    amount: 1000,
    created: T,
    currency: 'usd',
    status: 'levitating',
    metadata: {},
  })
})
