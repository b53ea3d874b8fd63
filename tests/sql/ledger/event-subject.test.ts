/** The two helpers of fulfilment triggers: whose event it is, and whether the money has arrived. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asCaller, createTestDatabase, service, type TestDatabase, user } from '../../setup/database.ts'
import { begin, ingest, ingestAll } from '../support/calls.ts'
import {
  charge,
  checkoutSession,
  customer,
  dispute,
  eventOf,
  invoice,
  invoiceBeforeBasil,
  invoiceLine,
  invoicePayment,
  type Json,
  newId,
  paymentIntent,
  product,
  refund,
  subjectMetadata,
  subscription,
  subscriptionBeforeBasil,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const team = { type: 'team', id: '42' }
const metadata = subjectMetadata('team', '42')
const nobody = { type: null, id: null }

/** Ingests an event and asks the helper about its row, as a trigger would. */
async function subjectOf(event: Json): Promise<unknown> {
  const { status } = await ingest(database.sql, event)
  expect(status).toBe('processed')
  const [row] = await asCaller(
    database.sql,
    service,
    (sql) => sql`
      select (payments.event_subject(e)).type, (payments.event_subject(e)).id
      from payments.webhook_events e where e.provider_event_id = ${event.id}`,
  )
  return row
}

async function isSettled(event: Json): Promise<unknown> {
  await ingest(database.sql, event)
  const [row] = await asCaller(
    database.sql,
    service,
    (sql) => sql`
      select payments.event_is_settled(e) as settled from payments.webhook_events e
      where e.provider_event_id = ${event.id}`,
  )
  return row?.settled
}

describe('the subject of an event', () => {
  test.each<[string, Json]>([
    ['checkout.session.completed', checkoutSession({ metadata })],
    ['payment_intent.succeeded', paymentIntent({ metadata })],
    ['charge.refunded', charge({ metadata })],
    ['customer.subscription.created', subscription({ metadata })],
    ['customer.subscription.updated', subscriptionBeforeBasil({ metadata })],
    ['invoice.paid', invoice({ metadata })],
    ['customer.created', customer({ metadata })],
    ['product.created', product({ metadata })],
  ])('is what the metadata of its object names: %s', async (type, object) => {
    expect(await subjectOf(eventOf(type, object))).toEqual(team)
  })

  test('is read from metadata of InsForge too, and ours goes first', async () => {
    const insforge = { insforge_subject_type: 'team', insforge_subject_id: 'old' }
    expect(
      await subjectOf(eventOf('checkout.session.completed', checkoutSession({ metadata: insforge }))),
    ).toEqual({
      type: 'team',
      id: 'old',
    })
    expect(
      await subjectOf(
        eventOf('checkout.session.completed', checkoutSession({ metadata: { ...insforge, ...metadata } })),
      ),
    ).toEqual(team)
  })

  test.each<Json>([
    {},
    { payments_subject_type: 'team' },
    { payments_subject_id: '42' },
    { payments_subject_type: '', payments_subject_id: '42' },
    { payments_subject_type: 'team', payments_subject_id: '' },
    { subject_type: 'team', subject_id: '42' },
  ])('is nobody when the metadata names no whole subject: %j', async (half) => {
    expect(
      await subjectOf(eventOf('checkout.session.completed', checkoutSession({ metadata: half }))),
    ).toEqual(nobody)
  })

  test('of an invoice is that of its subscription details, in both shapes', async () => {
    for (const shape of [invoice, invoiceBeforeBasil]) {
      const paid = shape({
        customer: newId('cus'),
        subscription: newId('sub'),
        subscription_metadata: metadata,
      })
      expect(await subjectOf(eventOf('invoice.paid', paid))).toEqual(team)
    }
  })

  test('of an invoice is that of the metadata of its lines, when only they carry it', async () => {
    const paid = invoice({ customer: newId('cus'), lines: [invoiceLine({ metadata })] })
    expect(await subjectOf(eventOf('invoice.paid', paid))).toEqual(team)
  })

  test('of an invoice is that of the subscription, in both shapes', async () => {
    for (const shape of [invoice, invoiceBeforeBasil]) {
      const sub = subscription({ customer: newId('cus'), metadata })
      await ingest(database.sql, eventOf('customer.subscription.created', sub))
      const paid = shape({ customer: newId('cus'), subscription: sub.id })
      expect(await subjectOf(eventOf('invoice.paid', paid))).toEqual(team)
    }
  })

  test('of a session is that of whoever began it here', async () => {
    const { sql } = database
    const begun = await asCaller(sql, service, (tx) =>
      begin(tx, user('u1'), { subject: { type: 'user', id: 'u1' } }),
    )
    const session = checkoutSession({
      client_reference_id: begun.session.id,
      metadata: { payments_checkout_session_id: begun.session.id },
    })
    expect(await subjectOf(eventOf('checkout.session.completed', session))).toEqual({
      type: 'user',
      id: 'u1',
    })
  })

  test('is that of the customer, for everything that names one', async () => {
    const owned = customer()
    await ingest(
      database.sql,
      eventOf('checkout.session.completed', checkoutSession({ customer: owned.id, metadata })),
    )
    for (const event of [
      eventOf('customer.updated', owned),
      eventOf('payment_intent.succeeded', paymentIntent({ customer: owned.id })),
      eventOf('payment_intent.succeeded', paymentIntent({ customer: { id: owned.id, object: 'customer' } })),
      eventOf('charge.refunded', charge({ customer: owned.id })),
      eventOf('invoice.paid', invoice({ customer: owned.id })),
      eventOf('customer.subscription.updated', subscription({ customer: owned.id })),
    ]) {
      expect(await subjectOf(event)).toEqual(team)
    }
  })

  test('is that of the customer also when new sessions of the subject use another one', async () => {
    const subject = subjectMetadata('team', 'two customers')
    await ingestAll(database.sql, [
      eventOf('checkout.session.completed', checkoutSession({ customer: 'cus_first', metadata: subject })),
      eventOf(
        'checkout.session.completed',
        checkoutSession({ created: T + 1, customer: 'cus_second', metadata: subject }),
      ),
    ])
    for (const id of ['cus_first', 'cus_second']) {
      expect(await subjectOf(eventOf('customer.updated', customer({ id })))).toEqual({
        type: 'team',
        id: 'two customers',
      })
    }
  })

  test('of a refund, a dispute and an invoice payment is that of their payment', async () => {
    const pi = paymentIntent({ metadata })
    await ingest(database.sql, eventOf('payment_intent.succeeded', pi))
    for (const event of [
      eventOf('refund.created', refund({ payment_intent: pi.id })),
      eventOf('charge.dispute.created', dispute({ payment_intent: pi.id })),
      eventOf(
        'invoice_payment.paid',
        invoicePayment({ invoice: newId('in'), payment: { type: 'payment_intent', payment_intent: pi.id } }),
      ),
    ]) {
      expect(await subjectOf(event)).toEqual(team)
    }
  })

  test('of a payment goes before the one of its customer, who may pay for several', async () => {
    const shared = customer()
    const [first, second] = ['1', '2'].map((id, place) =>
      checkoutSession({
        created: T + place,
        customer: shared.id,
        metadata: subjectMetadata('team', id),
        payment_intent: newId('pi'),
      }),
    )
    for (const session of [first, second]) {
      await ingest(database.sql, eventOf('checkout.session.completed', session as Json))
    }
    const pi = paymentIntent({ id: second?.payment_intent, customer: shared.id })
    expect(await subjectOf(eventOf('payment_intent.succeeded', pi))).toEqual({ type: 'team', id: '2' })
    expect(await subjectOf(eventOf('customer.updated', shared))).toEqual({ type: 'team', id: '1' })
  })

  test('of another environment is nobody’s here', async () => {
    const owned = customer({ livemode: true })
    await ingest(
      database.sql,
      eventOf(
        'checkout.session.completed',
        checkoutSession({ customer: owned.id, livemode: true, metadata }),
        { livemode: true },
      ),
      'live',
    )
    expect(await subjectOf(eventOf('customer.updated', { ...owned, livemode: false }))).toEqual(nobody)
  })
})

