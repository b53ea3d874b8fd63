import type Stripe from 'stripe'
import { describe, expect, it } from 'vitest'
import { errorOf, priceOf, subscribe, urls, useLocalStripe } from './helpers.ts'

const setting = useLocalStripe()

/** Posts the page's form as a browser does. */
function submit(session: Stripe.Checkout.Session, fields: Record<string, string>): Promise<Response> {
  const form = { method: 'card', expiry: '12 / 34', cvc: '123', email: 'buyer@example.com', ...fields }
  return fetch(session.url ?? '', { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' })
}

async function openSession(more: Partial<Stripe.Checkout.SessionCreateParams> = {}, amount = 1500) {
  const price = await priceOf(setting.stripe, amount)
  return setting.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price: price.id, quantity: 2 }],
    ...urls,
    ...more,
  })
}

/** The types of the events that the work causes, in order. */
async function eventsOf(work: () => unknown): Promise<string[]> {
  const before = setting.local.control.events().length
  await work()
  return setting.local.control
    .events()
    .slice(before)
    .map(({ type }) => type)
}

describe('a session for one payment', () => {
  it('is open and unpaid until the customer pays', async () => {
    const session = await openSession({ client_reference_id: 'row-1', metadata: { order: '7' } })
    expect(session).toMatchObject({
      status: 'open',
      payment_status: 'unpaid',
      amount_total: 3000,
      currency: 'usd',
      client_reference_id: 'row-1',
      metadata: { order: '7' },
      customer_creation: 'if_required',
      ui_mode: 'hosted_page',
      expires_at: session.created + 86400,
    })
    expect(session.url).toBe(`${setting.local.url}/c/pay/${session.id}`)
  })

  it('paid on the page sends the customer back with the session id, and tells it in order', async () => {
    const session = await openSession({
      customer_creation: 'always',
      payment_intent_data: { metadata: { order: '8' } },
    })
    const told = await eventsOf(async () => {
      const answer = await submit(session, { card: '4242 4242 4242 4242' })
      expect([answer.status, answer.headers.get('location')]).toEqual([
        303,
        `https://shop.example/thanks?session=${session.id}`,
      ])
    })
    expect(told).toEqual([
      'customer.created',
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.succeeded',
      'checkout.session.completed',
      'charge.updated',
    ])
    const paid = await setting.stripe.checkout.sessions.retrieve(session.id, {
      expand: ['payment_intent.latest_charge', 'line_items'],
    })
    expect(paid).toMatchObject({
      status: 'complete',
      payment_status: 'paid',
      url: null,
      customer_details: { email: 'buyer@example.com' },
      line_items: { data: [{ quantity: 2, amount_total: 3000 }] },
      payment_intent: {
        status: 'succeeded',
        amount_received: 3000,
        metadata: { order: '8' },
        latest_charge: { paid: true },
      },
    })
  })

  it('makes no customer for a guest unless asked', async () => {
    const session = await openSession()
    expect(setting.local.control.pay(session.id).customer).toBeNull()
  })

  it('stays open after a declined card, which the page says, and takes another', async () => {
    const session = await openSession()
    const declined = await submit(session, { card: '4000000000009995' })
    expect(declined.status).toBe(402)
    expect(await declined.text()).toContain('Your card has insufficient funds.')
    const intents = await setting.stripe.paymentIntents.list({ limit: 1 })
    expect(intents.data[0]).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { code: 'card_declined', decline_code: 'insufficient_funds' },
    })
    const told = await eventsOf(() => setting.local.control.pay(session.id))
    expect(told).not.toContain('payment_intent.created')
    expect((await setting.stripe.checkout.sessions.retrieve(session.id)).payment_status).toBe('paid')
  })

  it('completes unpaid with a bank debit and is paid when that settles', async () => {
    const session = await openSession()
    await submit(session, { method: 'us_bank_account' })
    const pending = await setting.stripe.checkout.sessions.retrieve(session.id, {
      expand: ['payment_intent'],
    })
    expect(pending).toMatchObject({
      status: 'complete',
      payment_status: 'unpaid',
      payment_intent: { status: 'processing' },
    })
    const told = await eventsOf(() => setting.local.control.settle(session.id))
    expect(told).toEqual([
      'charge.succeeded',
      'payment_intent.succeeded',
      'checkout.session.async_payment_succeeded',
      'charge.updated',
    ])
    expect((await setting.stripe.checkout.sessions.retrieve(session.id)).payment_status).toBe('paid')
  })

  it('stays unpaid when the bank debit fails', async () => {
    const session = await openSession()
    setting.local.control.pay(session.id, { paymentMethod: 'pm_usBankAccount_accountClosed' })
    const told = await eventsOf(() => setting.local.control.settle(session.id))
    expect(told).toEqual([
      'charge.failed',
      'payment_intent.payment_failed',
      'checkout.session.async_payment_failed',
    ])
  })

  it('needs no payment with a discount of 100 percent', async () => {
    const coupon = await setting.stripe.coupons.create({ percent_off: 100 })
    const session = await openSession({
      discounts: [{ coupon: coupon.id }],
      payment_method_collection: undefined,
    })
    expect(session).toMatchObject({
      amount_subtotal: 3000,
      amount_total: 0,
      total_details: { amount_discount: 3000 },
    })
    const page = await fetch(session.url ?? '')
    expect(await page.text()).not.toContain('Card number')
    const answer = await submit(session, {})
    expect(answer.status).toBe(303)
    expect(await setting.stripe.checkout.sessions.retrieve(session.id)).toMatchObject({
      status: 'complete',
      payment_status: 'no_payment_required',
      payment_intent: null,
    })
  })

  it('takes a promotion code on the page', async () => {
    const coupon = await setting.stripe.coupons.create({ amount_off: 500, currency: 'usd' })
    await setting.stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      code: 'SPRING',
    })
    const session = await openSession({ allow_promotion_codes: true })
    const body = new URLSearchParams({ code: 'spring' })
    const answer = await fetch(`${session.url}/promotion-code`, { method: 'POST', body, redirect: 'manual' })
    expect(answer.status).toBe(303)
    expect((await setting.stripe.checkout.sessions.retrieve(session.id)).amount_total).toBe(2500)
  })

  it('counts amounts without decimals in currencies that have none', async () => {
    const price = await priceOf(setting.stripe, 1200, undefined, 'jpy')
    const session = await setting.stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [{ price: price.id, quantity: 1 }],
      ...urls,
    })
    expect(await (await fetch(session.url ?? '')).text()).toContain('¥1,200')
    expect(setting.local.control.pay(session.id)).toMatchObject({ amount_total: 1200, currency: 'jpy' })
  })

  it('made with price_data makes its product on the way', async () => {
    const session = await setting.stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [
        { quantity: 3, price_data: { currency: 'eur', unit_amount: 250, product_data: { name: 'Sticker' } } },
      ],
      ...urls,
    })
    const items = await setting.stripe.checkout.sessions.listLineItems(session.id)
    expect(items.data[0]).toMatchObject({ description: 'Sticker', amount_total: 750, currency: 'eur' })
  })

  it('offers and takes only the payment methods it was made for', async () => {
    const session = await openSession({ allowed_payment_method_types: ['card'] })
    expect(await (await fetch(session.url ?? '')).text()).not.toContain('bank account')
    const refused = () => setting.local.control.pay(session.id, { paymentMethod: 'pm_usBankAccount_success' })
    expect(refused).toThrow('does not take payments by us_bank_account')
  })

  it('can be expired, and its page says so', async () => {
    const session = await openSession()
    const told = await eventsOf(() => setting.stripe.checkout.sessions.expire(session.id))
    expect(told).toEqual(['checkout.session.expired'])
    const page = await fetch(session.url ?? '')
    expect([page.status, await page.text()]).toEqual([
      410,
      expect.stringContaining('This checkout has expired'),
    ])
    const error = await errorOf(setting.stripe.checkout.sessions.expire(session.id))
    expect(error.message).toContain('Only Checkout Sessions with a status in ["open"] can be expired')
  })
})

