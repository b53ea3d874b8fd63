import type Stripe from 'stripe'
import { describe, expect, it } from 'vitest'
import { errorOf, priceOf, subscribe, urls, useLocalStripe } from './helpers.ts'

const setting = useLocalStripe({ dunning: { retryDays: [3], finally: 'past_due' } })

const DAY_SECONDS = 86_400
const ALWAYS_ASKS = '4000002760003184'
const ASKS_ONCE = '4000002500003155'

async function open(mode: 'payment' | 'subscription' | 'setup', more: object = {}) {
  const price = await priceOf(setting.stripe, 1500, mode === 'subscription' ? 'month' : undefined)
  const line_items = mode === 'setup' ? undefined : [{ price: price.id, quantity: 1 }]
  return setting.stripe.checkout.sessions.create({ mode, line_items, ...urls, ...more })
}

function submit(url: string, fields: Record<string, string>): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' })
}

async function eventsOf(work: () => unknown): Promise<string[]> {
  const before = setting.local.control.events().length
  await work()
  return setting.local.control
    .events()
    .slice(before)
    .map(({ type }) => type)
}

describe('a card that asks for authentication', () => {
  it('leads from the checkout page to the bank’s page and then to the shop', async () => {
    const session = await open('payment')
    const form = { method: 'card', card: ALWAYS_ASKS, expiry: '12 / 34', cvc: '123', email: 'a@b.co' }
    const asked = await submit(session.url ?? '', form)
    const page = `${setting.local.url}${asked.headers.get('location')}`
    expect(await (await fetch(page)).text()).toContain('Your bank asks: is this you?')
    const waiting = (await setting.stripe.paymentIntents.list({ limit: 1 })).data[0]
    expect(waiting).toMatchObject({
      status: 'requires_action',
      next_action: { type: 'redirect_to_url', redirect_to_url: { url: page } },
      latest_charge: null,
    })
    expect((await setting.stripe.checkout.sessions.retrieve(session.id)).status).toBe('open')
    const told = await eventsOf(async () => {
      const answer = await submit(page, { outcome: 'complete' })
      expect(answer.headers.get('location')).toBe(`https://shop.example/thanks?session=${session.id}`)
    })
    expect(told).toEqual([
      'charge.succeeded',
      'payment_intent.succeeded',
      'checkout.session.completed',
      'charge.updated',
    ])
    const charge = (await setting.stripe.charges.list({ payment_intent: waiting?.id })).data[0]
    expect(charge?.payment_method_details?.card?.three_d_secure?.result).toBe('authenticated')
  })

  it('leaves the session open when the authentication fails, and another card can pay', async () => {
    const session = await open('payment')
    const told = await eventsOf(() => setting.local.control.pay(session.id, { card: ALWAYS_ASKS }))
    expect(told).toEqual(['payment_intent.created', 'payment_intent.requires_action'])
    const failed = await eventsOf(() =>
      expect(() => setting.local.control.authenticate(session.id, false)).toThrow('failed authentication'),
    )
    expect(failed).toEqual(['payment_intent.payment_failed'])
    const intent = (await setting.stripe.paymentIntents.list({ limit: 1 })).data[0]
    expect(intent).toMatchObject({
      status: 'requires_payment_method',
      next_action: null,
      last_payment_error: { code: 'payment_intent_authentication_failure' },
    })
    expect(setting.local.control.pay(session.id).payment_status).toBe('paid')
  })

  it('shows the failure on the checkout page', async () => {
    const session = await open('payment')
    setting.local.control.pay(session.id, { card: ALWAYS_ASKS })
    const intent = (await setting.stripe.paymentIntents.list({ limit: 1 })).data[0]
    const answer = await submit(`${setting.local.url}/3ds/${intent?.id}`, { outcome: 'fail' })
    expect([answer.status, await answer.text()]).toEqual([
      402,
      expect.stringContaining('The provided PaymentMethod has failed authentication.'),
    ])
  })

  it('can be declined after the authentication', async () => {
    const session = await open('payment')
    setting.local.control.pay(session.id, { card: '4000008260003178' })
    expect(() => setting.local.control.authenticate(session.id)).toThrow('insufficient funds')
    expect((await setting.stripe.checkout.sessions.retrieve(session.id)).status).toBe('open')
  })

  it('saves a method in setup mode after the authentication', async () => {
    const session = await open('setup', { currency: 'usd' })
    const told = await eventsOf(() => setting.local.control.pay(session.id, { card: ASKS_ONCE }))
    expect(told.at(-1)).toBe('setup_intent.requires_action')
    const rest = await eventsOf(() => setting.local.control.authenticate(session.id))
    expect(rest).toEqual([
      ...(rest.includes('payment_method.attached') ? ['payment_method.attached'] : []),
      'setup_intent.succeeded',
      'checkout.session.completed',
    ])
  })

  it('waits in a payment intent of the API, and returns to its return_url', async () => {
    const { stripe } = setting
    const intent = await stripe.paymentIntents.create({
      amount: 900,
      currency: 'usd',
      payment_method: 'pm_card_authenticationRequired',
      confirm: true,
      return_url: 'https://shop.example/back?x=1',
    })
    expect(intent.status).toBe('requires_action')
    const url = intent.next_action?.redirect_to_url?.url ?? ''
    const answer = await submit(url, { outcome: 'complete' })
    expect(answer.headers.get('location')).toBe(
      `https://shop.example/back?x=1&payment_intent=${intent.id}&payment_intent_client_secret=${intent.client_secret}&redirect_status=succeeded`,
    )
    expect((await stripe.paymentIntents.retrieve(intent.id)).status).toBe('succeeded')
  })

  it('is declined when the customer is absent', async () => {
    const error = await errorOf(
      setting.stripe.paymentIntents.create({
        amount: 900,
        currency: 'usd',
        payment_method: 'pm_card_authenticationRequired',
        confirm: true,
        off_session: true,
      }),
    )
    expect(error).toMatchObject({ statusCode: 402, code: 'authentication_required' })
  })
})

