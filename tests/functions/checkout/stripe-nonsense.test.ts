/** What at the address of Stripe is not Stripe, or answers never: a fault upstream, which no buyer can mend. */
import { randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningServer } from '../conformance.ts'
import { startNode } from '../support/server.ts'
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

const DEADLINE_MS = 1200

let system: System
let server: RunningServer
let fake: Server
/** What the fake Stripe answers, as text, to some paths or to all others; null never answers. */
let answer: { body: string | null; paths?: Record<string, string>; date?: boolean } = { body: '{}' }
let calls = 0

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  fake = createServer((request, response) => {
    calls += 1
    request.resume()
    if (answer.body === null) return
    const body = answer.paths?.[request.url?.split('?')[0] ?? ''] ?? answer.body
    response.sendDate = answer.date ?? true
    response.writeHead(200, { 'content-type': 'application/json' }).end(body)
  })
  await new Promise<void>((resolve) => fake.listen(0, '127.0.0.1', resolve))
  server = await startNode({
    ...system.env,
    STRIPE_API_BASE_URL: `http://127.0.0.1:${(fake.address() as AddressInfo).port}`,
    STRIPE_TIMEOUT_MS: '500',
    STRIPE_DEADLINE_MS: String(DEADLINE_MS),
    STRIPE_MAX_RETRIES: '5',
    PAYMENTS_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
  })
  await system.database.sql`
    insert into payments.customer_mappings (environment, subject_type, subject_id, provider_customer_id)
    values ('test', 'user', 'ada', 'cus_ada')`
})

afterAll(async () => {
  await server.stop()
  fake.closeAllConnections()
  fake.close()
  await system.close()
})

async function ask(method: string, path: string, headers: Record<string, string>, body?: object) {
  const response = await fetch(`${server.url}/api/payments/stripe/${path}`, {
    method,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: await response.json() }
}
const asAda = async () => ({ authorization: `Bearer ${await userToken('ada')}` })
const asAdmin = { 'x-api-key': ADMIN_KEY }
const subject = { type: 'user', id: 'ada' }

const checkout = async (idempotencyKey: string) =>
  ask('POST', 'test/checkout-sessions', await asAda(), {
    mode: 'payment',
    lineItems: [{ priceId: 'price_1' }],
    successUrl: 'https://shop.example/done',
    cancelUrl: 'https://shop.example/back',
    subject,
    idempotencyKey,
  })
const portal = async () => ask('POST', 'test/customer-portal-sessions', await asAda(), { subject })

const session = (more: object = {}) => ({
  id: `cs_test_${randomUUID()}`,
  object: 'checkout.session',
  livemode: false,
  status: 'open',
  payment_status: 'unpaid',
  metadata: {},
  url: 'https://stripe.example/pay',
  ...more,
})

const unreadable = {
  status: 502,
  body: {
    error: 'UPSTREAM_FAILURE',
    message: 'Stripe sent an answer that cannot be read.',
    statusCode: 502,
    nextActions:
      'Try again in a moment with the same idempotency key. If STRIPE_API_BASE_URL is set, check that Stripe is at this address.',
  },
}

const nonsense: [string, string][] = [
  ['null', 'null'],
  ['a list', '[]'],
  ['a number', '7'],
  ['a text', '"ok"'],
  ['an empty object', '{}'],
  ['another object', JSON.stringify({ ...session(), object: 'customer' })],
  ['an object of the other mode', JSON.stringify(session({ livemode: true }))],
  ['an object without an id', JSON.stringify(session({ id: undefined }))],
  ['an object with a number as id', JSON.stringify(session({ id: 7 }))],
]

describe('a checkout to which Stripe answers with', () => {
  it.each(nonsense)('%s is a 502, and may be tried again under the same key', async (_, body) => {
    const key = randomUUID()
    answer = { body }
    expect(await checkout(key)).toEqual(unreadable)
    const rows = await system.database.sql`
      select status, last_error, stripe_may_have_acted from payments.stripe_checkout_sessions where idempotency_key = ${key}`
    expect(rows).toEqual([
      {
        status: 'failed',
        last_error: 'Stripe sent an answer that cannot be read.',
        stripe_may_have_acted: true,
      },
    ])
    answer = { body: JSON.stringify(session()) }
    expect(await checkout(key)).toMatchObject({
      status: 201,
      body: { checkoutSession: { status: 'open' } },
    })
  })

  it('no date is a 502, because nothing says when it was true', async () => {
    answer = { body: JSON.stringify(session()), date: false }
    expect(await checkout(randomUUID())).toEqual(unreadable)
  })
})

describe('the other calls to Stripe', () => {
  it.each(nonsense)('that are answered with %s are 502', async (_, body) => {
    answer = { body }
    expect(await portal()).toEqual(unreadable)
    expect(await ask('POST', 'test/catalog/products', asAdmin, { name: 'Cap' })).toEqual(unreadable)
    const key = { secretKey: 'sk_test_1234567890' }
    expect(await ask('PUT', 'test/config', asAdmin, key)).toEqual(unreadable)
  })
})

describe('what only the database finds unreadable', () => {
  const product = { id: 'prod_1', object: 'product', livemode: false, name: 'Cap', active: true }

  it.each([
    ['an instant', { expires_at: 1e300 }],
    ['a text', { currency: 'e\u0000ur' }],
  ])('in a checkout session, %s, is a 502 and may be tried again', async (_, more) => {
    const key = randomUUID()
    answer = { body: JSON.stringify(session(more)) }
    expect(await checkout(key)).toEqual(unreadable)
    answer = { body: JSON.stringify(session()) }
    expect((await checkout(key)).status).toBe(201)
  })

  it('in a portal session is a 502', async () => {
    const portalSession = {
      id: 'bps_1',
      object: 'billing_portal.session',
      livemode: false,
      url: 'https://stripe.example/\u0000',
    }
    answer = { body: JSON.stringify(portalSession) }
    expect(await portal()).toEqual(unreadable)
  })

  it('in a product is a 502', async () => {
    answer = { body: JSON.stringify({ ...product, active: 'perhaps' }) }
    expect(await ask('POST', 'test/catalog/products', asAdmin, { name: 'Cap' })).toEqual(unreadable)
  })

  it('in a page of a sync is a 502, and the run has failed', async () => {
    const list = { object: 'list', data: [product], has_more: 'perhaps' }
    answer = {
      body: JSON.stringify(session()),
      paths: {
        '/v1/account': JSON.stringify({ object: 'account', id: 'acct_1' }),
        '/v1/products': JSON.stringify(list),
      },
    }
    expect(await ask('POST', 'test/sync', asAdmin)).toEqual(unreadable)
    expect(await system.database.sql`select status, error from payments.sync_runs`).toEqual([
      { status: 'failed', error: 'Stripe sent an answer that cannot be read.' },
    ])
  })
})

describe('Stripe that never answers', () => {
  it('holds up a checkout and the portal no longer than the deadline, whatever the number of tries', async () => {
    answer = { body: null }
    for (const call of [() => checkout(randomUUID()), portal]) {
      calls = 0
      const startedAt = performance.now()
      expect(await call()).toMatchObject({
        status: 502,
        body: { error: 'UPSTREAM_FAILURE', message: 'Stripe could not be reached.' },
      })
      // Six tries of 500 ms and their pauses would take more than 6 seconds.
      expect(performance.now() - startedAt).toBeLessThan(5_000)
      expect(calls).toBeGreaterThan(0)
    }
  })
})