describe('what a session refuses', () => {
  it.each([
    [
      'a recurring price in payment mode',
      'payment',
      'month',
      'You specified `payment` mode but passed a recurring price',
    ],
    [
      'a one-time price alone in subscription mode',
      'subscription',
      undefined,
      'You must provide at least one recurring price',
    ],
  ] as const)('%s', async (_title, mode, interval, message) => {
    const price = await priceOf(setting.stripe, 100, interval)
    const error = await errorOf(
      setting.stripe.checkout.sessions.create({
        mode,
        line_items: [{ price: price.id, quantity: 1 }],
        ...urls,
      }),
    )
    expect(error.message).toContain(message)
  })

  it('a customer together with an email, no mode, a quantity of zero, an address without scheme', async () => {
    const { stripe } = setting
    const price = (await priceOf(stripe, 100)).id
    const good: Stripe.Checkout.SessionCreateParams = {
      mode: 'payment',
      line_items: [{ price, quantity: 1 }],
      ...urls,
    }
    const refused = async (more: object) =>
      (await errorOf(stripe.checkout.sessions.create({ ...good, ...more }))).param
    expect(await refused({ customer: 'cus_1', customer_email: 'a@example.com' })).toBe('customer')
    expect(await refused({ mode: undefined })).toBe('mode')
    expect(await refused({ line_items: [{ price, quantity: 0 }] })).toBe('line_items[0][quantity]')
    expect(await refused({ success_url: 'shop.example' })).toBe('success_url')
    expect(await refused({ cancel_url: 'javascript:alert(1)' })).toBe('cancel_url')
    expect(await refused({ customer: 'cus_no' })).toBe('customer')
    const cheap = (await priceOf(stripe, 20)).id
    const error = await errorOf(
      stripe.checkout.sessions.create({ ...good, line_items: [{ price: cheap, quantity: 2 }] }),
    )
    expect(error).toMatchObject({ code: 'amount_too_small' })
    expect(error.message).toBe("The Checkout Session's total amount due must be at least $0.50 usd")
  })
})

