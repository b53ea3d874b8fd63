/**
 * What a checkout may ask of Stripe beside its items, through the SDK and local Stripe into the rows. Each option has
 * its effect at Stripe, and what the buyer did with it arrives.
 */
import type { Stripe } from 'stripe'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type CreateCheckoutSessionRequest,
  createPaymentsClient,
  type PaymentsClient,
} from '../../../functions/client/index.ts'
import type { PaymentEntry } from '../../../scripts/local-stripe/pages/checkout.ts'
import type { RunningServer } from '../conformance.ts'
import { signatureOf } from '../support/events.ts'
import { startNode } from '../support/server.ts'
import { ADMIN_KEY, type System, startSystem, written } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

type Request = Partial<CreateCheckoutSessionRequest>
type Row = Record<string, unknown>

let system: System
let server: RunningServer
let ada: PaymentsClient
let guest: PaymentsClient
let backend: PaymentsClient
let told = 0

const urls = { successUrl: 'https://shop.example/done', cancelUrl: 'https://shop.example/back' }
const subject = { type: 'user', id: 'ada' }
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000)
const seconds = (instant: Date) => Math.floor(instant.getTime() / 1000)

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode(system.env)
  const client = (getToken: () => string | null | Promise<string>) =>
    createPaymentsClient({ baseUrl: server.url, getToken })
  ada = client(() => userToken('ada'))
  guest = client(() => null)
  backend = client(() => ADMIN_KEY)
})

afterAll(async () => {
  await server.stop()
  await system.close()
})

/** Delivers what Stripe has sent since the last time. */
async function deliver() {
  const events = system.stripe.control.events().slice(told)
  told += events.length
  for (const event of events) {
    const body = JSON.stringify(event)
    const answer = await fetch(`${server.url}/api/webhooks/stripe/test`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'stripe-signature': signatureOf(body) },
      body,
    })
    expect(answer.status, await answer.text()).toBe(200)
  }
}

const bodyOf = (request: Request): CreateCheckoutSessionRequest => {
  const mode = request.mode ?? 'payment'
  return {
    mode,
    ...(request.uiMode === undefined || request.uiMode === 'hosted' ? urls : {}),
    ...(mode === 'setup'
      ? {}
      : {
          lineItems: [{ priceId: mode === 'payment' ? system.prices.once : system.prices.monthly }] as never,
        }),
    ...(mode === 'payment' ? {} : { subject }),
    ...request,
  } as CreateCheckoutSessionRequest
}

/** Begins a checkout, and returns the answer and what Stripe has. */
async function begin(request: Request, payments = ada) {
  const { data, error } = await payments.stripe.createCheckoutSession('test', bodyOf(request))
  if (error) throw new Error(`${error.statusCode} ${error.error}: ${error.message}`)
  const id = data.checkoutSession.checkoutSessionId ?? ''
  return { shown: data.checkoutSession, session: await system.api.checkout.sessions.retrieve(id) }
}

/** Begins a checkout, lets the buyer pay it, delivers the events, and returns what there is then. */
async function buy(request: Request, entry: PaymentEntry = {}, payments = ada) {
  const { shown, session } = await begin(request, payments)
  system.stripe.control.pay(session.id, entry)
  await deliver()
  const { sql } = system.database
  const [row] = await sql`select * from payments.stripe_checkout_sessions where id = ${shown.id}`
  const [transaction] = await sql`
    select * from payments.transactions where related_object_ids ->> 'checkout_session' = ${session.id}`
  return {
    session: await system.api.checkout.sessions.retrieve(session.id, {
      expand: ['payment_intent', 'invoice'],
    }),
    row: row as Row,
    transaction: transaction as Row | undefined,
  }
}

const refusal = async (request: Request, payments = ada) =>
  (await payments.stripe.createCheckoutSession('test', bodyOf(request))).error

describe('an option that Stripe shows again reaches the session', () => {
  it.each<[string, () => Request, () => object]>([
    [
      'billingAddressCollection',
      () => ({ billingAddressCollection: 'required' }),
      () => ({ billing_address_collection: 'required' }),
    ],
    ['locale', () => ({ locale: 'de' }), () => ({ locale: 'de' })],
    ['submitType', () => ({ submitType: 'donate' }), () => ({ submit_type: 'donate' })],
    ['currency', () => ({ currency: 'eur' }), () => ({ currency: 'eur' })],
    [
      'expiresAt',
      () => ({ expiresAt: inDays(0.5).toISOString() }),
      () => ({ expires_at: expect.any(Number), status: 'open' }),
    ],
    [
      'customText',
      () => ({ customText: { submit: 'We ship today.' } }),
      () => ({ custom_text: { submit: { message: 'We ship today.' } } }),
    ],
    [
      'paymentMethodTypes',
      () => ({ paymentMethodTypes: ['card'] }),
      () => ({ allowed_payment_method_types: ['card'], payment_method_types: ['card'] }),
    ],
    [
      'recovery',
      () => ({ recovery: { allowPromotionCodes: true } }),
      () => ({ after_expiration: { recovery: { enabled: true, allow_promotion_codes: true } } }),
    ],
    ['allowPromotionCodes', () => ({ allowPromotionCodes: true }), () => ({ allow_promotion_codes: true })],
    [
      'savedPaymentMethods.remove',
      () => ({ savedPaymentMethods: { remove: 'enabled' } }),
      () => ({ saved_payment_method_options: { payment_method_remove: 'enabled' } }),
    ],
  ])('%s', async (_, request, shows) => {
    expect((await begin(request())).session).toMatchObject(shows())
  })
})

