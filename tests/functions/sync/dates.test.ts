/** When payments were paid and failed, for a database that no event has told: over real Postgres and local Stripe. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runSync } from '../../../functions/sync/sync.ts'
import { deliver, rowsOf, type SyncSystem, startSyncSystem } from './support/system.ts'

let system: SyncSystem

beforeEach(async () => {
  system = await startSyncSystem()
})
afterEach(() => system.close())

const EVERYTHING = [
  'products',
  'prices',
  'customers',
  'subscriptions',
  'checkout_sessions',
  'invoices',
  'payment_intents',
  'charges',
  'refunds',
  'disputes',
] as const

/** Payments that were declined, declined and then paid, canceled after a decline, and renewed in vain. */
async function history() {
  const { api, stripe, prices } = system
  const attempt = (id: string, payment_method: string) =>
    api.paymentIntents.confirm(id, { payment_method }).catch(() => undefined)
  const intent = () => api.paymentIntents.create({ amount: 900, currency: 'eur' })
  const [declined, paid, canceled] = [await intent(), await intent(), await intent()]
  stripe.control.advance(60)
  for (const { id } of [declined, paid, canceled]) await attempt(id, 'pm_card_chargeDeclined')
  stripe.control.advance(3600)
  await attempt(paid.id, 'pm_card_visa')
  await api.paymentIntents.cancel(canceled.id)
  const customer = await api.customers.create({ payment_method: 'pm_card_visa' })
  const { data } = await api.paymentMethods.list({ customer: customer.id })
  await api.subscriptions.create({
    customer: customer.id,
    items: [{ price: prices.monthly }],
    default_payment_method: data[0]?.id,
  })
  const session = await api.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price: prices.once, quantity: 1 }],
    success_url: 'https://shop.example/done',
  })
  stripe.control.pay(session.id)
  stripe.control.advance(3600)
  return { declined: declined.id, paid: paid.id, canceled: canceled.id }
}

const sync = (kinds: readonly string[] = EVERYTHING) =>
  runSync({ environment: 'test', kinds: [...kinds] as never }, system.deps)

const payments = async () =>
  new Map(
    (
      await system.database.sql`
        select provider_object_id as id, status, amount::integer, paid_at, failed_at, updated_at, xmin::text
        from payments.transactions order by 1`
    ).map(({ id, ...row }) => [id as string, row]),
  )

const chargeTimes = async (payment_intent: string) =>
  (await system.api.charges.list({ payment_intent })).data.map(({ created }) => new Date(created * 1000))

describe('after a sync that no event preceded', () => {
  test('payments were paid and failed when their charges were', async () => {
    const { declined, paid, canceled } = await history()
    await sync()
    const rows = await payments()
    const [at] = await chargeTimes(declined)
    expect(rows.get(declined)).toMatchObject({ status: 'failed', amount: 900, paid_at: null, failed_at: at })
    const [last] = await chargeTimes(paid)
    expect(rows.get(paid)).toMatchObject({ status: 'succeeded', paid_at: last, failed_at: null })
    const [given] = await chargeTimes(canceled)
    expect(rows.get(canceled)).toMatchObject({ status: 'failed', amount: 900, failed_at: given })
  })

  test.each([
    ['everything', EVERYTHING],
    ['no charges', ['payment_intents', 'invoices', 'checkout_sessions']],
  ] as const)(
    'a second sync of an unchanged account changes no row and reports no drift: %s',
    async (_, kinds) => {
      await history()
      await sync(kinds)
      const [before, all] = [await payments(), await rowsOf(system.database.sql)]
      expect(before.size).toBeGreaterThan(3)
      for (const minutes of [1, 60 * 24]) {
        system.stripe.control.advance(minutes * 60)
        const { drift } = await sync(kinds)
        for (const [kind, found] of Object.entries(drift))
          expect(found, kind).toEqual({ rows: 0, missing: 0, deleted: 0, fields: {} })
        expect(await payments()).toEqual(before)
        expect(await rowsOf(system.database.sql)).toEqual(all)
      }
    },
  )
})

test('a sync after all events have arrived changes no time, no status and no amount', async () => {
  await history()
  await deliver(system.deps, system.stripe.control.events())
  const told = async () =>
    [...(await payments())].map(([id, { updated_at, xmin, ...row }]) => ({ id, ...row }))
  const before = await told()
  await sync()
  expect(await told()).toEqual(before)
})
