/**
 * Stripe is down, slow, busy or refuses. The row says why, the caller gets a status of its own, and a retry with the
 * same key works.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createPaymentsClient } from '../../../functions/client/index.ts'
import type { Fault } from '../../../scripts/local-stripe/index.ts'
import type { RunningServer } from '../conformance.ts'
import { eventually } from '../support/eventually.ts'
import { startNode } from '../support/server.ts'
import { type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

let system: System
let server: RunningServer

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode({ ...system.env, STRIPE_TIMEOUT_MS: '1500', STRIPE_MAX_RETRIES: '1' })
})

afterAll(async () => {
  await server.stop()
  await system.close()
})

afterEach(() => {
  system.stripe.control.clearFailures()
  system.stripe.control.releaseHeld()
  system.asked.forget()
})

const client = (user: string) =>
  createPaymentsClient({ baseUrl: server.url, getToken: () => userToken(user) })

const cap = () => ({
  mode: 'payment' as const,
  lineItems: [{ priceId: system.prices.once }],
  successUrl: 'https://shop.example/done',
  cancelUrl: 'https://shop.example/back',
  subject: { type: 'user', id: 'ada' },
  idempotencyKey: randomUUID(),
})

const rowOf = async ({ idempotencyKey }: { idempotencyKey: string }) => {
  const rows = await system.database.sql`
    select status, last_error, url from payments.stripe_checkout_sessions where idempotency_key = ${idempotencyKey}`
  expect(rows).toHaveLength(1)
  return rows[0]
}

const down = 'Stripe could not do this just now.'
const unreachable = 'Stripe could not be reached.'

describe('a checkout while Stripe', () => {
  const cases: [what: string, fault: Fault, times: number, status: number, error: string, message: string][] =
    [
      ['answers 429', { status: 429 }, 2, 429, 'RATE_LIMITED', 'Stripe receives too many requests just now.'],
      ['answers 402', { status: 402 }, 2, 402, 'PAYMENT_METHOD_DECLINED', 'Your card was declined.'],
      ['answers 500', { status: 500 }, 2, 502, 'UPSTREAM_FAILURE', down],
      ['answers 503', { status: 503 }, 2, 502, 'UPSTREAM_FAILURE', down],
      ['does not answer', { hang: true }, 2, 502, 'UPSTREAM_FAILURE', unreachable],
      [
        'breaks the connection after the work was done',
        { cut: true },
        2,
        502,
        'UPSTREAM_FAILURE',
        unreachable,
      ],
      [
        'answers too late',
        { hold: true },
        1,
        409,
        'UPSTREAM_FAILURE',
        'Stripe is still processing the same request.',
      ],
    ]

  it.each(cases)(
    '%s fails, and works when it is tried again with the same key',
    async (_, fault, times, statusCode, error, message) => {
      const request = cap()
      system.stripe.control.fail({ fault, method: 'POST', path: '/v1/checkout/sessions', times })
      const failed = await client('ada').stripe.createCheckoutSession('test', request)
      expect(failed.error).toMatchObject({ statusCode, error, message })
      expect(await rowOf(request)).toEqual({ status: 'failed', last_error: message, url: null })

      system.stripe.control.clearFailures()
      if ('hold' in fault) {
        system.stripe.control.releaseHeld()
        // What was held is carried out now; until then Stripe says that it is under way.
        await eventually(
          async () => (await client('ada').stripe.createCheckoutSession('test', request)).data,
        ).not.toBeNull()
      }
      const { data } = await client('ada').stripe.createCheckoutSession('test', request)
      expect(data?.checkoutSession).toMatchObject({ status: 'open', lastError: null })
      expect(await rowOf(request)).toEqual({
        status: 'open',
        last_error: null,
        url: data?.checkoutSession.url,
      })
      const sessions = await system.api.checkout.sessions.list({ limit: 100 })
      const ours = sessions.data.filter(
        ({ client_reference_id }) => client_reference_id === data?.checkoutSession.id,
      )
      expect(ours).toHaveLength(1)
    },
  )

  it('fails once, the SDK asks again with the same idempotency key, and nobody notices', async () => {
    system.stripe.control.fail({ fault: { cut: true }, method: 'POST', path: '/v1/checkout/sessions' })
    const { data } = await client('ada').stripe.createCheckoutSession('test', cap())
    expect(data?.checkoutSession.status).toBe('open')
    const keys = system.asked.seen().map(({ headers }) => headers['idempotency-key'])
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })
})

it('an answer of Stripe that has no words is named in the log by its status', async () => {
  const fault = { status: 502, body: '<html></html>' as unknown as object }
  system.stripe.control.fail({ fault, method: 'POST', path: '/v1/checkout/sessions', times: 2 })
  const { error } = await client('ada').stripe.createCheckoutSession('test', cap())
  expect(error).toMatchObject({ statusCode: 502, message: down })
  const cause = 'StripeAPIError without a message, with the status 502.'
  await eventually(async () => server.log()).toContain(`"message":"${cause}"`)
  expect(server.log()).not.toContain('"message":""')
})

describe('the portal while Stripe', () => {
  it('answers 500 fails, and the row says why', async () => {
    const subject = { type: 'user', id: 'ada' }
    const customer = await system.api.customers.create({ email: 'ada@example.com' })
    await system.database.sql`
      insert into payments.customer_mappings (environment, subject_type, subject_id, provider_customer_id)
      values ('test', 'user', 'ada', ${customer.id})`
    system.stripe.control.fail({ fault: { status: 500 }, path: '/v1/billing_portal/sessions', times: 2 })
    const failed = await client('ada').stripe.createCustomerPortalSession('test', { subject })
    expect(failed.error).toMatchObject({ statusCode: 502, error: 'UPSTREAM_FAILURE' })
    const rows = await system.database.sql`
      select status, last_error, url from payments.stripe_customer_portal_sessions order by created_at desc limit 1`
    expect(rows).toEqual([{ status: 'failed', last_error: down, url: null }])
    system.stripe.control.clearFailures()
    const opened = await client('ada').stripe.createCustomerPortalSession('test', { subject })
    expect(opened.data?.customerPortalSession).toMatchObject({
      status: 'created',
      url: expect.stringMatching(/^http/),
    })
  })
})

describe('a key that Stripe', () => {
  /** To the app, a 401 or a 403 would say that the buyer is signed out. */
  const OF_THE_SHOP = {
    statusCode: 500,
    error: 'PAYMENT_CONFIG_INVALID',
    message: 'This shop cannot take payments just now: Stripe refuses its key.',
    nextActions:
      'Try again later. If the shop is yours, run `pg-payments doctor`; the log of the handlers says what is wrong with the key.',
  }
  const withKey = async (key: string) => {
    const other = await startNode({ ...system.env, STRIPE_TEST_SECRET_KEY: key })
    try {
      const request = cap()
      const payments = createPaymentsClient({ baseUrl: other.url, getToken: () => userToken('ada') })
      const { error } = await payments.stripe.createCheckoutSession('test', request)
      return { error, row: await rowOf(request), log: other.log() }
    } finally {
      await other.stop()
    }
  }

  it('does not know is named to the deployer by its variable in the log, and never shown', async () => {
    const { error, row, log } = await withKey('sk_test_unknown_to_stripe_1234')
    expect(error).toMatchObject(OF_THE_SHOP)
    expect(row).toMatchObject({ status: 'failed', last_error: 'Stripe refused the secret key for test.' })
    expect(log).toContain('Invalid API Key')
    expect(log).toContain('If no key is stored, set STRIPE_TEST_SECRET_KEY to one instead.')
    expect(log).not.toMatch(/unknown_to_stripe|1234/)
  })

  it('knows but does not let do this is told apart in the log', async () => {
    system.stripe.control.addKey({ key: 'rk_test_reads_only_5678', missing: ['rak_checkout_session_write'] })
    const { error, log } = await withKey('rk_test_reads_only_5678')
    expect(error).toMatchObject(OF_THE_SHOP)
    expect(log).toContain('The Stripe key for test lacks the permission rak_checkout_session_write.')
    expect(log).toContain('Give the restricted key this permission in the Stripe Dashboard.')
    expect(log).not.toMatch(/reads_only|5678/)
  })
})