describe('an option of the page is on the page', () => {
  it.each<[string, () => Request, RegExp]>([
    ['submitType', () => ({ submitType: 'donate' }), /<button>Donate €19.00<\/button>/],
    [
      'submitType of a subscription',
      () => ({ mode: 'subscription', submitType: 'book' }),
      /<button>Book €9.00/,
    ],
    ['locale', () => ({ locale: 'pt-BR' }), /in the language pt-BR/],
    ['customText.submit', () => ({ customText: { submit: 'We ship today.' } }), /We ship today/],
    [
      'customText.afterSubmit',
      () => ({ customText: { afterSubmit: 'Thank you.' } }),
      /<\/button>\s*<p class="soft">Thank/,
    ],
    [
      'customText.shippingAddress',
      () => ({
        customText: { shippingAddress: 'No PO boxes.' },
        shippingAddressCollection: { allowedCountries: ['AT'] },
      }),
      /Ship to .*AT.*No PO boxes/,
    ],
    [
      'customText.termsOfServiceAcceptance',
      () => ({
        customText: { termsOfServiceAcceptance: 'I accept all of it.' },
        consentCollection: { termsOfService: 'required' },
      }),
      /required>I accept all of it/,
    ],
    ['paymentMethodTypes', () => ({ paymentMethodTypes: ['sepa_debit'] }), /SEPA debit/],
  ])('%s', async (_, request, words) => {
    const { session } = await begin(request())
    expect(await (await fetch(session.url ?? '')).text()).toMatch(words)
  })

  it('paymentMethodTypes: the page takes no other', async () => {
    await expect(
      buy({ paymentMethodTypes: ['card'] }, { paymentMethod: 'pm_sepaDebit_success' }),
    ).rejects.toThrow('does not take payments by sepa_debit')
  })
})

describe('an option that changes the amount changes it in the rows', () => {
  const coupon = () => system.api.coupons.create({ percent_off: 50 })

  it('a promotion code that the buyer enters on the page', async () => {
    const promotion = { type: 'coupon' as const, coupon: (await coupon()).id }
    await system.api.promotionCodes.create({ promotion, code: 'HALF' })
    const enter = async (allowPromotionCodes: boolean) => {
      const { session } = await begin({ allowPromotionCodes })
      const body = new URLSearchParams({ code: 'HALF' })
      await fetch(`${session.url}/promotion-code`, { method: 'POST', redirect: 'manual', body })
      system.stripe.control.pay(session.id)
      await deliver()
      const [transaction] = await system.database.sql`
        select amount from payments.transactions where related_object_ids ->> 'checkout_session' = ${session.id}`
      return transaction?.amount
    }
    expect([await enter(true), await enter(false)]).toEqual(['950', '1900'])
  })

  it('a promotion code in the request', async () => {
    const promotion = await system.api.promotionCodes.create({
      promotion: { type: 'coupon', coupon: (await coupon()).id },
    })
    const { row, transaction } = await buy({ discounts: [{ promotionCode: promotion.id }] })
    expect(row).toMatchObject({ status: 'completed', payment_status: 'paid' })
    expect(transaction).toMatchObject({ status: 'succeeded', amount: '950' })
  })

  it('a coupon of the backend', async () => {
    const { transaction } = await buy({ discounts: [{ coupon: (await coupon()).id }] }, {}, backend)
    expect(transaction).toMatchObject({ amount: '950', currency: 'eur' })
  })

  it('currency, where the price has an amount in it', async () => {
    const price = await system.api.prices.create({
      product: (await system.api.products.create({ name: 'Cup' })).id,
      currency: 'eur',
      unit_amount: 500,
      currency_options: { usd: { unit_amount: 600 } },
    })
    const lineItems = [{ priceId: price.id, quantity: 2 }]
    const [dollars, euros] = [await buy({ lineItems, currency: 'usd' }), await buy({ lineItems })]
    expect(dollars.session).toMatchObject({ currency: 'usd', amount_total: 1200 })
    expect(dollars.transaction).toMatchObject({ amount: '1200', currency: 'usd' })
    expect(euros.transaction).toMatchObject({ amount: '1000', currency: 'eur' })
  })

  it('automatic tax', async () => {
    system.stripe.control.setTaxRate(19)
    const { session, transaction } = await buy({ automaticTax: true })
    system.stripe.control.setTaxRate(null)
    expect(session).toMatchObject({
      automatic_tax: { enabled: true, status: 'complete' },
      total_details: { amount_tax: 361 },
    })
    expect(transaction).toMatchObject({ amount: '2261' })
  })

  it('shipping', async () => {
    const rate = await system.api.shippingRates.create({
      display_name: 'Post',
      type: 'fixed_amount',
      fixed_amount: { amount: 490, currency: 'eur' },
    })
    const { session, transaction } = await buy({
      shippingAddressCollection: { allowedCountries: ['AT'] },
      shippingOptions: [{ shippingRate: rate.id }],
    })
    expect(session.collected_information?.shipping_details?.address?.country).toBe('AT')
    expect(transaction).toMatchObject({ amount: '2390' })
    const [purchase] = await system.database.sql`
      select (payments.purchase_of(e)).* from payments.webhook_events as e
      where e.event_type = 'checkout.session.completed' and e.object_id = ${session.id}`
    expect(purchase).toMatchObject({
      amount: '2390',
      amount_subtotal: '1900',
      shipping: {
        amount_total: 490,
        shipping_rate: rate.id,
        name: session.collected_information?.shipping_details?.name,
        address: { country: 'AT' },
      },
    })
  })

  it('a quantity that the buyer changes on the page', async () => {
    const request = {
      lineItems: [
        { priceId: system.prices.once, quantity: 1, adjustableQuantity: { minimum: 1, maximum: 5 } },
      ],
    }
    await expect(buy(request, { quantities: { 0: 6 } })).rejects.toThrow('a quantity from 1 to 5')
    const { transaction } = await buy(request, { quantities: { 0: 3 } })
    expect(transaction).toMatchObject({ amount: '5700' })
  })

  it('a price in the currency of the buyer leaves the amount in the currency of the shop', async () => {
    const { session, transaction } = await buy({ adaptivePricing: true }, { presentmentCurrency: 'gbp' })
    expect(session.presentment_details).toEqual({ presentment_amount: 1710, presentment_currency: 'gbp' })
    expect(transaction).toMatchObject({ amount: '1900', currency: 'eur' })
  })
})

