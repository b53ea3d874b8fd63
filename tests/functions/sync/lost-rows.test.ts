/** Rows that were lost and synced again are those that webhooks made, for every kind of object. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SYNC_KINDS } from '../../../functions/sync/run-schema.ts'
import { runSync } from '../../../functions/sync/sync.ts'
import { deliver, rowsOf, type SyncSystem, startSyncSystem } from './support/system.ts'

let system: SyncSystem

beforeEach(async () => {
  system = await startSyncSystem()
})
afterEach(() => system.close())

/**
 * Purchases, subscriptions, refunds and disputes that every webhook told of. Nothing of it was made through the
 * handlers: what the app itself asked for (its keys and requests) is nowhere but in the lost row.
 */
async function history(): Promise<void> {
  const { api, stripe, prices, deps } = system
  const hour = () => stripe.control.advance(3600)
  const subject = { payments_subject_type: 'team', payments_subject_id: '1' }
  await api.products.create({ name: 'Old cap', active: false })
  const customer = await api.customers.create({
    email: 'ada@example.com',
    payment_method: 'pm_card_visa',
    metadata: subject,
  })
  const { data } = await api.paymentMethods.list({ customer: customer.id })
  const subscribe = (price: string, quantity: number) =>
    api.subscriptions.create({
      customer: customer.id,
      items: [{ price, quantity }],
      default_payment_method: data[0]?.id,
      metadata: subject,
    })
  await subscribe(prices.monthly, 3)
  const ended = await subscribe(prices.monthly, 1)
  hour()
  await api.subscriptions.cancel(ended.id)
  const buy = async (quantity: number, card?: string) => {
    const { id } = await api.checkout.sessions.create({
      mode: 'payment',
      customer: customer.id,
      line_items: [{ price: prices.once, quantity }],
      success_url: 'https://shop.example/done',
      metadata: subject,
      payment_intent_data: { metadata: subject },
    })
    hour()
    const paid = stripe.control.pay(id, { email: 'ada@example.com', ...(card === undefined ? {} : { card }) })
    hour()
    return paid.payment_intent as string
  }
  await buy(1)
  const refunded = await buy(2)
  await buy(3, '4000000000000259')
  await api.refunds.create({ payment_intent: refunded, amount: 100 })
  hour()
  const declined = await api.paymentIntents.create({ amount: 900, currency: 'eur', customer: customer.id })
  await api.paymentIntents.confirm(declined.id, { payment_method: 'pm_card_chargeDeclined' }).catch(() => {})
  hour()
  const [dispute] = (await api.disputes.list()).data
  stripe.control.closeDispute(dispute?.id as string, 'lost')
  await deliver(deps, stripe.control.events())
  hour()
  // Events show no line items. A row that the handlers made has them from the request, and this one from here.
  await runSync({ environment: 'test', kinds: ['checkout_sessions'] }, deps)
}

/**
 * Payments without the charge that was declined, and its card: no event of a declined payment is read that names it, a
 * list is.
 */
const withoutDeclinedCharge = (rows: unknown[] = []) =>
  (rows as { status?: string; related_object_ids?: Record<string, string> }[]).map((row) => {
    if (row.status !== 'failed') return row
    const { charge: _, ...related } = row.related_object_ids ?? {}
    return { ...row, related_object_ids: related, card_brand: null, card_last4: null }
  })

test('every row comes back as it was', async () => {
  await history()
  const { sql } = system.database
  const before = await rowsOf(sql)
  for (const [table, rows] of Object.entries(before)) expect(rows, table).not.toEqual([])
  const kinds = await sql`select distinct provider_object_type as kind from payments.transactions order by 1`
  expect(kinds.map(({ kind }) => kind)).toEqual(['payment_intent', 'refund'])
  const [money] = await sql`
    select sum(amount_refunded)::int as refunded, sum(amount_disputed)::int > 0 as is_disputed
    from payments.transactions`
  expect(money).toEqual({ refunded: 100, is_disputed: true })

  await sql`select payments_private.delete_environment('test')`
  for (const [table, rows] of Object.entries(await rowsOf(sql))) expect(rows, table).toEqual([])
  const run = await runSync({ environment: 'test', kinds: [...SYNC_KINDS] }, system.deps)
  expect(run).toMatchObject({ status: 'succeeded', error: null })
  const after = await rowsOf(sql)
  for (const [table, rows] of Object.entries(before))
    expect(withoutDeclinedCharge(after[table]), table).toEqual(withoutDeclinedCharge(rows))
})

test('customer mappings that were lost alone come back with the next sync, which reports them', async () => {
  await history()
  const { sql } = system.database
  await runSync({ environment: 'test' }, system.deps)
  const before = await rowsOf(sql)
  expect(before.customer_mappings).toHaveLength(1)
  await sql`delete from payments.customer_mappings`
  const run = await runSync({ environment: 'test' }, system.deps)
  expect(run).toMatchObject({
    status: 'succeeded',
    drift: { customers: { rows: 1, fields: { subject: 1 } } },
  })
  expect(await rowsOf(sql)).toEqual(before)
  const again = await runSync({ environment: 'test' }, system.deps)
  expect(again.drift).toEqual({})
})
