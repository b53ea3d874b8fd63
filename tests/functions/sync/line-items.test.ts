/** Checkout Sessions whose rows were lost come back with their line items, so that templates decide the same. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { recover } from '../../../functions/sync/recovery.ts'
import { runSync } from '../../../functions/sync/sync.ts'
import { type SyncSystem, startSyncSystem } from './support/system.ts'

let system: SyncSystem

beforeEach(async () => {
  system = await startSyncSystem()
})
afterEach(() => system.close())

async function startCheckout(
  count = 1,
): Promise<{ id: string; items: { priceId: string; quantity: number }[] }> {
  const { api } = system
  const product = await api.products.create({ name: 'Bag' })
  const items: { priceId: string; quantity: number }[] = []
  for (let index = 0; index < count; index++) {
    const price = await api.prices.create({ product: product.id, currency: 'eur', unit_amount: 100 + index })
    items.push({ priceId: price.id, quantity: index + 1 })
  }
  const { id } = await api.checkout.sessions.create({
    mode: 'payment',
    line_items: items.map(({ priceId, quantity }) => ({ price: priceId, quantity })),
    success_url: 'https://shop.example/done',
  })
  return { id, items }
}

const lineItems = async () =>
  (await system.database.sql`select line_items from payments.stripe_checkout_sessions`).map(
    (row) => row.line_items,
  )

test('by a sync, also those beyond the ten that Stripe shows with a session', async () => {
  const { items } = await startCheckout(12)
  await runSync({ environment: 'test', kinds: ['checkout_sessions'] }, system.deps)
  expect(await lineItems()).toEqual([items])
})

test('by a recovery', async () => {
  const { id, items } = await startCheckout()
  await system.stripe.control.pay(id)
  const since = new Date(Date.now() - 3_600_000).toISOString()
  expect(await recover({ environment: 'test', since }, system.deps)).toMatchObject({ failed: 0 })
  expect(await lineItems()).toEqual([items])
})