it('recovery gives the expired session a link, and what is paid there is the purchase of the subject', async () => {
  const { shown, session } = await begin({
    subject,
    recovery: { allowPromotionCodes: true },
    metadata: { order_id: '7' },
  })
  system.stripe.control.expire(session.id)
  await deliver()
  const expired = await system.api.checkout.sessions.retrieve(session.id)
  const link = await fetch(expired.after_expiration?.recovery?.url ?? '', { redirect: 'manual' })
  const copy = (link.headers.get('location') ?? '').split('/').at(-1) ?? ''
  system.stripe.control.pay(copy)
  await deliver()
  const { data } = await ada.stripe.confirmCheckoutSession('test', copy)
  expect(data).toMatchObject({
    fulfilled: true,
    checkoutSession: { status: 'completed', paymentStatus: 'paid', subjectId: 'ada' },
  })
  expect((await ada.stripe.getCheckoutSession('test', shown.id)).data?.checkoutSession.status).toBe('expired')
  const [purchase] = await system.database.sql`
    select (payments.purchase_of(e)).* from payments.webhook_events as e
    where e.event_type = 'checkout.session.completed' and e.object_id = ${copy}`
  expect(purchase).toMatchObject({
    is_paid: true,
    subject_id: 'ada',
    metadata: { order_id: '7' },
    items: [{ price_id: system.prices.once, quantity: 1 }],
  })
})

describe('an option that asks the buyer', () => {
  it('gets the billing address', async () => {
    const address = { line1: 'Ring 1', city: 'Wien', postal_code: '1010' }
    const { row } = await buy({ billingAddressCollection: 'required' }, { address, country: 'AT' })
    expect(row.raw).toMatchObject({ customer_details: { address: { ...address, country: 'AT' } } })
    const missing = buy({ billingAddressCollection: 'required' }, { address: {} })
    await expect(missing).rejects.toThrow('Please enter your billing address.')
  })

  it('gets phone, names, tax id and consent', async () => {
    const { session } = await buy(
      {
        phoneNumberCollection: true,
        nameCollection: { individual: 'required', business: 'optional' },
        taxIdCollection: true,
        consentCollection: { termsOfService: 'required', promotions: 'auto' },
      },
      { taxId: 'DE123456789', optsIn: true },
    )
    expect(session).toMatchObject({
      customer_details: {
        phone: '+15555550123',
        individual_name: 'Jenny Rosen',
        business_name: 'Rosen Ltd',
        tax_ids: [{ type: 'eu_vat', value: 'DE123456789' }],
      },
      consent: { terms_of_service: 'accepted', promotions: 'opt_in' },
    })
    const missing = buy({ phoneNumberCollection: true }, { phone: '' })
    await expect(missing).rejects.toThrow('Please enter your phone number.')
  })

  it('gets custom fields, which the row has from Stripe', async () => {
    const { row } = await buy(
      { customFields: [{ key: 'size', label: 'Size', type: 'text', maximumLength: 3 }] },
      { customFields: { size: 'XL' } },
    )
    expect(row.raw).toMatchObject({ custom_fields: [{ key: 'size', text: { value: 'XL' } }] })
    expect(row.options).toEqual({
      custom_fields: [{ key: 'size', label: 'Size', type: 'text', maximum_length: 3 }],
    })
  })

  it('saves the card for later where the buyer agrees, and always for setupFutureUsage', async () => {
    const cards = async (session: Stripe.Checkout.Session) =>
      (await system.api.customers.listPaymentMethods(String(session.customer))).data.length
    const saved = { savedPaymentMethods: { save: 'enabled' as const } }
    const before = (await buy({ subject, ...saved })).session
    const number = await cards(before)
    expect(await cards((await buy({ subject, ...saved }, { saveMethod: true })).session)).toBe(number + 1)
    const future = await buy({ subject, setupFutureUsage: 'off_session' })
    expect(await cards(future.session)).toBe(number + 2)
  })
})

it('a payment method configuration decides what the page offers', async () => {
  const configuration = await system.api.paymentMethodConfigurations.create({
    name: 'Cards only',
    sepa_debit: { display_preference: { preference: 'off' } },
    us_bank_account: { display_preference: { preference: 'off' } },
  })
  const { session } = await begin({ paymentMethodConfiguration: configuration.id })
  expect(session.payment_method_types).toEqual(['card'])
  expect(await refusal({ paymentMethodConfiguration: 'pmc_unknown' })).toMatchObject({
    statusCode: 400,
    message: expect.stringMatching(/^No such payment_method_configuration/),
  })
})

