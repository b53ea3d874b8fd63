/** How often the handlers wait for Postgres, counted on the wire. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { createPaymentsClient } from '../../functions/client/index.ts'
import type { RunningServer } from './conformance.ts'
import { productEvent, signatureOf } from './support/events.ts'
import { type PostgresProxy, startProxy } from './support/proxy.ts'
import { startNode } from './support/server.ts'
import { type System, startSystem } from './support/system.ts'
import { userToken } from './support/tokens.ts'

let system: System
let proxy: PostgresProxy
let server: RunningServer

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  proxy = await startProxy(system.database.url)
  server = await startNode({
    ...system.env,
    DATABASE_URL: proxy.url,
    PAYMENTS_POOL_SIZE: '5',
    STRIPE_TIMEOUT_MS: '60000',
  })
  // The first request opens a connection and reads the stored secrets, which stay in memory.
  await deliver(productEvent('prod_first', 'x'))
})

afterAll(async () => {
  await server.stop()
  await proxy.close()
  await system.close()
})

beforeEach(() => proxy.reset())

function deliver(event: object): Promise<Response> {
  const body = JSON.stringify(event)
  return fetch(`${server.url}/api/webhooks/stripe/test`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'stripe-signature': signatureOf(body) },
    body,
  })
}

const payments = (user: string) =>
  createPaymentsClient({ baseUrl: server.url, getToken: () => userToken(user) })

const cap = () => ({
  mode: 'payment' as const,
  lineItems: [{ priceId: system.prices.once }],
  successUrl: 'https://shop.example/done',
  cancelUrl: 'https://shop.example/back',
})

it('a webhook takes one round trip', async () => {
  const event = productEvent('prod_1', 'Cap')
  expect((await deliver(event)).status).toBe(200)
  expect(proxy.flights()).toBe(1)
  expect((await deliver(event)).status).toBe(200)
  expect(proxy.flights()).toBe(2)
})

it('a checkout takes two round trips', async () => {
  const { data } = await payments('ada').stripe.createCheckoutSession('test', cap())
  expect(data?.checkoutSession.status).toBe('open')
  expect(proxy.flights()).toBe(2)
})

it('a checkout that is there already takes one', async () => {
  const request = { ...cap(), idempotencyKey: randomUUID() }
  await payments('ada').stripe.createCheckoutSession('test', request)
  proxy.reset()
  const { data } = await payments('ada').stripe.createCheckoutSession('test', request)
  expect(data?.checkoutSession.status).toBe('open')
  expect(proxy.flights()).toBe(1)
})

it('what is refused for its form, its token or its signature takes none', async () => {
  await payments('ada').stripe.createCheckoutSession('test', { ...cap(), lineItems: [] })
  await createPaymentsClient({ baseUrl: server.url, getToken: () => 'x' }).stripe.createCheckoutSession(
    'test',
    cap(),
  )
  await fetch(`${server.url}/api/webhooks/stripe/test`, { method: 'POST', body: '{}' })
  expect(proxy.flights()).toBe(0)
})

it('200 checkouts at once succeed on a pool of 5 while Stripe takes a second for each, for no connection waits for Stripe', async () => {
  system.stripe.control.fail({ fault: { delayMs: 1000 }, path: '/v1/checkout/sessions', times: 200 })
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, n) => payments(`user-${n}`).stripe.createCheckoutSession('test', cap())),
  )
  expect(results.filter(({ error }) => error !== null)).toEqual([])
  expect(new Set(results.map(({ data }) => data?.checkoutSession.checkoutSessionId)).size).toBe(200)
  expect(proxy.connections()).toBeLessThanOrEqual(5)
  const [row] = await system.database.sql`
    select count(*)::integer as open from payments.stripe_checkout_sessions
    where status = 'open' and caller_id like 'user-%'`
  expect(row).toEqual({ open: 200 })
})

it('no connection is held, and no transaction is open, while Stripe is asked', async () => {
  system.stripe.control.fail({ fault: { hold: true }, path: '/v1/checkout/sessions' })
  system.asked.forget()
  const pending = payments('ada').stripe.createCheckoutSession('test', cap())
  await system.stripe.control.whenHeld()
  const busy = await system.database.sql`
    select state, query from pg_stat_activity
    where datname = current_database() and application_name = 'pg-payments' and state <> 'idle'`
  expect(busy).toEqual([])
  system.stripe.control.releaseHeld()
  expect((await pending).data?.checkoutSession.status).toBe('open')
})