describe('a session whose time is up', () => {
  it('is looked at in Stripe and renewed under the same key; until Stripe says so, it is not', async () => {
    // Stripe's clock is a day behind: by ours the session has expired, by Stripe's it has not.
    const day = 86_400
    const late = await startSystem({ deliver: false, now: () => new Date(Date.now() - (day + 600) * 1000) })
    const handlers = await startNode(late.env)
    try {
      const payments = createPaymentsClient({ baseUrl: handlers.url, getToken: () => userToken('ada') })
      const request = { ...cap(), lineItems: [{ priceId: late.prices.once }] }
      const first = await payments.stripe.createCheckoutSession('test', request)
      expect(first.data?.checkoutSession.status).toBe('open')

      const tooSoon = await payments.stripe.createCheckoutSession('test', request)
      expect(tooSoon.error).toMatchObject({
        statusCode: 502,
        message: 'Stripe does not say yet whether the earlier session has expired.',
      })

      late.stripe.control.advance(day + 60)
      const renewed = await payments.stripe.createCheckoutSession('test', request)
      expect(renewed.data?.checkoutSession).toMatchObject({
        id: first.data?.checkoutSession.id,
        status: 'open',
      })
      expect(renewed.data?.checkoutSession.checkoutSessionId).not.toBe(
        first.data?.checkoutSession.checkoutSessionId,
      )
    } finally {
      await handlers.stop()
      await late.close()
    }
  })
})
