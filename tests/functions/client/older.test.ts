/** The methods of older clients, over the handlers: the same sessions, in the words of then. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPaymentsClient, type PaymentsClient } from '../../../functions/client/index.ts'
import type { RunningServer } from '../conformance.ts'
import { startNode } from '../support/server.ts'
import { type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

let system: System
let server: RunningServer
let payments: PaymentsClient

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode(system.env)
  payments = createPaymentsClient({ baseUrl: server.url, getToken: () => userToken('ada') })
})
afterAll(async () => {
  await server.stop()
  await system.close()
})

const request = () => ({
  mode: 'payment' as const,
  lineItems: [{ stripePriceId: system.prices.once, quantity: 1 }],
  successUrl: 'https://shop.example/done',
  cancelUrl: 'https://shop.example/back',
  subject: { type: 'user', id: 'ada' },
})

describe('createCheckoutSession', () => {
  test('takes the environment before the request, or in it', async () => {
    for (const answer of [
      await payments.createCheckoutSession('test', request()),
      await payments.createCheckoutSession({ environment: 'test', ...request() }),
    ]) {
      expect(answer.error).toBeNull()
      expect(answer.data?.checkoutSession).toMatchObject({
        environment: 'test',
        status: 'open',
        subjectId: 'ada',
        stripeCheckoutSessionId: expect.stringMatching(/^cs_/),
        url: expect.stringContaining('http'),
      })
    }
    const rows = await system.database.sql`select line_items from payments.stripe_checkout_sessions`
    expect(rows.map(({ line_items }) => line_items)).toEqual(
      Array(2).fill([{ priceId: system.prices.once, quantity: 1 }]),
    )
  })

  test('answers with the error of today', async () => {
    const other = { ...request(), subject: { type: 'user', id: 'bob' } }
    expect((await payments.createCheckoutSession('test', other)).error).toMatchObject({ statusCode: 403 })
    const nowhere = { ...request(), environment: 'nowhere' as 'test' }
    expect((await payments.createCheckoutSession(nowhere)).error).toMatchObject({
      statusCode: 400,
      message: 'environment must be test or live.',
    })
  })
})

test('createCustomerPortalSession takes the environment before the request, or in it', async () => {
  const subject = { type: 'user', id: 'ada' }
  for (const answer of [
    await payments.createCustomerPortalSession('test', { subject }),
    await payments.createCustomerPortalSession({ environment: 'test', subject }),
  ])
    expect(answer.error).toMatchObject({ statusCode: 404, error: 'PAYMENT_NOT_FOUND' })
  const customer = await system.api.customers.create({
    metadata: { payments_subject_type: 'user', payments_subject_id: 'ada' },
  })
  await system.database.sql`
    insert into payments.customer_mappings (environment, subject_type, subject_id, provider_customer_id)
    values ('test', 'user', 'ada', ${customer.id})`
  const { data, error } = await payments.createCustomerPortalSession({ environment: 'test', subject })
  expect(error).toBeNull()
  expect(data?.customerPortalSession).toMatchObject({ stripeCustomerId: customer.id, status: 'created' })
})

test('another request may still be stopped', async () => {
  const controller = new AbortController()
  controller.abort()
  for (const answer of [
    await payments.createCheckoutSession('test', request(), { signal: controller.signal }),
    await payments.createCheckoutSession(
      { environment: 'test', ...request() },
      { signal: controller.signal },
    ),
  ])
    expect(answer.error).toMatchObject({ error: 'NETWORK_ERROR' })
})