it('invoiceCreation makes an invoice of a one-time payment', async () => {
  const { session, transaction } = await buy({ invoiceCreation: true })
  expect(session.invoice).toMatchObject({ status: 'paid', total: 1900 })
  expect(transaction).toMatchObject({ type: 'one_time_payment', amount: '1900' })
})

describe('a subscription', () => {
  const subscriptionRow = async (id: unknown) => {
    const [row] = await system.database.sql`
      select * from payments.stripe_subscriptions where subscription_id = ${String(id)}`
    return row as Row
  }

  it('has a trial of days, for which nothing is due', async () => {
    const { session, row, transaction } = await buy({ mode: 'subscription', trialPeriodDays: 14 })
    expect(row).toMatchObject({ status: 'completed', payment_status: 'no_payment_required' })
    expect(session.amount_total).toBe(0)
    expect(await subscriptionRow(row.subscription_id)).toMatchObject({ status: 'trialing' })
    expect(transaction?.amount ?? '0').toBe('0')
  })

  it('has a trial until an instant', async () => {
    const end = inDays(20)
    const { row } = await buy({ mode: 'subscription', trialEnd: end.toISOString() })
    const { trial_end } = await subscriptionRow(row.subscription_id)
    expect(seconds(trial_end as Date)).toBe(seconds(end))
  })

  it('has a trial without a card, and ends with it', async () => {
    const { session, row } = await buy({
      mode: 'subscription',
      trialPeriodDays: 7,
      trialWithoutCard: true,
    })
    expect(session.payment_method_collection).toBe('if_required')
    const subscription = await system.api.subscriptions.retrieve(String(row.subscription_id))
    expect(subscription.default_payment_method).toBeNull()
    expect(subscription.trial_settings?.end_behavior.missing_payment_method).toBe('cancel')
  })

  it('is asked for a card in a trial by paymentMethodCollection', async () => {
    const { session } = await begin({
      mode: 'subscription',
      trialPeriodDays: 7,
      paymentMethodCollection: 'always',
    })
    expect(session.payment_method_collection).toBe('always')
  })

  it('begins its periods at the anchor, and charges nothing before without proration', async () => {
    const anchor = inDays(10)
    const { session, row } = await buy({
      mode: 'subscription',
      billingCycleAnchor: anchor.toISOString(),
      prorationBehavior: 'none',
    })
    expect(session.amount_total).toBe(0)
    const { current_period_end } = await subscriptionRow(row.subscription_id)
    expect(seconds(current_period_end as Date)).toBe(seconds(anchor))
  })

  it('charges the share of the period before the anchor', async () => {
    const { session, transaction } = await buy({
      mode: 'subscription',
      billingCycleAnchor: inDays(20).toISOString(),
      prorationBehavior: 'create_prorations',
    })
    expect(session.amount_total).toBeGreaterThan(0)
    expect(session.amount_total).toBeLessThan(900)
    expect(transaction?.amount).toBe(String(session.amount_total))
  })

  it('is sold beside one-time prices in one cart', async () => {
    const { row, transaction } = await buy({
      mode: 'subscription',
      lineItems: [
        { priceId: system.prices.monthly, quantity: 1 },
        { priceId: system.prices.once, quantity: 2 },
      ],
    })
    expect(transaction).toMatchObject({ type: 'subscription_invoice', amount: '4700' })
    const subscription = await system.api.subscriptions.retrieve(String(row.subscription_id))
    expect(subscription.items.data).toHaveLength(1)
  })
})

describe('a session that is shown elsewhere than on the hosted page', () => {
  it.each(['embedded', 'custom'] as const)('is mounted with a client secret: %s', async (uiMode) => {
    const { shown, session } = await begin({ uiMode, returnUrl: 'https://shop.example/back' })
    expect(shown).toMatchObject({ url: null, clientSecret: session.client_secret })
    expect(session).toMatchObject({ url: null, return_url: 'https://shop.example/back' })
    system.stripe.control.pay(session.id)
    await deliver()
    const [row] = await system.database.sql`
      select status, client_secret from payments.stripe_checkout_sessions where id = ${shown.id}`
    expect(row).toEqual({ status: 'completed', client_secret: null })
  })

  it('needs no returnUrl if it never redirects', async () => {
    const { session } = await begin({ uiMode: 'embedded', redirectOnCompletion: 'never' })
    expect(session.redirect_on_completion).toBe('never')
  })
})

it('mode setup saves a card for the subject, and no money moves', async () => {
  const { session, row, transaction } = await buy({ mode: 'setup', currency: 'eur' })
  expect(row).toMatchObject({ mode: 'setup', status: 'completed', payment_status: 'no_payment_required' })
  expect(transaction).toBeUndefined()
  const intent = await system.api.setupIntents.retrieve(String(session.setup_intent))
  expect(intent).toMatchObject({ status: 'succeeded', metadata: { payments_subject_id: 'ada' } })
  const { data } = await system.api.customers.listPaymentMethods(String(session.customer))
  expect(data.map(({ id }) => id)).toContain(intent.payment_method)
})

