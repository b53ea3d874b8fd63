/** The published schemas of the API that we are compatible with parse every answer of its routes. */
import * as shared from '@insforge/shared-schemas'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { productEvent, signatureOf } from '../support/events.ts'
import { WEBHOOK_SECRET } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'
import { type AdminSystem, startAdminSystem } from './support.ts'

let system: AdminSystem
const STRIPE = '/api/payments/stripe'

beforeAll(async () => {
  system = await startAdminSystem({ env: { STRIPE_TEST_WEBHOOK_SECRET: WEBHOOK_SECRET } })
})

afterAll(() => system.close())

/** What a schema of another zod makes of an answer. */
function parsed(
  schema: { safeParse(value: unknown): { success: boolean; error?: unknown; data?: unknown } },
  answer: {
    status: number
    body: unknown
    text: string
  },
) {
  expect([200, 201], answer.text).toContain(answer.status)
  const result = schema.safeParse(answer.body)
  expect(result.error ?? null).toBeNull()
  // biome-ignore lint/suspicious/noExplicitAny: the data of any of the schemas
  return result.data as any
}

it('keys and status', async () => {
  const secretKey = system.stripe.secretKey
  parsed(shared.getStripeConfigResponseSchema, await system.admin('GET', `${STRIPE}/config`))
  const { keys } = parsed(
    shared.getStripeConfigResponseSchema,
    await system.admin('PUT', `${STRIPE}/test/config`, { secretKey }),
  )
  expect(keys).toEqual([
    { environment: 'test', value: 'sk_test_****0000' },
    { environment: 'live', value: null },
  ])
  const { connections } = parsed(
    shared.getStripeStatusResponseSchema,
    await system.admin('GET', `${STRIPE}/status`),
  )
  expect(connections).toHaveLength(2)
})

it('the catalog', async () => {
  const catalog = `${STRIPE}/test/catalog`
  const { product } = parsed(
    shared.mutateStripeProductResponseSchema,
    await system.admin('POST', `${catalog}/products`, { name: 'Mug' }),
  )
  const { price } = parsed(
    shared.mutateStripePriceResponseSchema,
    await system.admin('POST', `${catalog}/prices`, {
      productId: product.productId,
      currency: 'usd',
      unitAmount: 500,
      recurring: { interval: 'year' },
    }),
  )
  parsed(shared.listStripeCatalogResponseSchema, await system.admin('GET', catalog))
  parsed(shared.listStripeProductsResponseSchema, await system.admin('GET', `${catalog}/products`))
  parsed(
    shared.getStripeProductResponseSchema,
    await system.admin('GET', `${catalog}/products/${product.productId}`),
  )
  parsed(
    shared.mutateStripeProductResponseSchema,
    await system.admin('PATCH', `${catalog}/products/${product.productId}`, { active: false }),
  )
  parsed(shared.listStripePricesResponseSchema, await system.admin('GET', `${catalog}/prices`))
  parsed(shared.getStripePriceResponseSchema, await system.admin('GET', `${catalog}/prices/${price.priceId}`))
  parsed(
    shared.mutateStripePriceResponseSchema,
    await system.admin('PATCH', `${catalog}/prices/${price.priceId}`, { lookupKey: 'k' }),
  )
  parsed(
    shared.archiveStripePriceResponseSchema,
    await system.admin('DELETE', `${catalog}/prices/${price.priceId}`),
  )
  const other = await system.admin('POST', `${catalog}/products`, { name: 'Cup' })
  parsed(
    shared.deleteStripeProductResponseSchema,
    await system.admin('DELETE', `${catalog}/products/${other.body.product.productId}`),
  )
})

it('checkout, portal, and what follows from a purchase', async () => {
  const headers = { authorization: `Bearer ${await userToken('ada')}` }
  const subject = { type: 'user', id: 'ada' }
  const checkout = await system.call('POST', `${STRIPE}/test/checkout-sessions`, {
    body: {
      mode: 'subscription',
      lineItems: [{ priceId: system.prices.monthly }],
      successUrl: 'https://shop.example/done',
      cancelUrl: 'https://shop.example/back',
      subject,
    },
    headers,
  })
  const { checkoutSession } = parsed(shared.createCheckoutSessionResponseSchema, checkout)
  system.stripe.control.pay(checkoutSession.checkoutSessionId)
  for (const event of system.stripe.control.events()) {
    const body = JSON.stringify(event)
    const webhook = await system.call('POST', '/api/webhooks/stripe/test', {
      body,
      headers: { 'stripe-signature': signatureOf(body) },
    })
    const { handled } = parsed(shared.stripeWebhookResponseSchema, webhook)
    expect(typeof handled).toBe('boolean')
  }
  parsed(
    shared.createCustomerPortalSessionResponseSchema,
    await system.call('POST', `${STRIPE}/test/customer-portal-sessions`, { body: { subject }, headers }),
  )
  const test = `${STRIPE}/test`
  const { subscriptions } = parsed(
    shared.listStripeSubscriptionsResponseSchema,
    await system.admin('GET', `${test}/subscriptions?subjectType=user&subjectId=ada`),
  )
  expect(subscriptions).toMatchObject([{ status: 'active', items: [{ priceId: system.prices.monthly }] }])
  const { transactions } = parsed(
    shared.listPaymentTransactionsResponseSchema,
    await system.admin('GET', `${test}/transactions`),
  )
  expect(transactions).toMatchObject([{ type: 'subscription_invoice', status: 'succeeded', amount: 900 }])
  const { customers } = parsed(
    shared.listPaymentCustomersResponseSchema,
    await system.admin('GET', `${test}/customers`),
  )
  expect(customers).toMatchObject([{ paymentsCount: 1, totalSpend: 900, totalSpendCurrency: 'eur' }])
})

it('sync', async () => {
  const { results } = parsed(
    shared.syncStripePaymentsResponseSchema,
    await system.admin('POST', `${STRIPE}/test/sync`),
  )
  expect(results).toHaveLength(1)
  parsed(shared.syncStripePaymentsResponseSchema, await system.admin('POST', `${STRIPE}/sync`))
})

it('an event that is ignored', async () => {
  const body = JSON.stringify({ ...productEvent('prod_1', 'x'), type: 'payout.paid' })
  const answer = await system.call('POST', '/api/webhooks/stripe/test', {
    body,
    headers: { 'stripe-signature': signatureOf(body) },
  })
  expect(parsed(shared.stripeWebhookResponseSchema, answer)).toMatchObject({ received: true, handled: false })
})

it('the webhook, and removing the key', async () => {
  const reachable = await startAdminSystem({ reachable: true })
  await reachable.admin('PUT', `${STRIPE}/test/config`, { secretKey: reachable.stripe.secretKey })
  parsed(shared.configureStripeWebhookResponseSchema, await reachable.admin('POST', `${STRIPE}/test/webhook`))
  parsed(shared.getStripeConfigResponseSchema, await reachable.admin('DELETE', `${STRIPE}/test/config`))
  await reachable.close()
})
