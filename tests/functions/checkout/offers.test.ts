/** Offers through the API: written by the admin, obeyed by browsers, and one plan at a time at Stripe. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type CreateCheckoutSessionRequest,
  createPaymentsClient,
  type PaymentsClient,
} from '../../../functions/client/index.ts'
import type { RunningServer } from '../conformance.ts'
import { signatureOf } from '../support/events.ts'
import { startNode } from '../support/server.ts'
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

/** Stripe takes 30 minutes to 24 hours. */
const SOON = new Date(Math.floor(Date.now() / 1000 + 7200) * 1000).toISOString()

let system: System
let server: RunningServer
let ada: PaymentsClient
let backend: PaymentsClient

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode(system.env)
  const client = (getToken: () => string | Promise<string>) =>
    createPaymentsClient({ baseUrl: server.url, getToken })
  ada = client(() => userToken('ada'))
  backend = client(() => ADMIN_KEY)
})
afterAll(async () => {
  await server.stop()
  await system.close()
})
beforeEach(() => system.database.sql`truncate payments.offers`)

async function admin(method: string, path: string, body?: unknown) {
  const answer = await fetch(`${server.url}/api/payments/stripe/test/offers${path}`, {
    method,
    headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const buy = async (request: Partial<CreateCheckoutSessionRequest>, payments = ada) =>
  payments.stripe.createCheckoutSession('test', {
    mode: 'payment',
    lineItems: [{ priceId: system.prices.once }],
    successUrl: 'https://shop.example/done',
    cancelUrl: 'https://shop.example/back',
    ...request,
  } as CreateCheckoutSessionRequest)

describe('the admin', () => {
  it('writes, lists and deletes offers as requests spell them', async () => {
    const offer = {
      priceId: system.prices.once,
      mode: 'payment',
      maximumQuantity: 5,
      roles: ['authenticated'],
      endsAt: '2999-01-01T00:00:00.000Z',
      allowedOptions: ['allowPromotionCodes', 'discounts.coupon'],
      forcedOptions: { customText: { afterSubmit: 'Thank you.' }, expiresAt: SOON },
    }
    const written = await admin('PUT', '/tea', offer)
    expect(written).toMatchObject({
      status: 200,
      body: { offer: { ...offer, offerId: 'tea', active: true } },
    })
    expect(await admin('GET', '')).toEqual({
      status: 200,
      body: { offers: [written.body.offer], nextCursor: null },
    })
    const less = { priceId: system.prices.once, mode: 'payment' }
    expect((await admin('PUT', '/tea', less)).body.offer).toMatchObject({
      maximumQuantity: 1,
      roles: null,
      forcedOptions: {},
    })
    expect(await admin('DELETE', '/tea')).toEqual({ status: 200, body: { offerId: 'tea', deleted: true } })
    expect(await admin('DELETE', '/tea')).toMatchObject({
      status: 404,
      body: { error: 'PAYMENT_OFFER_NOT_FOUND', message: 'There is no offer tea in test.' },
    })
  })

  it.each<[object, string]>([
    [{ mode: 'payment' }, 'priceId is required, or else a lookupKey or a productId, and one of them only'],
    [
      { priceId: 'p', mode: 'payment', minimumQuantity: 3, maximumQuantity: 2 },
      'maximumQuantity must not be',
    ],
    [{ priceId: 'p', mode: 'payment', allowedOptions: ['tip'] }, 'must be an option of a checkout'],
    [{ priceId: 'p', mode: 'payment', onePlan: true }, 'productGroup is required with onePlan'],
    [{ productId: 'p', mode: 'payment', allowPriceData: true }, 'currency is required with allowPriceData'],
    [
      { priceId: 'p', mode: 'payment', forcedOptions: { trialPeriodDays: 3 } },
      'trialPeriodDays cannot be used when mode is payment.',
    ],
  ])('is told what is wrong with %j', async (offer, message) => {
    expect(await admin('PUT', '/wrong', offer)).toMatchObject({
      status: 400,
      body: { error: 'INVALID_INPUT', message: expect.stringContaining(message) },
    })
    expect((await admin('GET', '')).body.offers).toEqual([])
  })
})

describe('a browser', () => {
  it('is told by a code and a sentence what it cannot buy, before Stripe is called', async () => {
    await admin('PUT', '/tea', { priceId: system.prices.once, mode: 'payment' })
    const before = (await system.api.checkout.sessions.list()).data.length
    const refusals: [Partial<CreateCheckoutSessionRequest>, number, string][] = [
      [{ lineItems: [{ priceId: 'price_other' }] as never }, 403, 'PAYMENT_NOT_OFFERED'],
      [{ lineItems: [{ priceId: system.prices.once, quantity: 2 }] }, 400, 'PAYMENT_QUANTITY_NOT_OFFERED'],
      [{ allowPromotionCodes: true }, 403, 'PAYMENT_OPTION_NOT_OFFERED'],
      [{ lineItems: [{ lookupKey: 'nothing' }] as never }, 404, 'PAYMENT_PRICE_NOT_FOUND'],
    ]
    for (const [request, statusCode, error] of refusals)
      expect((await buy(request)).error, error).toMatchObject({
        statusCode,
        error,
        nextActions: expect.any(String),
      })
    expect((await system.api.checkout.sessions.list()).data.length).toBe(before)
    expect((await buy({})).error).toBeNull()
    expect((await buy({ allowPromotionCodes: true }, backend)).error).toBeNull()
  })
})

describe('what an offer allows reaches the rows', () => {
  let told = 0

  async function deliver() {
    const events = system.stripe.control.events().slice(told)
    told += events.length
    for (const event of events) {
      const body = JSON.stringify(event)
      const headers = { 'content-type': 'application/json', 'stripe-signature': signatureOf(body) }
      const answer = await fetch(`${server.url}/api/webhooks/stripe/test`, { method: 'POST', headers, body })
      expect(answer.status, await answer.text()).toBe(200)
    }
  }

  /** Buys as the browser of a user, and returns the amount that the rows have. */
  async function paid(request: Partial<CreateCheckoutSessionRequest>, entry = {}, payments = ada) {
    const { data, error } = await buy(request, payments)
    if (error) throw new Error(`${error.error}: ${error.message}`)
    const id = data.checkoutSession.checkoutSessionId ?? ''
    system.stripe.control.pay(id, entry)
    await deliver()
    const [row] = await system.database.sql`
      select t.amount::integer as amount from payments.transactions as t
      where t.related_object_ids ->> 'checkout_session' = ${id}`
    return row?.amount as number | undefined
  }

  it('a lookup key, a price of the request, an amount of the buyer, and a cart of them', async () => {
    const product = (await system.api.products.create({ name: 'Gift' })).id
    const price = { product, currency: 'eur' }
    await system.api.prices.create({ ...price, unit_amount: 300, lookup_key: 'gift' })
    const open = await system.api.prices.create({ ...price, custom_unit_amount: { enabled: true } })
    await deliver()
    await admin('PUT', '/gift', { lookupKey: 'gift', mode: 'payment', maximumQuantity: 2 })
    await admin('PUT', '/open', { priceId: open.id, mode: 'payment', allowPayWhatYouWant: true })
    await admin('PUT', '/made', {
      ...{ productId: product, mode: 'payment', allowPriceData: true },
      ...{ currency: 'eur', minimumAmount: 500, maximumAmount: 900 },
    })
    const made = (unitAmount: number) => ({ priceData: { currency: 'eur', unitAmount, productId: product } })
    expect(await paid({ lineItems: [{ lookupKey: 'gift', quantity: 2 }] })).toBe(600)
    expect(await paid({ lineItems: [made(500)] as never })).toBe(500)
    expect(await paid({ lineItems: [{ priceId: open.id }] as never }, { amount: 777 })).toBe(777)
    expect(await paid({ lineItems: [{ lookupKey: 'gift' }, made(900)] as never })).toBe(1200)
    await expect(paid({ lineItems: [made(901)] as never })).rejects.toThrow('does not allow this amount')
    await admin('DELETE', '/made') // an offer of a product sells each of its prices
    await admin('PUT', '/gift', { lookupKey: 'gift', mode: 'payment', endsAt: '2020-01-01T00:00:00Z' })
    const over = { lineItems: [{ lookupKey: 'gift' }] as never }
    await expect(paid(over)).rejects.toThrow(/^PAYMENT_NOT_OFFERED: The offer gift is over/)
  })

  it('a trial that is given once', async () => {
    const eve = createPaymentsClient({ baseUrl: server.url, getToken: () => userToken('eve') })
    const forcedOptions = { trialPeriodDays: 7 }
    await admin('PUT', '/plan', { priceId: system.prices.monthly, mode: 'subscription', forcedOptions })
    const plan = {
      mode: 'subscription' as const,
      subject: { type: 'user', id: 'eve' },
      lineItems: [{ priceId: system.prices.monthly }] as never,
    }
    expect((await paid(plan, {}, eve)) ?? 0).toBe(0)
    expect(await paid(plan, {}, eve)).toBe(900)
    const rows = await system.database.sql`
      select status from payments.stripe_subscriptions where subject_id = 'eve' order by status`
    expect(rows).toEqual([{ status: 'active' }, { status: 'trialing' }])
  })
})

describe('one plan at a time', () => {
  it('a newer checkout expires the older one at Stripe, and none is begun beside one that was just paid', async () => {
    const offer = {
      priceId: system.prices.monthly,
      mode: 'subscription',
      productGroup: 'plans',
      onePlan: true,
    }
    await admin('PUT', '/monthly', offer)
    const plan: Partial<CreateCheckoutSessionRequest> = {
      mode: 'subscription',
      subject: { type: 'user', id: 'ada' },
      lineItems: [{ priceId: system.prices.monthly }],
    }
    const begin = async () => (await buy(plan)).data?.checkoutSession.checkoutSessionId ?? ''
    const first = await begin()
    const second = await begin()
    expect((await system.api.checkout.sessions.retrieve(first)).status).toBe('expired')
    expect((await system.api.checkout.sessions.retrieve(second)).status).toBe('open')
    const [row] = await system.database.sql`
      select t.status from payments.stripe_checkout_sessions as t where t.checkout_session_id = ${first}`
    expect(row?.status).toBe('expired')

    system.stripe.control.pay(second) // no event of it has arrived
    expect((await buy(plan)).error).toMatchObject({
      statusCode: 409,
      error: 'PAYMENT_PLAN_ALREADY_EXISTS',
      nextActions: expect.stringContaining('Billing Portal'),
    })
    const { data: sessions } = await system.api.checkout.sessions.list()
    expect(sessions.filter(({ mode, status }) => mode === 'subscription' && status === 'open')).toEqual([])
  })
})