describe('what the service alone may ask for', () => {
  const cup = { currency: 'eur', unitAmount: 700, product: { name: 'Cup' } }
  const custom = async () => {
    const product = await system.api.products.create({ name: 'Donation' })
    const price = await system.api.prices.create({
      product: product.id,
      currency: 'eur',
      custom_unit_amount: { enabled: true, minimum: 200 },
    })
    await deliver()
    return price.id
  }
  const requests: [string, () => Promise<Request>][] = [
    ['a price of its own (priceData)', async () => ({ lineItems: [{ priceData: cup, quantity: 2 }] })],
    ['a coupon by its id', async () => ({ discounts: [{ coupon: 'any' }] })],
    [
      'a price whose amount the buyer chooses',
      async () => ({ lineItems: [{ priceId: await custom(), quantity: 1 }] }),
    ],
  ]

  it.each(requests)('%s is refused to users and guests, before Stripe is called', async (what, request) => {
    const body = await request()
    system.asked.forget()
    const before = await written(system.database)
    for (const caller of [ada, guest]) {
      expect(await refusal(body, caller)).toEqual({
        error: 'AUTH_UNAUTHORIZED',
        statusCode: 403,
        message: `An app user may not ask for ${what}: no offer allows it.`,
        nextActions:
          'Begin this checkout from the backend with the admin key, or make an offer that allows it.',
      })
    }
    expect(await written(system.database)).toEqual(before)
    expect(system.asked.seen()).toEqual([])
  })

  it('a cart of catalog and own prices is one payment', async () => {
    const lineItems = [
      { priceId: system.prices.once, quantity: 1 },
      { priceData: cup, quantity: 2 },
    ]
    const { row, transaction } = await buy({ lineItems, subject: { type: 'team', id: '42' } }, {}, backend)
    expect(row).toMatchObject({ subject_type: 'team', subject_id: '42', caller_id: null })
    expect(transaction).toMatchObject({ amount: '3300', subject_type: 'team', subject_id: '42' })
  })

  it('the buyer pays what they want', async () => {
    const request = { lineItems: [{ priceId: await custom(), quantity: 1 }] }
    await expect(buy(request, { amount: 100 }, backend)).rejects.toThrow('an amount from €2.00')
    const { transaction } = await buy(request, { amount: 2600 }, backend)
    expect(transaction).toMatchObject({ amount: '2600', status: 'succeeded' })
  })
})