describe('the hosted page', () => {
  it('escapes what others wrote and carries no script', async () => {
    const product = await setting.stripe.products.create({ name: '<script>alert("x")</script> & more' })
    const price = await setting.stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 100,
    })
    const session = await setting.stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [{ price: price.id, quantity: 1 }],
      ...urls,
    })
    const page = await fetch(session.url ?? '')
    const text = await page.text()
    expect(text).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; more')
    expect(text).not.toContain('<script')
    expect(text).toContain('no real money')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  })

  it('asks for what is missing in words', async () => {
    const session = await openSession()
    expect(await (await submit(session, { card: '' })).text()).toContain('Your card number is incomplete.')
    expect(await (await submit(session, { card: '4242424242424242', expiry: '01/20' })).text()).toContain(
      'in the past',
    )
    expect(await (await submit(session, { card: '4242424242424242', cvc: '1' })).text()).toContain(
      'security code is incomplete',
    )
    expect(await (await submit(session, { card: '1234567812345678' })).text()).toContain(
      'Your card number is incorrect.',
    )
    expect((await setting.stripe.checkout.sessions.retrieve(session.id)).status).toBe('open')
  })

  it('does not pay a session twice', async () => {
    const session = await openSession()
    setting.local.control.pay(session.id)
    const told = await eventsOf(() => submit(session, { card: '4242424242424242' }))
    expect(told).toEqual([])
    expect(() => setting.local.control.pay(session.id)).toThrow('completed already')
  })
})

describe('a session for a subscription', () => {
  it('makes customer, subscription, invoice and payment, and tells it in order', async () => {
    const price = await priceOf(setting.stripe, 2000, 'month')
    const told = await eventsOf(() => subscribe(setting, price.id))
    expect(told).toEqual([
      'customer.created',
      'payment_method.attached',
      'customer.subscription.created',
      'invoice.created',
      'customer.updated',
      'invoice.finalized',
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.succeeded',
      'invoice.updated',
      'invoice.paid',
      'invoice.payment_succeeded',
      'invoice_payment.paid',
      'customer.subscription.updated',
      'charge.updated',
      'checkout.session.completed',
    ])
    const [created] = setting.local.control.events({ type: 'customer.subscription.created' })
    const [updated] = setting.local.control.events({ type: 'customer.subscription.updated' })
    expect(created?.data.object.status).toBe('incomplete')
    expect(updated?.data).toMatchObject({
      object: { status: 'active' },
      previous_attributes: { status: 'incomplete' },
    })
  })

  it('ties the invoice to its payment by an invoice payment, and to the subscription by its parent', async () => {
    const price = await priceOf(setting.stripe, 2000, 'month')
    const { subscription, session } = await subscribe(setting, price.id)
    const found = await setting.stripe.subscriptions.retrieve(subscription, {
      expand: ['latest_invoice.payments'],
    })
    const invoice = found.latest_invoice as Stripe.Invoice
    expect(found).toMatchObject({ status: 'active', metadata: { team: '42' } })
    expect(invoice).toMatchObject({
      id: session.invoice,
      status: 'paid',
      billing_reason: 'subscription_create',
      parent: { subscription_details: { subscription, metadata: { team: '42' } } },
      payments: { data: [{ object: 'invoice_payment', status: 'paid', amount_paid: 2000 }] },
    })
    expect(invoice).not.toHaveProperty('subscription')
    expect(invoice).not.toHaveProperty('payment_intent')
    const [item] = found.items.data
    expect(item?.current_period_end).toBeGreaterThan(item?.current_period_start ?? 0)
    const payments = await setting.stripe.invoicePayments.list({ invoice: invoice.id })
    expect(payments.data.map(({ payment }) => payment.type)).toEqual(['payment_intent'])
  })

  it('keeps a declined first attempt as incomplete and makes it active when another card pays', async () => {
    const price = await priceOf(setting.stripe, 2000, 'month')
    const session = await setting.stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: price.id, quantity: 1 }],
      ...urls,
    })
    await submit(session, { card: '4000000000000002' })
    const { data } = await setting.stripe.subscriptions.list({ status: 'incomplete', price: price.id })
    await submit(session, { card: '4242424242424242' })
    const paid = await setting.stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription'] })
    expect(paid.subscription).toMatchObject({ id: data[0]?.id, status: 'active' })
  })

  it('charges nothing during a trial', async () => {
    const price = await priceOf(setting.stripe, 2000, 'month')
    const session = await setting.stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: price.id, quantity: 1 }],
      subscription_data: { trial_period_days: 14 },
      ...urls,
    })
    expect(session.amount_total).toBe(0)
    const paid = setting.local.control.pay(session.id)
    expect(paid.payment_status).toBe('no_payment_required')
    expect((await setting.stripe.subscriptions.retrieve(paid.subscription ?? '')).status).toBe('trialing')
  })
})

