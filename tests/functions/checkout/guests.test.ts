/** What a stranger can do with the checkout of guests: little. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asCaller, user } from '../../setup/database.ts'
import type { RunningServer } from '../conformance.ts'
import { startNode } from '../support/server.ts'
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

let system: System
let server: RunningServer

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode({
    ...system.env,
    PAYMENTS_GUEST_CHECKOUTS_PER_MINUTE: '4',
    PAYMENTS_RETURN_ORIGINS: 'https://shop.example, http://localhost:3000/',
  })
})

afterAll(async () => {
  await server.stop()
  await system.close()
})

const cap = () => ({
  mode: 'payment',
  lineItems: [{ priceId: system.prices.once }],
  successUrl: 'https://shop.example/done?session={CHECKOUT_SESSION_ID}',
  cancelUrl: 'http://localhost:3000/back',
})

async function post(path: string, body: object, headers: Record<string, string> = {}, url = server.url) {
  const answer = await fetch(`${url}/api/payments/stripe/test/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: answer.status, headers: answer.headers, body: await answer.json() }
}
const checkout = (body: object, headers?: Record<string, string>) => post('checkout-sessions', body, headers)
const asAda = async () => ({ authorization: `Bearer ${await userToken('ada')}` })

it('a key that one guest has used blocks no other guest, and a retry finds the same session', async () => {
  await system.database.sql`delete from payments_private.rate_counters`
  const key = `order ${randomUUID()}`
  const stranger = await checkout({ ...cap(), idempotencyKey: key, metadata: { order_id: 'none' } })
  const request = { ...cap(), idempotencyKey: key, customerEmail: 'ada@example.com' }
  const [buyer, again] = [await checkout(request), await checkout(request)]
  expect([stranger.status, buyer.status, again.status]).toEqual([201, 201, 201])
  expect(buyer.body.checkoutSession.id).not.toBe(stranger.body.checkoutSession.id)
  expect(again.body).toEqual(buyer.body)
})

it('more guest checkouts in a minute than the setting allows are 429 with Retry-After, and users still pay', async () => {
  await system.database.sql`
    insert into payments_private.rate_counters values ('guest checkouts of test', 'infinity', 4)
    on conflict (name) do update set counted_from = 'infinity', count = 4`
  system.asked.forget()
  const refused = await checkout(cap())
  expect(refused.status).toBe(429)
  expect(refused.body).toEqual({
    error: 'RATE_LIMITED',
    message: 'There are too many guest checkouts just now.',
    statusCode: 429,
    nextActions: 'Try again in a minute, or sign in.',
  })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
  expect(system.asked.seen()).toEqual([])
  expect((await checkout(cap(), await asAda())).status).toBe(201)
  await system.database.sql`delete from payments_private.rate_counters`
  expect((await checkout(cap())).status).toBe(201)
})

describe('an address to return to', () => {
  it.each([
    'https://evil.example/phish',
    'https://shop.example@evil.example/',
    'https://shop.example.evil.example/',
    'http://shop.example/',
    'https://shop.example:8443/',
    'http://169.254.169.254/',
  ])('of another origin is refused: %s', async (address) => {
    system.asked.forget()
    const subject = { type: 'user', id: 'ada' }
    const answers = {
      successUrl: await checkout({ ...cap(), successUrl: address }),
      cancelUrl: await checkout({ ...cap(), cancelUrl: address }, await asAda()),
      returnUrl: await post('customer-portal-sessions', { subject, returnUrl: address }, await asAda()),
    }
    for (const [field, { status, body }] of Object.entries(answers)) {
      expect([status, body]).toEqual([
        400,
        {
          error: 'INVALID_INPUT',
          message: `${field} must be at one of the allowed origins.`,
          statusCode: 400,
          nextActions: 'Use an address of the app, or add its origin to PAYMENTS_RETURN_ORIGINS.',
        },
      ])
    }
    expect(system.asked.seen()).toEqual([])
  })

  it('of another origin is refused also in a row that an app user has inserted: no such row reaches Stripe', async () => {
    const address = 'https://evil.example/phish'
    const request = { ...cap(), successUrl: address, idempotencyKey: `row ${randomUUID()}` }
    const { sql } = system.database
    await asCaller(
      sql,
      user('ada'),
      (sql) => sql`
        insert into payments.stripe_checkout_sessions
          (environment, mode, line_items, success_url, cancel_url, idempotency_key)
        values ('test', 'payment', ${sql.json(request.lineItems)}, ${address}, ${request.cancelUrl},
          ${request.idempotencyKey})`,
    )
    system.asked.forget()
    const body = { message: 'successUrl must be at one of the allowed origins.' }
    expect(await checkout(request, await asAda())).toMatchObject({ status: 400, body })
    const allowed = await checkout({ ...request, successUrl: cap().successUrl }, await asAda())
    expect(allowed.body).toMatchObject({ error: 'PAYMENT_CHECKOUT_ALREADY_EXISTS' })
    expect(system.asked.seen()).toEqual([])
  })
})

it('prune deletes old sessions that nobody paid, and says how many', async () => {
  const { sql } = system.database
  await sql.begin(async (transaction) => {
    await transaction`set local session_replication_role = replica`
    await transaction`update payments.stripe_checkout_sessions set status = 'failed', updated_at = now() - interval '9 days'`
  })
  const { status, body } = await post('prune', { olderThanDays: 8 }, { 'x-api-key': ADMIN_KEY })
  expect([status, body]).toEqual([200, { pruned: 0, deletedCheckoutSessions: expect.any(Number) }])
  expect(body.deletedCheckoutSessions).toBeGreaterThan(2)
  expect(await sql`select from payments.stripe_checkout_sessions`).toHaveLength(0)
})