describe('what cannot be is refused before Stripe is called, and Stripe would refuse it too', () => {
  const cart = (...currencies: string[]) =>
    currencies.map((currency) => ({
      priceData: { currency, unitAmount: 500, product: { name: 'Cup' } },
      quantity: 1,
    }))
  const items = (...currencies: string[]) =>
    currencies.map((currency) => ({
      price_data: { currency, unit_amount: 500, product_data: { name: 'Cup' } },
      quantity: 1,
    }))
  const plan = () => ({
    mode: 'subscription' as const,
    line_items: [{ price: system.prices.monthly, quantity: 1 }],
  })
  let dollars: string
  beforeAll(async () => {
    const product = await system.api.products.create({ name: 'Tea' })
    dollars = (await system.api.prices.create({ product: product.id, currency: 'usd', unit_amount: 500 })).id
  })
  const soon = (minutes: number) => Math.floor(Date.now() / 1000) + minutes * 60
  const at = (minutes: number) => new Date(soon(minutes) * 1000).toISOString()
  type Asked = Omit<Stripe.Checkout.SessionCreateParams, 'success_url'>
  async function refusedAlike(request: Request, params: Asked, body: object) {
    await deliver()
    system.asked.forget()
    const before = await written(system.database)
    expect(await refusal(request, backend)).toEqual({ statusCode: 400, error: 'INVALID_INPUT', ...body })
    expect(await written(system.database)).toEqual(before)
    expect(system.asked.seen()).toEqual([])
    await expect(
      system.api.checkout.sessions.create({
        mode: 'payment',
        line_items: [{ price: system.prices.once, quantity: 1 }],
        success_url: 'https://shop.example/done',
        ...params,
      }),
    ).rejects.toMatchObject({ type: 'StripeInvalidRequestError' })
  }
  it.each<[string, () => Request, string, () => Asked]>([
    [
      'an expiry in a minute',
      () => ({ expiresAt: at(1) }),
      'expiresAt must be 30 minutes to 24 hours from now.',
      () => ({ expires_at: soon(1) }),
    ],
    [
      'an expiry in two days',
      () => ({ expiresAt: at(2880) }),
      'expiresAt must be 30 minutes to 24 hours from now.',
      () => ({ expires_at: soon(2880) }),
    ],
    [
      'a trial that ends in an hour',
      () => ({ mode: 'subscription', trialEnd: at(60) }),
      'trialEnd must be at least 48 hours from now.',
      () => ({ ...plan(), subscription_data: { trial_end: soon(60) } }),
    ],
    [
      'an anchor in the past',
      () => ({ mode: 'subscription', billingCycleAnchor: at(-60) }),
      'billingCycleAnchor must be in the future.',
      () => ({ ...plan(), subscription_data: { billing_cycle_anchor: soon(-60) } }),
    ],
    [
      'a trial of what is paid once',
      () => ({
        mode: 'subscription',
        trialPeriodDays: 7,
        lineItems: [{ priceId: system.prices.once, quantity: 1 }],
      }),
      'A trial needs a recurring price, and all of lineItems are paid once.',
      () => ({
        mode: 'subscription',
        line_items: [{ price: system.prices.once, quantity: 1 }],
        subscription_data: { trial_period_days: 7 },
      }),
    ],
    [
      'prices in two currencies',
      () => ({ lineItems: cart('eur', 'usd') }),
      'currency, and the currency of each priceData, must be the same.',
      () => ({ line_items: items('eur', 'usd') }),
    ],
    [
      'stored prices in two currencies',
      () => ({
        lineItems: [
          { priceId: dollars, quantity: 1 },
          { priceId: system.prices.once, quantity: 1 },
        ],
      }),
      'The prices of lineItems have no currency in common: eur, usd.',
      () => ({
        line_items: [
          { price: dollars, quantity: 1 },
          { price: system.prices.once, quantity: 1 },
        ],
      }),
    ],
    [
      'a trial that ends in over two years',
      () => ({ mode: 'subscription', trialEnd: at(732 * 1440) }),
      'trialEnd must be at most 730 days from now.',
      () => ({ ...plan(), subscription_data: { trial_end: soon(732 * 1440) } }),
    ],
    [
      'two discounts',
      () => ({ discounts: [{ promotionCode: 'promo_a' }, { promotionCode: 'promo_b' }] }),
      'discounts may have one discount only; Stripe takes no more.',
      () => ({ discounts: [{ promotion_code: 'promo_a' }, { promotion_code: 'promo_b' }] }),
    ],
    [
      'a discount beside promotion codes',
      () => ({ discounts: [{ promotionCode: 'promo_a' }], allowPromotionCodes: true }),
      'discounts and allowPromotionCodes exclude each other.',
      () => ({ discounts: [{ promotion_code: 'promo_a' }], allow_promotion_codes: true }),
    ],
    [
      'shipping of a subscription',
      () => ({
        mode: 'subscription',
        shippingAddressCollection: { allowedCountries: ['DE'] },
        shippingOptions: [{ shippingRate: 'shr_a' }],
      }),
      'shippingOptions cannot be used when mode is subscription.',
      () => ({
        ...plan(),
        shipping_address_collection: { allowed_countries: ['DE'] },
        shipping_options: [{ shipping_rate: 'shr_a' }],
      }),
    ],
    [
      'a quantity outside of what the buyer may choose',
      () => ({
        lineItems: [
          { priceId: system.prices.once, quantity: 5, adjustableQuantity: { minimum: 1, maximum: 3 } },
        ],
      }),
      'Each quantity of lineItems must be within its adjustableQuantity.',
      () => ({
        line_items: [
          {
            price: system.prices.once,
            quantity: 5,
            adjustable_quantity: { enabled: true, minimum: 1, maximum: 3 },
          },
        ],
      }),
    ],
    [
      'an embedded session with a success url',
      () => ({ uiMode: 'embedded', ...urls, returnUrl: 'https://shop.example' }),
      'successUrl cannot be used when uiMode is embedded; use returnUrl.',
      () => ({ ui_mode: 'embedded_page', return_url: 'https://shop.example' }),
    ],
  ])('%s, with the next step', async (_, request, message, params) => {
    await refusedAlike(request(), params(), { message, nextActions: expect.any(String) })
  })

  it.each<[string, () => Request, string, () => Asked]>([
    [
      'a payment method type that is no word',
      () => ({ paymentMethodTypes: ['Card!'] }),
      'paymentMethodTypes[0] must be a payment method type, for example card.',
      () => ({ allowed_payment_method_types: ['Card!'] }),
    ],
    [
      'a label of over 100 characters',
      () => ({ customFields: [{ key: 'size', label: 'x'.repeat(101), type: 'text' }] }),
      'customFields[0].label must have at most 100 characters.',
      () => ({
        custom_fields: [{ key: 'size', label: { type: 'custom', custom: 'x'.repeat(101) }, type: 'text' }],
      }),
    ],
    [
      'a choice that is no word',
      () => ({
        customFields: [
          { key: 'size', label: 'Size', type: 'dropdown', options: [{ label: 'S', value: 's-1' }] },
        ],
      }),
      'customFields[0].options[0].value must be 1 to 100 letters and digits.',
      () => ({
        custom_fields: [
          {
            key: 'size',
            label: { type: 'custom', custom: 'Size' },
            type: 'dropdown',
            dropdown: { options: [{ label: 'S', value: 's-1' }] },
          },
        ],
      }),
    ],
    [
      'two choices of one value',
      () => ({
        customFields: [
          {
            key: 'size',
            label: 'Size',
            type: 'dropdown',
            options: [
              { label: 'S', value: 's' },
              { label: 'M', value: 's' },
            ],
          },
        ],
      }),
      'customFields[0] must have options of different values.',
      () => ({
        custom_fields: [
          {
            key: 'size',
            label: { type: 'custom', custom: 'Size' },
            type: 'dropdown',
            dropdown: {
              options: [
                { label: 'S', value: 's' },
                { label: 'M', value: 's' },
              ],
            },
          },
        ],
      }),
    ],
    [
      'a default that is no choice',
      () => ({
        customFields: [
          {
            key: 'size',
            label: 'Size',
            type: 'dropdown',
            options: [{ label: 'S', value: 's' }],
            defaultValue: 'm',
          },
        ],
      }),
      'customFields[0] must have a defaultValue that the buyer could enter.',
      () => ({
        custom_fields: [
          {
            key: 'size',
            label: { type: 'custom', custom: 'Size' },
            type: 'dropdown',
            dropdown: { options: [{ label: 'S', value: 's' }], default_value: 'm' },
          },
        ],
      }),
    ],
    [
      'a least length above the greatest',
      () => ({
        customFields: [{ key: 'size', label: 'Size', type: 'text', minimumLength: 9, maximumLength: 3 }],
      }),
      'customFields[0] must have a minimumLength that is not above the maximumLength.',
      () => ({
        custom_fields: [
          {
            key: 'size',
            label: { type: 'custom', custom: 'Size' },
            type: 'text',
            text: { minimum_length: 9, maximum_length: 3 },
          },
        ],
      }),
    ],
    [
      'a quantity that may become a million',
      () => ({
        lineItems: [
          {
            priceId: system.prices.once,
            quantity: 1,
            adjustableQuantity: { minimum: 1, maximum: 1_000_000 },
          },
        ],
      }),
      'lineItems[0].adjustableQuantity.maximum must be a whole number from 1 to 999999.',
      () => ({
        line_items: [
          {
            price: system.prices.once,
            quantity: 1,
            adjustable_quantity: { enabled: true, maximum: 1_000_000 },
          },
        ],
      }),
    ],
    [
      'a least quantity above the greatest, which is 99 if left out',
      () => ({
        lineItems: [{ priceId: system.prices.once, quantity: 100, adjustableQuantity: { minimum: 100 } }],
      }),
      'lineItems[0].adjustableQuantity must have a minimum that is not above the maximum.',
      () => ({
        line_items: [
          { price: system.prices.once, quantity: 100, adjustable_quantity: { enabled: true, minimum: 100 } },
        ],
      }),
    ],
  ])('%s, by the field', async (_, request, message, params) => {
    await refusedAlike(request(), params(), { message })
  })
})

