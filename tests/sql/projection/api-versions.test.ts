/** One life cycle told by endpoints of four API versions: the rows are the same. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { ingestAll, stateOf, undone } from '../support/calls.ts'
import {
  charge,
  checkoutSession,
  customer,
  eventOf,
  invoice,
  invoiceBeforeBasil,
  invoicePayment,
  type Json,
  paymentIntent,
  refund,
  subjectMetadata,
  subscription,
  subscriptionBeforeBasil,
  subscriptionItem,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const metadata = subjectMetadata('team', '42')
const item = subscriptionItem({ id: 'si_1' })
const line = { id: 'il_1', object: 'line_item', amount: 1000, metadata }
const oldLine = {
  ...line,
  plan: { id: 'price_team', object: 'plan', product: 'prod_team' },
  price: { id: 'price_team', object: 'price', product: 'prod_team' },
  subscription_item: 'si_1',
}
const shared = {
  subscription: { id: 'sub_1', customer: 'cus_1', items: [item], latest_invoice: 'in_1', metadata },
  invoice: { id: 'in_1', customer: 'cus_1', subscription: 'sub_1', subscription_metadata: metadata },
  session: {
    id: 'cs_1',
    customer: 'cus_1',
    invoice: 'in_1',
    metadata,
    mode: 'subscription',
    subscription: 'sub_1',
  },
}
const pi = paymentIntent({ id: 'pi_1', customer: 'cus_1', latest_charge: 'ch_1' })
const ch = charge({ id: 'ch_1', amount_refunded: 400, customer: 'cus_1', payment_intent: 'pi_1' })
const re = refund({ id: 're_1', amount: 400, charge: 'ch_1', payment_intent: 'pi_1' })
const without = (object: Json, ...fields: string[]) =>
  Object.fromEntries(Object.entries(object).filter(([field]) => !fields.includes(field)))
const paidInvoice = invoiceBeforeBasil({
  ...shared.invoice,
  charge: 'ch_1',
  lines: [oldLine],
  payment_intent: 'pi_1',
})

/** Bodies of before 2023 have no `invoice` in a session, and those of before 2021 no `status`. */
const versions: Record<string, Json[]> = {
  '2020-08-27': [
    without(checkoutSession(shared.session), 'status', 'payment_link', 'invoice'),
    without(subscriptionBeforeBasil(shared.subscription), 'trial_settings'),
    without(paidInvoice, 'subscription_details'),
    {
      ...without(pi, 'latest_charge'),
      charges: { object: 'list', data: [without(ch, 'refunds')] },
      invoice: 'in_1',
    },
    { ...ch, invoice: 'in_1', refunds: { object: 'list', data: [re] } },
  ],
  '2022-11-15': [
    without(checkoutSession(shared.session), 'invoice'),
    subscriptionBeforeBasil(shared.subscription),
    without(paidInvoice, 'subscription_details'),
    { ...pi, invoice: 'in_1' },
    { ...ch, invoice: 'in_1' },
  ],
  '2024-06-20': [
    checkoutSession(shared.session),
    subscriptionBeforeBasil(shared.subscription),
    paidInvoice,
    { ...pi, invoice: 'in_1' },
    { ...ch, invoice: 'in_1' },
  ],
  '2026-10-28.endive': [
    checkoutSession({ ...shared.session, ui_mode: 'hosted_page' }),
    subscription(shared.subscription),
    invoice({
      ...shared.invoice,
      lines: [
        {
          ...line,
          parent: {
            subscription_item_details: { subscription_item: 'si_1' },
            type: 'subscription_item_details',
          },
          pricing: { price_details: { price: 'price_team', product: 'prod_team' }, type: 'price_details' },
        },
      ],
    }),
    pi,
    ch,
  ],
}

async function rowsOf(version: string): Promise<Record<string, Json[]>> {
  const [session, sub, paid, intent, charged] = versions[version] as [Json, Json, Json, Json, Json]
  const events = [
    eventOf('customer.created', customer({ id: 'cus_1' })),
    eventOf('customer.subscription.created', { ...sub, status: 'incomplete' }),
    eventOf('payment_intent.succeeded', intent, { created: T + 2 }),
    eventOf('invoice.paid', paid, { created: T + 3 }),
    eventOf('customer.subscription.updated', sub, { created: T + 3, previous: { status: 'incomplete' } }),
    eventOf('checkout.session.completed', session, { created: T + 4 }),
    eventOf('charge.refunded', charged, { created: T + 60 }),
    eventOf('refund.created', re, { created: T + 60 }),
  ]
  if (version > '2025-03-31') {
    const tie = invoicePayment({
      id: 'inpay_1',
      invoice: 'in_1',
      payment: { payment_intent: 'pi_1', type: 'payment_intent' },
    })
    events.push(eventOf('invoice_payment.paid', tie, { created: T + 3 }))
  }
  return undone(database.sql, async (sql) => {
    const results = await ingestAll(sql, events)
    expect(results.map(({ status, event }) => event.last_error ?? status)).toEqual(
      events.map(() => 'processed'),
    )
    const state = await stateOf(sql)
    return Object.fromEntries(
      Object.entries(state).map(([table, rows]) => [table, rows.map((row) => without(row, 'raw', 'id'))]),
    )
  })
}

test('today’s events make the rows that this test compares with', async () => {
  const { transactions, stripe_subscriptions, customer_mappings } = await rowsOf('2026-10-28.endive')
  expect(transactions).toMatchObject([
    {
      type: 'subscription_invoice',
      status: 'partially_refunded',
      amount_refunded: 400,
      subject_id: '42',
      provider_object_id: 'pi_1',
      related_object_ids: {
        charge: 'ch_1',
        checkout_session: 'cs_1',
        invoice: 'in_1',
        payment_intent: 'pi_1',
        price: 'price_team',
        product: 'prod_team',
        subscription: 'sub_1',
      },
    },
    { type: 'refund', amount: 400, subject_id: '42' },
  ])
  expect(stripe_subscriptions).toMatchObject([
    { status: 'active', subject_id: '42', current_period_start: expect.any(String) },
  ])
  expect(customer_mappings).toMatchObject([{ subject_id: '42', provider_customer_id: 'cus_1' }])
})

test('events of 2024-06-20 make the same rows', async () => {
  expect(await rowsOf('2024-06-20')).toEqual(await rowsOf('2026-10-28.endive'))
})

test.each(['2020-08-27', '2022-11-15'])(
  'events of %s make the same rows, save that nothing ties the session to its invoice',
  async (version) => {
    const [old, now] = [await rowsOf(version), await rowsOf('2026-10-28.endive')]
    const untied = (rows: Json[] = []) =>
      rows.map((row) => ({ ...row, related_object_ids: without(row.related_object_ids, 'checkout_session') }))
    expect({ ...old, transactions: untied(old.transactions) }).toEqual({
      ...now,
      transactions: untied(now.transactions),
    })
  },
)
