/** The older addresses and names: the same answers, in the words of then. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { userToken } from '../support/tokens.ts'
import { type AdminSystem, type Body, connect, startAdminSystem } from './support.ts'

let system: AdminSystem

beforeAll(async () => {
  system = await startAdminSystem()
  await connect(system)
})

afterAll(() => system.close())

const old = (method: string, path: string, body?: unknown) =>
  system.admin(method, `/api/payments${path}`, body)

describe('an older address', () => {
  it('shows the account under its older names', async () => {
    const { body } = await old('GET', '/status')
    expect(body.connections[0]).toMatchObject({
      environment: 'test',
      status: 'connected',
      stripeAccountId: 'acct_1LocalStripe00000',
      stripeAccountEmail: 'owner@local-stripe.test',
    })
    expect(body.connections[0]).not.toHaveProperty('accountId')
  })

  it('shows whether there are keys', async () => {
    expect((await old('GET', '/config')).body.keys[0]).toMatchObject({
      environment: 'test',
      hasKey: true,
      maskedKey: 'sk_test_****0000',
    })
  })

  it('stores and removes a key', async () => {
    expect((await old('PUT', '/test/config', { secretKey: system.stripe.secretKey })).body).toMatchObject({
      connection: { stripeAccountId: 'acct_1LocalStripe00000' },
    })
    expect((await old('PUT', '/staging/config', { secretKey: 'x' })).body).toMatchObject({
      error: 'INVALID_INPUT',
      message: 'environment must be test or live.',
    })
    expect((await old('DELETE', '/live/config')).body.error).toBe('PAYMENT_CONFIG_NOT_FOUND')
  })

  it('makes, lists and deletes products and prices', async () => {
    const { product } = (await old('POST', '/test/catalog/products', { name: 'Mug' })).body
    expect(product).toMatchObject({ stripeProductId: expect.stringMatching(/^prod_/), name: 'Mug' })
    const { stripeProductId } = product
    const made = await old('POST', '/test/catalog/prices', {
      stripeProductId,
      currency: 'usd',
      unitAmount: 500,
    })
    expect(made).toMatchObject({ status: 201, body: { price: { stripeProductId, unitAmount: 500 } } })
    const { stripePriceId } = made.body.price
    expect(
      (await old('GET', `/test/catalog/prices?stripeProductId=${stripeProductId}`)).body.prices,
    ).toMatchObject([{ stripePriceId }])
    expect((await old('GET', `/test/catalog/prices/${stripePriceId}`)).body.price).toMatchObject({
      stripePriceId,
    })
    expect(
      (await old('PATCH', `/test/catalog/prices/${stripePriceId}`, { active: false })).body.price.active,
    ).toBe(false)
    expect((await old('GET', `/test/catalog/products/${stripeProductId}`)).body).toMatchObject({
      product: { stripeProductId },
      prices: [{ stripePriceId }],
    })
    expect((await old('GET', '/test/catalog')).body.products).toContainEqual(
      expect.objectContaining({ stripeProductId }),
    )
    const { stripeProductId: other } = (await old('POST', '/test/catalog/products', { name: 'Cup' })).body
      .product
    expect((await old('DELETE', `/test/catalog/products/${other}`)).body).toEqual({
      stripeProductId: other,
      deleted: true,
    })
  })

  it('lists subscriptions, customers and the payment history', async () => {
    const { sql } = system.database
    await sql`
      insert into payments.transactions (
        environment, type, status, provider_customer_id, provider_object_type, provider_object_id, amount, currency,
        provider_created_at, related_object_ids
      ) values ('test', 'one_time_payment', 'succeeded', 'cus_1', 'payment_intent', 'pi_1', 1900, 'eur', now(),
        '{"payment_intent": "pi_1", "checkout_session": "cs_1", "charge": "ch_1"}')`
    await sql`
      insert into payments.customers (environment, provider_customer_id, metadata)
      values ('test', 'cus_1', '{"customerId": "theirs", "accountId": "also theirs"}')`
    await sql`
      insert into payments.stripe_subscriptions (environment, subscription_id, customer_id, status)
      values ('test', 'sub_1', 'cus_1', 'active')`
    await sql`
      insert into payments.stripe_subscription_items (environment, subscription_item_id, subscription_id, product_id, price_id)
      values ('test', 'si_1', 'sub_1', 'prod_1', 'price_1')`
    expect((await old('GET', '/test/subscriptions')).body.subscriptions).toMatchObject([
      {
        stripeSubscriptionId: 'sub_1',
        stripeCustomerId: 'cus_1',
        items: [{ stripeSubscriptionItemId: 'si_1', stripeProductId: 'prod_1', stripePriceId: 'price_1' }],
      },
    ])
    expect((await old('GET', '/test/customers?limit=5')).body.customers).toMatchObject([
      {
        stripeCustomerId: 'cus_1',
        stripeCreatedAt: null,
        metadata: { customerId: 'theirs', accountId: 'also theirs' },
      },
    ])
    expect((await old('GET', '/test/payment-history')).body.paymentHistory).toMatchObject([
      {
        stripeCustomerId: 'cus_1',
        stripePaymentIntentId: 'pi_1',
        stripeCheckoutSessionId: 'cs_1',
        stripeChargeId: 'ch_1',
        stripeInvoiceId: null,
        stripeRefundId: null,
        amount: 1900,
        stripeCreatedAt: expect.any(String),
      },
    ])
  })

  it.each([
    ['with the environment in its path', '/test/checkout-sessions', {}],
    ['with the environment in its body', '/checkout-sessions', { environment: 'test' }],
  ])('starts a checkout as its caller, %s', async (_, path, more) => {
    const { status, body } = await system.call('POST', `/api/payments${path}`, {
      body: {
        mode: 'payment',
        lineItems: [{ stripePriceId: system.prices.once, quantity: 2 }],
        successUrl: 'https://shop.example/done',
        cancelUrl: 'https://shop.example/back',
        subject: { type: 'user', id: 'ada' },
        metadata: { stripePriceId: 'theirs' },
        ...more,
      },
      headers: { authorization: `Bearer ${await userToken('ada')}` },
    })
    expect(status).toBe(201)
    expect(body.checkoutSession).toMatchObject({
      status: 'open',
      stripeCheckoutSessionId: expect.stringMatching(/^cs_/),
      stripeCustomerId: null,
    })
    const session = await system.api.checkout.sessions.retrieve(body.checkoutSession.stripeCheckoutSessionId)
    expect(session.metadata).toMatchObject({ stripePriceId: 'theirs' })
  })

  it('opens the portal, and refuses who may not', async () => {
    const path = '/api/payments/customer-portal-sessions'
    const body = { environment: 'test', subject: { type: 'user', id: 'ada' } }
    expect((await system.call('POST', path, { body })).body.error).toBe('AUTH_INVALID_CREDENTIALS')
    const headers = { authorization: `Bearer ${await userToken('ada')}` }
    expect((await system.call('POST', path, { body, headers })).body.error).toBe('PAYMENT_NOT_FOUND')
    expect((await system.call('POST', path, { body: {}, headers })).body).toMatchObject({
      error: 'INVALID_INPUT',
      message: 'environment must be test or live.',
    })
  })

  it('is guarded like the one of today', async () => {
    for (const path of ['/status', '/config', '/test/customers', '/test/payment-history', '/test/catalog']) {
      expect((await system.call('GET', `/api/payments${path}`)).status).toBe(401)
    }
    expect((await system.call('PUT', '/api/payments/test/config', { body: { secretKey: 'x' } })).status).toBe(
      401,
    )
  })

  it('looks at who asks before it looks at the body', async () => {
    const bodies = ['{', 'x'.repeat(1_000_001)]
    const wrong = { authorization: 'Bearer x' }
    for (const body of bodies) {
      for (const [method, path] of [
        ['PUT', '/test/config'],
        ['POST', '/sync'],
        ['POST', '/test/catalog/products'],
      ] as const) {
        expect((await system.call(method, `/api/payments${path}`, { body })).status, path).toBe(401)
      }
      for (const path of ['/checkout-sessions', '/test/checkout-sessions', '/customer-portal-sessions']) {
        const answer = await system.call('POST', `/api/payments${path}`, { body, headers: wrong })
        expect(answer.status, path).toBe(401)
      }
      expect((await system.call('POST', '/api/payments/status', { body })).status).toBe(405)
    }
    expect((await old('PUT', '/test/config', '{')).body.message).toBe('The body is not JSON.')
  })

  it('refuses a body that is nested too deeply, from whomever it comes', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    for (const path of ['/checkout-sessions', '/test/checkout-sessions', '/test/customer-portal-sessions']) {
      const body = `{"environment": "test", "subject": ${deep}, "metadata": ${deep}}`
      expect(await system.call('POST', `/api/payments${path}`, { body }), path).toMatchObject({
        status: 400,
        body: { error: 'INVALID_INPUT', message: 'The body is nested too deeply.' },
      })
    }
    expect(await old('POST', '/test/catalog/products', `{"name": "Mug", "metadata": ${deep}}`)).toMatchObject(
      { status: 400, body: { message: 'The body is nested too deeply.' } },
    )
  })

  it('passes on errors as they are', async () => {
    expect((await old('GET', '/test/catalog/products/prod_none')).body).toMatchObject({
      error: 'PAYMENT_PRODUCT_NOT_FOUND',
      statusCode: 404,
    } satisfies Body)
    expect((await old('GET', '/test/nothing')).body.error).toBe('NOT_FOUND')
    expect((await old('POST', '/status')).body.error).toBe('METHOD_NOT_ALLOWED')
  })
})