it('the greatest that Stripe takes is taken here and there: quantities, labels, trials and words that are new', async () => {
  const days = 730 * 86_400 - 60
  await deliver()
  for (const request of [
    {
      mode: 'payment',
      lineItems: [
        { priceId: system.prices.once, quantity: 1, adjustableQuantity: { minimum: 1, maximum: 999_999 } },
      ],
      customFields: [{ key: 'size', label: 'x'.repeat(100), type: 'text' }],
      shippingAddressCollection: { allowedCountries: ['XK', 'ZZ'] },
      locale: 'es-419',
    },
    {
      mode: 'subscription',
      subject,
      lineItems: [{ priceId: system.prices.monthly }],
      trialEnd: new Date(Date.now() + days * 1000).toISOString(),
    },
  ] satisfies Omit<CreateCheckoutSessionRequest, 'successUrl' | 'cancelUrl'>[]) {
    const { error } = await backend.stripe.createCheckoutSession('test', { ...urls, ...request })
    expect(error).toBeNull()
  }
})

describe('what Stripe alone knows is refused in its words', () => {
  it.each<[string, Request, RegExp]>([
    ['a promotion code', { discounts: [{ promotionCode: 'promo_none' }] }, /^No such promotion code/],
    [
      'a shipping rate',
      {
        shippingAddressCollection: { allowedCountries: ['DE'] },
        shippingOptions: [{ shippingRate: 'shr_none' }],
      },
      /^No such shipping rate/,
    ],
    ['tax without settings', { automaticTax: true }, /valid head office address/],
    ['a currency', { currency: 'zzz' }, /^Invalid currency: zzz/],
    ['a country', { shippingAddressCollection: { allowedCountries: ['AT', 'KP'] } }, /allowed_countries/],
    ['a locale', { locale: 'tlh' }, /locale/],
  ])('%s', async (_, request, message) => {
    expect(await refusal(request)).toMatchObject({
      statusCode: 400,
      error: 'UPSTREAM_FAILURE',
      message: expect.stringMatching(message),
    })
  })
})

