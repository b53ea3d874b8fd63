/** Which rights the login in `DATABASE_URL` needs: three roles, and nothing else. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPaymentsClient } from '../../../functions/client/index.ts'
import { productEvent, signatureOf } from '../support/events.ts'
import { startNode } from '../support/server.ts'
import { type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

let system: System
const login = `payments_test_login_${randomBytes(4).toString('hex')}`

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  await system.database.sql.unsafe(`create role ${login} login password '${login}'`)
})

afterAll(async () => {
  await system.database.sql.unsafe(`drop role ${login}`)
  await system.close()
})

function serverAsLogin() {
  const url = new URL(system.database.url)
  url.username = login
  url.password = login
  return startNode({ ...system.env, DATABASE_URL: url.href })
}

async function webhook(url: string) {
  const body = JSON.stringify(productEvent('prod_1', 'x'))
  const response = await fetch(`${url}/api/webhooks/stripe/test`, {
    method: 'POST',
    headers: { 'stripe-signature': signatureOf(body) },
    body,
  })
  return { status: response.status, body: await response.json() }
}

describe('a login', () => {
  it('without rights is told what it lacks, and is nobody’s policy', async () => {
    const server = await serverAsLogin()
    const nextActions =
      'Run in psql, with the name of that login: grant anon, authenticated, payments_service to <login>;'
    const health = await fetch(`${server.url}/health`)
    expect(health.status).toBe(503)
    expect(await health.json()).toMatchObject({
      message:
        'The login in DATABASE_URL may not use the payments schema, or not act as anon and authenticated.',
      nextActions,
    })
    expect(await webhook(server.url)).toMatchObject({
      status: 500,
      body: { message: 'The login in DATABASE_URL may not use the payments schema.', nextActions },
    })
    const { stripe } = createPaymentsClient({ baseUrl: server.url, getToken: () => userToken('ada') })
    const { error } = await stripe.createCheckoutSession('test', {
      mode: 'payment',
      lineItems: [{ priceId: system.prices.once }],
      successUrl: 'https://shop.example/done',
      cancelUrl: 'https://shop.example/back',
    })
    expect(error).toMatchObject({ statusCode: 500, error: 'INTERNAL_ERROR', nextActions })
    await server.stop()
  })

  it('that is a member of payments_service, anon and authenticated does everything', async () => {
    await system.database.sql.unsafe(`grant payments_service, anon, authenticated to ${login}`)
    const server = await serverAsLogin()
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    expect(await webhook(server.url)).toMatchObject({ status: 200, body: { handled: true } })

    const { stripe } = createPaymentsClient({ baseUrl: server.url, getToken: () => userToken('ada') })
    const subject = { type: 'user', id: 'ada' }
    const cap = {
      mode: 'payment' as const,
      lineItems: [{ priceId: system.prices.once }],
      successUrl: 'https://shop.example/done',
      cancelUrl: 'https://shop.example/back',
      subject,
      idempotencyKey: 'one',
    }
    const { data } = await stripe.createCheckoutSession('test', cap)
    expect(data?.checkoutSession.status).toBe('open')
    expect((await stripe.createCheckoutSession('test', cap)).data).toEqual(data)

    const refused = await stripe.createCheckoutSession('test', {
      ...cap,
      subject: { type: 'team', id: '1' },
      idempotencyKey: 'two',
    })
    expect(refused.error?.statusCode).toBe(403)

    system.stripe.control.fail({ fault: { status: 429 }, path: '/v1/checkout/sessions' })
    const failed = await stripe.createCheckoutSession('test', { ...cap, idempotencyKey: 'three' })
    expect(failed.error?.statusCode).toBe(429)
    expect(server.log()).not.toContain('failure_not_noted')

    const customer = await system.api.customers.create({ email: 'ada@example.com' })
    await system.database.sql`
      insert into payments.customer_mappings (environment, subject_type, subject_id, provider_customer_id)
      values ('test', 'user', 'ada', ${customer.id})`
    const portal = await stripe.createCustomerPortalSession('test', { subject })
    expect(portal.data?.customerPortalSession.status).toBe('created')
    await server.stop()
    await system.database.sql.unsafe(`revoke payments_service, anon, authenticated from ${login}`)
  })
})
