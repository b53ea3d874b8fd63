/** The published `@insforge/sdk`, unmodified, against these handlers: existing apps keep working. */
import { createClient } from '@insforge/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningServer } from '../conformance.ts'
import { startNode } from '../support/server.ts'
import { ANON_KEY, type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

let system: System
let server: RunningServer

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode(system.env)
})

afterAll(async () => {
  await server.stop()
  await system.close()
})

const request = () => ({
  mode: 'payment' as const,
  lineItems: [{ priceId: system.prices.once, quantity: 1 }],
  successUrl: 'https://shop.example/done',
  cancelUrl: 'https://shop.example/back',
})

async function signedIn(user: string) {
  return createClient({ baseUrl: server.url, edgeFunctionToken: await userToken(user), retryCount: 0 })
}

describe('@insforge/sdk', () => {
  it('creates a checkout session for a signed-in user', async () => {
    const insforge = await signedIn('ada')
    const { data, error } = await insforge.payments.stripe.createCheckoutSession('test', {
      ...request(),
      subject: { type: 'user', id: 'ada' },
      idempotencyKey: 'order-1',
    })
    expect(error).toBeNull()
    expect(data?.checkoutSession).toMatchObject({ environment: 'test', status: 'open', subjectId: 'ada' })
    expect((await fetch(data?.checkoutSession.url ?? '')).status).toBe(200)
  })

  it('creates one for anybody, with the anonymous key', async () => {
    const insforge = createClient({ baseUrl: server.url, anonKey: ANON_KEY })
    const { data, error } = await insforge.payments.stripe.createCheckoutSession('test', request())
    expect(error).toBeNull()
    expect(data?.checkoutSession.status).toBe('open')
  })

  it('creates a portal session for a subject that has a customer, and gets 404 before', async () => {
    const insforge = await signedIn('grace')
    const subject = { type: 'user', id: 'grace' }
    const before = await insforge.payments.stripe.createCustomerPortalSession('test', { subject })
    expect(before.data).toBeNull()
    expect(before.error).toMatchObject({ statusCode: 404, error: 'PAYMENT_NOT_FOUND' })

    const customer = await system.api.customers.create({ email: 'grace@example.com' })
    await system.database.sql`
      insert into payments.customer_mappings (environment, subject_type, subject_id, provider_customer_id)
      values ('test', 'user', 'grace', ${customer.id})`
    const after = await insforge.payments.stripe.createCustomerPortalSession('test', { subject })
    expect(after.error).toBeNull()
    expect(after.data?.customerPortalSession).toMatchObject({ status: 'created', customerId: customer.id })
  })

  it('gets each refusal with its status and code', async () => {
    const insforge = await signedIn('mallory')
    const team = { type: 'team', id: '42' }
    const { error } = await insforge.payments.stripe.createCheckoutSession('test', {
      ...request(),
      subject: team,
    })
    expect(error).toMatchObject({
      statusCode: 403,
      error: 'AUTH_UNAUTHORIZED',
      nextActions: expect.any(String),
    })
    const anonymous = createClient({ baseUrl: server.url, anonKey: ANON_KEY })
    const portal = await anonymous.payments.stripe.createCustomerPortalSession('test', { subject: team })
    expect(portal.error).toMatchObject({ statusCode: 401, error: 'AUTH_INVALID_CREDENTIALS' })
  })
})