describe('a price in several currencies', () => {
  const create = async ({ stripe }: typeof setting, amounts: [number, number]) =>
    stripe.prices.create({
      product: (await stripe.products.create({ name: 'Pro' })).id,
      currency: 'eur',
      unit_amount: amounts[0],
      recurring: { interval: 'month' },
      currency_options: { usd: { unit_amount: amounts[1] } },
    })

  it('is charged in the currency of the session, and so are its renewals and the plan that follows', async () => {
    const { stripe, local } = setting
    const [price, other] = [await create(setting, [2000, 2200]), await create(setting, [5000, 5500])]
    const session = await stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: price.id, quantity: 1 }],
      currency: 'usd',
      success_url: 'https://shop.example/thanks',
    })
    const subscription = String(local.control.pay(session.id).subscription)
    local.control.advance(32 * 24 * 3600)
    const [item] = (await stripe.subscriptions.retrieve(subscription)).items.data
    await stripe.subscriptions.update(subscription, {
      items: [{ id: item?.id, price: other.id }],
      proration_behavior: 'none',
    })
    local.control.advance(32 * 24 * 3600)
    const { data } = await stripe.invoices.list({ subscription })
    expect(data.map(({ currency, amount_paid }) => [currency, amount_paid])).toEqual([
      ['usd', 5500],
      ['usd', 2200],
      ['usd', 2200],
    ])
    const shown = await stripe.prices.retrieve(price.id, { expand: ['currency_options'] })
    expect(
      Object.entries(shown.currency_options ?? {}).map(([name, { unit_amount }]) => [name, unit_amount]),
    ).toEqual([
      ['eur', 2000],
      ['usd', 2200],
    ])
  })

  it('is refused in a currency in which it has no amount, and with an option in its own', async () => {
    const { stripe } = setting
    const price = await create(setting, [2000, 2200])
    await expect(
      stripe.checkout.sessions.create({
        mode: 'subscription',
        line_items: [{ price: price.id, quantity: 1 }],
        currency: 'gbp',
        success_url: 'https://shop.example/thanks',
      }),
    ).rejects.toMatchObject({ param: 'line_items[0][price]', statusCode: 400 })
    await expect(
      stripe.prices.create({
        product: String(price.product),
        currency: 'eur',
        unit_amount: 100,
        currency_options: { eur: { unit_amount: 100 } },
      }),
    ).rejects.toMatchObject({ param: 'currency_options[eur]', statusCode: 400 })
  })
})

describe('a session that only saves a payment method', () => {
  it('attaches it to the customer and has no amounts', async () => {
    const { stripe, local } = setting
    const customer = await stripe.customers.create({ email: 'saver@example.com' })
    const session = await stripe.checkout.sessions.create({
      mode: 'setup',
      customer: customer.id,
      currency: 'usd',
      ...urls,
    })
    expect(session).toMatchObject({
      amount_total: null,
      discounts: null,
      payment_status: 'no_payment_required',
    })
    const told = await eventsOf(() => local.control.pay(session.id))
    expect(told).toEqual(['payment_method.attached', 'setup_intent.succeeded', 'checkout.session.completed'])
    expect((await stripe.customers.listPaymentMethods(customer.id)).data).toHaveLength(1)
  })
})