describe('the money has arrived', () => {
  test.each<[boolean, string, Json]>([
    [true, 'checkout.session.completed', checkoutSession()],
    [
      true,
      'checkout.session.completed',
      checkoutSession({ amount_total: 0, payment_status: 'no_payment_required' }),
    ],
    [false, 'checkout.session.completed', checkoutSession({ payment_status: 'unpaid' })],
    [true, 'checkout.session.async_payment_succeeded', checkoutSession()],
    [false, 'checkout.session.async_payment_failed', checkoutSession({ payment_status: 'unpaid' })],
    [false, 'checkout.session.expired', checkoutSession({ payment_status: 'unpaid', status: 'expired' })],
    [true, 'invoice.paid', invoice()],
    [true, 'invoice.paid', invoiceBeforeBasil()],
    [true, 'invoice.payment_succeeded', invoice()],
    [false, 'invoice.payment_failed', invoice({ amount_paid: 0, status: 'open' })],
    [
      true,
      'invoice_payment.paid',
      invoicePayment({ invoice: 'in_x', payment: { type: 'payment_intent', payment_intent: 'pi_x' } }),
    ],
    [true, 'payment_intent.succeeded', paymentIntent()],
    [false, 'payment_intent.payment_failed', paymentIntent({ status: 'requires_payment_method' })],
    [false, 'charge.refunded', charge({ amount_refunded: 1000 })],
    [false, 'refund.created', refund({ payment_intent: 'pi_y' })],
    [false, 'customer.subscription.created', subscription()],
    [false, 'customer.created', customer()],
  ])('%s: %s', async (settled, type, object) => {
    expect(await isSettled(eventOf(type, object))).toBe(settled)
  })
})