describe('a subscription with such a card', () => {
  it('is incomplete until the customer has authenticated the first payment', async () => {
    const session = await open('subscription')
    const told = await eventsOf(() => setting.local.control.pay(session.id, { card: ASKS_ONCE }))
    expect(told).toContain('payment_intent.requires_action')
    expect(told).toContain('invoice.payment_action_required')
    expect(told).not.toContain('invoice.payment_failed')
    expect(told).not.toContain('checkout.session.completed')
    const paid = setting.local.control.authenticate(session.id) as { status: string; subscription: string }
    expect(paid.status).toBe('complete')
    const subscription = await setting.stripe.subscriptions.retrieve(paid.subscription)
    expect(subscription.status).toBe('active')
    const renewed = await eventsOf(() => setting.local.control.advance(32 * DAY_SECONDS))
    expect(renewed).toContain('invoice.paid')
    expect(renewed).not.toContain('payment_intent.requires_action')
  })

  it('is past due when a renewal needs the customer, until it is confirmed on the invoice’s page', async () => {
    const session = await open('subscription')
    setting.local.control.pay(session.id, { card: ALWAYS_ASKS })
    const { subscription, customer } = setting.local.control.authenticate(
      session.id,
    ) as unknown as Stripe.Checkout.Session
    const told = await eventsOf(() => setting.local.control.advance(32 * DAY_SECONDS))
    expect(told).toContain('invoice.payment_failed')
    expect(told).toContain('invoice.payment_action_required')
    const { stripe } = setting
    const due = await stripe.subscriptions.retrieve(String(subscription), { expand: ['latest_invoice'] })
    expect(due.status).toBe('past_due')
    const invoice = due.latest_invoice as Stripe.Invoice
    const page = await (await fetch(invoice.hosted_invoice_url ?? '')).text()
    const link = /href="(\/3ds\/[^"]+)"/.exec(page)?.[1]
    await submit(`${setting.local.url}${link}`, { outcome: 'complete' })
    expect((await stripe.subscriptions.retrieve(due.id)).status).toBe('active')
    expect(await stripe.customers.retrieve(String(customer))).toMatchObject({ delinquent: false })
  })
})

describe('a customer', () => {
  it('is delinquent from a failed renewal on until an invoice is paid', async () => {
    const { stripe, local } = setting
    const price = await priceOf(stripe, 1000, 'month')
    const { subscription, customer } = await subscribe(setting, price.id)
    const failing = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer })
    await stripe.subscriptions.update(subscription, { default_payment_method: failing.id })
    local.control.advance(32 * DAY_SECONDS)
    expect(await stripe.customers.retrieve(customer)).toMatchObject({ delinquent: true })
    const [changed] = local.control
      .events({ type: 'customer.updated' })
      .filter(({ data }) => data.object.id === customer)
      .slice(-1)
    expect(changed?.data.previous_attributes).toEqual({ delinquent: false })
    const { latest_invoice } = await stripe.subscriptions.retrieve(subscription)
    await stripe.invoices.pay(String(latest_invoice), { payment_method: 'pm_card_visa' })
    expect(await stripe.customers.retrieve(customer)).toMatchObject({ delinquent: false })
  })
})

describe('evidence against a dispute', () => {
  it.each(['won', 'lost'] as const)('that is a test text makes it %s at once', async (outcome) => {
    const { stripe, local } = setting
    const session = await open('payment')
    const { payment_intent } = local.control.pay(session.id, { card: '4000000000000259' })
    const [dispute] = (await stripe.disputes.list({ payment_intent: payment_intent ?? '' })).data
    const uncategorized_text = outcome === 'won' ? 'winning_evidence' : 'losing_evidence'
    const told = await eventsOf(async () => {
      const closed = await stripe.disputes.update(dispute?.id ?? '', { evidence: { uncategorized_text } })
      expect(closed).toMatchObject({ status: outcome, evidence: { uncategorized_text } })
    })
    expect(told).toContain('charge.dispute.closed')
  })
})