it('a manual capture waits until the admin captures or cancels it', async () => {
  const admin = async (path: string, body: object = {}) => {
    const answer = await fetch(`${server.url}/api/payments/stripe/test/payments/${path}`, {
      method: 'POST',
      headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: answer.status, body: await answer.json() }
  }
  const statusOf = async (id: string) => {
    const [row] = await system.database.sql`
      select status, amount::integer as amount from payments.transactions
      where related_object_ids ->> 'payment_intent' = ${id} and type <> 'refund'`
    return row as Row | undefined
  }
  const held = async () => {
    const { row, transaction } = await buy({ captureMethod: 'manual' })
    expect(row).toMatchObject({ status: 'completed', payment_status: 'unpaid' })
    expect(transaction).toMatchObject({ status: 'pending', amount: '1900' })
    return String(row.payment_intent_id)
  }

  const part = await held()
  expect(await admin(`${part}/capture`, { amount: 2000 })).toMatchObject({
    status: 400,
    body: { error: 'INVALID_INPUT', nextActions: 'Capture less.' },
  })
  const captured = await admin(`${part}/capture`, { amount: 1000 })
  expect(captured).toEqual({
    status: 200,
    body: {
      payment: {
        environment: 'test',
        paymentIntentId: part,
        status: 'succeeded',
        amount: 1900,
        amountCapturable: 0,
        amountReceived: 1000,
        currency: 'eur',
      },
    },
  })
  expect(await statusOf(part)).toEqual({ status: 'succeeded', amount: 1000 })
  expect(await admin(`${part}/capture`, { amount: 1000 })).toEqual(captured)
  expect(await admin(`${part}/capture`, { amount: 900 })).toMatchObject({
    status: 409,
    body: { error: 'PAYMENT_NOT_CAPTURABLE' },
  })
  await deliver()
  expect(await statusOf(part)).toEqual({ status: 'succeeded', amount: 1000 })
  expect(server.log()).toContain(`"event":"payment_captured"`)

  const none = await held()
  expect(await admin(`${none}/cancel`)).toMatchObject({
    status: 200,
    body: { payment: { status: 'canceled' } },
  })
  expect(await admin(`${none}/cancel`)).toMatchObject({
    status: 200,
    body: { payment: { status: 'canceled' } },
  })
  await deliver()
  expect(await statusOf(none)).toMatchObject({ status: 'failed' })
  expect(await admin(`${none}/capture`)).toMatchObject({ status: 409 })
  expect(await admin('pi_none/capture')).toMatchObject({ status: 404, body: { error: 'PAYMENT_NOT_FOUND' } })
})

describe('the portal opens one page', () => {
  const open = async (request: object) => {
    const { data, error } = await ada.stripe.createCustomerPortalSession('test', {
      subject,
      returnUrl: 'https://shop.example/account',
      ...request,
    })
    if (error) throw new Error(error.message)
    return data.customerPortalSession
  }

  it('to change the payment method, in a language, and leads back', async () => {
    await buy({ subject })
    const { url } = await open({
      locale: 'de',
      flow: {
        type: 'payment_method_update',
        afterCompletion: { type: 'redirect', returnUrl: 'https://shop.example/saved' },
      },
    })
    expect(await (await fetch(url ?? '')).text()).toContain('Save card')
    const answer = await fetch(url ?? '', {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ action: 'method', card: '4242424242424242' }),
    })
    expect(answer.headers.get('location')).toBe('https://shop.example/saved')
  })

  it('to confirm a change of plan, which arrives in the rows', async () => {
    const { row } = await buy({ mode: 'subscription' })
    const pro = await system.api.prices.create({
      product: (await system.api.products.create({ name: 'Pro' })).id,
      currency: 'eur',
      unit_amount: 2900,
      recurring: { interval: 'month' },
    })
    const { url } = await open({
      flow: {
        type: 'subscription_update_confirm',
        subscriptionId: String(row.subscription_id),
        items: [{ priceId: pro.id }],
      },
    })
    system.stripe.control.portalConfirm((url ?? '').split('/').at(-1) ?? '')
    await deliver()
    const [item] = await system.database.sql`
      select price_id from payments.stripe_subscription_items where subscription_id = ${String(row.subscription_id)}`
    expect(item).toEqual({ price_id: pro.id })
  })

  it('to choose another plan, which arrives in the rows, and says the words of the app', async () => {
    const { row } = await buy({ mode: 'subscription' })
    const product = (await system.api.products.create({ name: 'Team' })).id
    const recurring = { interval: 'month' as const }
    const team = await system.api.prices.create({ product, currency: 'eur', unit_amount: 4900, recurring })
    const subscription = String(row.subscription_id)
    const { url } = await open({
      flow: {
        type: 'subscription_update',
        subscriptionId: subscription,
        afterCompletion: { type: 'hosted_confirmation', customMessage: 'Welcome to Team.' },
      },
    })
    const body = new URLSearchParams({ action: 'change', subscription, price: team.id })
    expect(await (await fetch(url ?? '', { method: 'POST', body })).text()).toContain('Welcome to Team.')
    await deliver()
    const [item] = await system.database.sql`
      select price_id from payments.stripe_subscription_items where subscription_id = ${subscription}`
    expect(item).toEqual({ price_id: team.id })
  })

  it('in a language, with what a configuration allows', async () => {
    await buy({ mode: 'subscription' })
    const { id } = await system.api.billingPortal.configurations.create({
      features: { invoice_history: { enabled: true } },
    })
    const page = async (request: object) => (await fetch((await open(request)).url ?? '')).text()
    expect(await page({})).toContain('Cancel on')
    const limited = await page({ configuration: id, locale: 'de' })
    expect(limited).toContain('in the language de')
    expect(limited).not.toContain('Cancel on')
    await expect(open({ configuration: id, flow: { type: 'payment_method_update' } })).rejects.toThrow(
      'payment_method_update',
    )
  })

  it('to confirm nothing that Stripe cannot sell', async () => {
    const { row } = await buy({ mode: 'subscription' })
    const confirm = (priceId: string) =>
      open({
        flow: {
          type: 'subscription_update_confirm',
          subscriptionId: String(row.subscription_id),
          items: [{ priceId }],
        },
      })
    await expect(confirm('price_none')).rejects.toThrow("No such price: 'price_none'")
    await expect(confirm(system.prices.once)).rejects.toThrow('is not active and recurring')
  })

  it('to cancel: no other action is there', async () => {
    const { row } = await buy({ mode: 'subscription' })
    const { url } = await open({
      flow: { type: 'subscription_cancel', subscriptionId: String(row.subscription_id) },
    })
    const page = await (await fetch(url ?? '')).text()
    expect(page).toContain('Cancel on')
    expect(page.match(/<article/g)).toHaveLength(1)
  })
})

// These move the clock of local Stripe, which the tests before compare with this machine's.
describe('as time passes', () => {
  it('expiresAt ends the session at that instant', async () => {
    const { shown } = await begin({ expiresAt: inDays(1 / 24).toISOString() })
    system.stripe.control.advance(3700)
    await deliver()
    const [row] = await system.database.sql`
      select status from payments.stripe_checkout_sessions where id = ${shown.id}`
    expect(row).toEqual({ status: 'expired' })
  })

  it('a subscription whose trial needs no card ends with the trial', async () => {
    const cardless = { type: 'user', id: 'eve' }
    const trial = { trialPeriodDays: 3, trialWithoutCard: true }
    const { row } = await buy({ mode: 'subscription', subject: cardless, ...trial }, {}, backend)
    system.stripe.control.advance(4 * 86_400)
    await deliver()
    const [subscription] = await system.database.sql`
      select status from payments.stripe_subscriptions where subscription_id = ${String(row.subscription_id)}`
    expect(subscription).toEqual({ status: 'canceled' })
  })
})
