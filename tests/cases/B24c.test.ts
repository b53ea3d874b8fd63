/** A metered price is bought without a quantity: Stripe refuses one. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPaymentsClient } from '../../functions/client/index.ts'
import type { RunningServer } from '../functions/conformance.ts'
import { startNode } from '../functions/support/server.ts'
import { type System, startSystem } from '../functions/support/system.ts'
import { userToken } from '../functions/support/tokens.ts'
import { user } from '../setup/database.ts'
import { begin, ingest, priceRow } from '../sql/support/calls.ts'
import { eventOf, type Json, price } from '../sql/support/stripe.ts'

const subject = { type: 'user', id: 'u1' }
let system: System
let server: RunningServer
let metered: Json

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode(system.env)
  const { product } = await system.api.prices.retrieve(system.prices.monthly)
  metered = (await system.api.prices.create({
    product: product as string,
    currency: 'eur',
    unit_amount: 5,
    recurring: { interval: 'month', usage_type: 'metered' },
  })) as unknown as Json
  await ingest(system.database.sql, eventOf('price.created', metered))
  await ingest(
    system.database.sql,
    eventOf('price.created', await system.api.prices.retrieve(system.prices.monthly)),
  )
})
afterAll(async () => {
  await server?.stop()
  await system?.close()
})

test('the row of a price says how its use is counted', async () => {
  expect((await priceRow(system.database.sql, metered.id)).recurring_usage_type).toBe('metered')
  expect((await priceRow(system.database.sql, system.prices.monthly)).recurring_usage_type).toBe('licensed')
  const once = price()
  await ingest(system.database.sql, eventOf('price.created', once))
  expect((await priceRow(system.database.sql, once.id)).recurring_usage_type).toBe(null)
})

test('a deletion leaves how the use of the price was counted', async () => {
  const old = price({ recurring: { interval: 'month', usage_type: 'metered' }, type: 'recurring' })
  await ingest(system.database.sql, eventOf('price.created', old))
  await system.database.sql`
    select payments.project_stripe_objects('test', ${system.database.sql.json([{ id: old.id, object: 'price', deleted: true }])}, now())`
  expect(await priceRow(system.database.sql, old.id)).toMatchObject({ recurring_usage_type: 'metered' })
})

test.each([
  ['left out', [{}]],
  ['given', [{ quantity: 1 }]],
])('a metered price goes to Stripe without a quantity, when it is %s', async (_, [more]) => {
  const { params } = await begin(system.database.sql, user('u1'), {
    mode: 'subscription',
    subject,
    lineItems: [{ priceId: metered.id, ...more }, { priceId: system.prices.monthly }],
  })
  expect(params.line_items).toEqual([{ price: metered.id }, { price: system.prices.monthly, quantity: 1 }])
})

test('a price of the other environment decides nothing', async () => {
  const { params } = await begin(system.database.sql, user('u1'), {
    environment: 'live',
    mode: 'subscription',
    subject,
    lineItems: [{ priceId: metered.id }],
  })
  expect(params.line_items).toEqual([{ price: metered.id, quantity: 1 }])
})

test('a metered price can be bought through the API, and its subscription item has no quantity', async () => {
  const payments = createPaymentsClient({ baseUrl: server.url, getToken: () => userToken('u1') })
  const { data, error } = await payments.stripe.createCheckoutSession('test', {
    mode: 'subscription',
    lineItems: [{ priceId: metered.id }],
    successUrl: 'https://a.example/ok',
    cancelUrl: 'https://a.example/no',
    subject,
  })
  expect(error).toBe(null)
  const paid = system.stripe.control.pay(data?.checkoutSession.checkoutSessionId as string)
  const bought = (await system.api.subscriptions.retrieve(paid.subscription as string)) as unknown as Json
  expect(bought).toMatchObject({ status: 'active', items: { data: [{ price: { id: metered.id } }] } })
  expect(bought.items.data[0]).not.toHaveProperty('quantity')
})
