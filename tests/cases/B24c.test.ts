/** A metered price is bought without a quantity: Stripe refuses one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPaymentsClient } from '../../functions/client/index.ts'
import type { RunningServer } from '../functions/conformance.ts'
import { startNode } from '../functions/support/server.ts'
import { ADMIN_KEY, type System, startSystem } from '../functions/support/system.ts'
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

test('only prices that have an id are asked for, when Stripe has refused a checkout', async () => {
  const { product } = await system.api.prices.retrieve(system.prices.monthly)
  const withAdminKey: typeof fetch = (input, init) =>
    fetch(input, { ...init, headers: { ...init?.headers, 'x-api-key': ADMIN_KEY } })
  const payments = createPaymentsClient({ baseUrl: server.url, fetch: withAdminKey })
  system.asked.forget()
  const { error } = await payments.stripe.createCheckoutSession('test', {
    mode: 'subscription',
    lineItems: [
      {
        priceData: {
          productId: product as string,
          currency: 'eur',
          unitAmount: 5,
          recurring: { interval: 'year', intervalCount: 9 },
        },
      },
    ],
    successUrl: 'https://shop.example/done',
    cancelUrl: 'https://shop.example/back',
    subject,
  })
  expect(error?.error).toBe('UPSTREAM_FAILURE')
  expect(system.asked.seen().map(({ method, path }) => `${method} ${path}`)).toEqual([
    'POST /v1/checkout/sessions',
  ])
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

describe('a price that has no row here', () => {
  const buy = async (lineItems: { priceId: string; quantity?: number }[], idempotencyKey?: string) =>
    createPaymentsClient({
      baseUrl: server.url,
      getToken: () => userToken('u1'),
    }).stripe.createCheckoutSession('test', {
      mode: 'subscription',
      lineItems,
      successUrl: 'https://a.example/ok',
      cancelUrl: 'https://a.example/no',
      subject,
      ...(idempotencyKey && { idempotencyKey }),
    })
  const forget = (id: unknown) =>
    system.database.sql`delete from payments.stripe_prices where price_id = ${id as string}`
  const attempts = async (id: string | undefined) =>
    (
      await system.database
        .sql`select attempt from payments.stripe_checkout_sessions where id = ${id ?? null}`
    )[0]?.attempt

  test.each([
    ['with a key', 'key of a metered price'],
    ['without a key', undefined],
  ])('is read from Stripe when it is metered, so the checkout %s succeeds', async (_, key) => {
    await forget(metered.id)
    const { data, error } = await buy([{ priceId: metered.id, quantity: 2 }], key)
    expect(error).toBe(null)
    expect(data?.checkoutSession).toMatchObject({ status: 'open', lastError: null })
    expect(await attempts(data?.checkoutSession.id)).toBe(2)
    expect((await priceRow(system.database.sql, metered.id)).recurring_usage_type).toBe('metered')
  })

  test('costs no further call when Stripe takes it', async () => {
    await forget(system.prices.monthly)
    const { data } = await buy([{ priceId: system.prices.monthly }])
    expect(await attempts(data?.checkoutSession.id)).toBe(1)
  })

  test('and none at Stripe is refused with Stripe’s sentence', async () => {
    const { error } = await buy([{ priceId: 'price_of_nobody' }])
    expect(error).toMatchObject({ statusCode: 400, message: expect.stringContaining('No such price') })
  })

  test('beside a customer who was deleted at Stripe is healed in the same request', async () => {
    const { id } = await system.api.customers.create({ email: 'gone@example.com' })
    const { sql } = system.database
    await sql`
      insert into payments_private.customer_owners (environment, customer_id, subject_type, subject_id, named_at, named_by)
      values ('test', ${id}, 'user', 'u1', now(), ${id})`
    await sql`select payments_private.refresh_customer_mappings('test', array[${id}])`
    await system.api.customers.del(id)
    await forget(metered.id)
    const { data, error } = await buy([{ priceId: metered.id }])
    expect(error).toBe(null)
    expect(await attempts(data?.checkoutSession.id)).toBe(3)
  })
})
