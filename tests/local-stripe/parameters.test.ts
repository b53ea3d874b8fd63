import { readFile } from 'node:fs/promises'
import type Stripe from 'stripe'
import { describe, expect, it } from 'vitest'
import { startLocalStripe, type Warning } from '../../scripts/local-stripe/index.ts'
import {
  METHOD_TYPES,
  PAGE_LOCALES,
  PORTAL_LOCALES,
  SHIPPING_COUNTRIES,
} from '../../scripts/local-stripe/resources/checkout-words.ts'
import { errorOf, priceOf, subscribe, urls, useLocalStripe } from './helpers.ts'

const warnings: Warning[] = []
const setting = useLocalStripe({ onWarning: (warning) => void warnings.push(warning) })

const DAY_SECONDS = 86_400

type SessionParams = Partial<Stripe.Checkout.SessionCreateParams>

async function open(more: SessionParams = {}, amount = 1500) {
  const price = await priceOf(setting.stripe, amount, more.mode === 'subscription' ? 'month' : undefined)
  return setting.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price: price.id, quantity: 1 }],
    ...urls,
    ...more,
  })
}

function eventsSince(count: number): string[] {
  return setting.local.control
    .events()
    .slice(count)
    .map(({ type }) => type)
}

describe('a parameter without effect', () => {
  it('is reported once for each route, and listed by the control', async () => {
    const before = warnings.length
    await open({ branding_settings: { display_name: 'Tea' }, locale: 'de' })
    await open({ branding_settings: { display_name: 'Coffee' } })
    await open({ customer_account: '' })
    const fresh = warnings.slice(before)
    expect(fresh.map(({ method, path, param }) => `${method} ${path} ${param}`)).toEqual([
      'POST /v1/checkout/sessions branding_settings',
    ])
    expect(fresh[0]?.message).toBe(
      'Local Stripe accepts branding_settings of POST /v1/checkout/sessions without effect. Stripe acts on it.',
    )
    const listed = await (await fetch(`${setting.local.url}/_local/warnings`)).json()
    expect(listed).toEqual(warnings)
    expect(setting.local.control.warnings()).toEqual(warnings)
  })

  it('is written on the console without a hook', async () => {
    const written: unknown[] = []
    const { warn } = console
    console.warn = (text: unknown) => void written.push(text)
    const local = await startLocalStripe()
    try {
      const body = new URLSearchParams({ 'tax[validate_location]': 'deferred' })
      const headers = { authorization: `Bearer ${local.secretKey}` }
      await fetch(`${local.url}/v1/customers`, { method: 'POST', headers, body })
    } finally {
      console.warn = warn
      await local.close()
    }
    expect(written).toEqual([
      'Local Stripe accepts tax of POST /v1/customers without effect. Stripe acts on it.',
    ])
  })
})

describe('a parameter that would change amounts or events is refused:', () => {
  const session = (more: object) => () => open(more as SessionParams)
  const monthly = (data: object) => () =>
    open({ mode: 'subscription', subscription_data: data } as SessionParams)
  it.each([
    ['automatic_tax', session({ automatic_tax: { enabled: true } })],
    ['managed_payments[enabled]', session({ managed_payments: { enabled: true } }), 'managed_payments'],
    ['optional_items', session({ optional_items: [{ price: 'price_1', quantity: 1 }] })],
    [
      'payment_intent_data[application_fee_amount]',
      session({ payment_intent_data: { application_fee_amount: 1 } }),
    ],
    [
      'payment_method_options[card][capture_method]',
      session({ payment_method_options: { card: { capture_method: 'manual' } } }),
    ],
    ['subscription_data[default_tax_rates]', monthly({ default_tax_rates: ['txr_1'] })],
    ['tiers', () => setting.stripe.prices.create({ currency: 'usd', tiers: [{ up_to: 'inf' }] } as never)],
    ['discounts', () => setting.stripe.invoices.create({ customer: 'c', discounts: [{ coupon: 'c' }] })],
    [
      'add_invoice_items',
      () =>
        setting.stripe.subscriptions.create({
          customer: 'c',
          items: [{ price: 'p' }],
          add_invoice_items: [{ price: 'p' }],
        }),
    ],
  ] as [string, () => Promise<unknown>, string?][])('%s', async (param, work, shown = param) => {
    const error = await errorOf(work())
    expect(error).toMatchObject({ type: 'StripeInvalidRequestError', statusCode: 400, param: shown })
    expect(error.message).toMatch(
      param === 'automatic_tax'
        ? 'You must have a valid head office address to enable automatic tax calculation'
        : /^Local Stripe does not support \S+, which changes amounts or events at Stripe\. /,
    )
  })

  it('but not with the value that asks for what happens anyway', async () => {
    await open({
      automatic_tax: { enabled: false },
      managed_payments: { enabled: false },
      payment_method_options: { card: { request_three_d_secure: 'automatic' } },
    })
  })
})

describe('a checkout session that Stripe does not take is refused:', () => {
  const soon = (seconds: number) => Math.floor(Date.now() / 1000) + seconds
  const subscribed = (subscription_data: object) => ({ mode: 'subscription', subscription_data })
  const ships = (...allowed_countries: string[]) => ({ shipping_address_collection: { allowed_countries } })
  const label = { type: 'custom', custom: 'Size' }
  const text = (limits: object, key = 'size') => ({ key, label, type: 'text', text: limits })
  const fields = (...custom_fields: object[]) => ({ custom_fields })
  const choice = (values: string[], default_value?: string) => ({
    key: 'size',
    label,
    type: 'dropdown',
    dropdown: { default_value, options: values.map((value) => ({ label: value, value })) },
  })
  const many = (count: number) => Array.from({ length: count }, (_, place) => `v${place}`)
  const data = (recurring?: object) => ({
    price_data: { currency: 'usd', unit_amount: 100, product_data: { name: 'Tea' }, recurring },
    quantity: 1,
  })
  const monthly = data({ interval: 'month' })
  const adjustable = (quantity: number, limits: object = {}) => ({
    line_items: [{ ...data(), quantity, adjustable_quantity: { enabled: true, ...limits } }],
  })
  const rate = { display_name: 'Slow', type: 'fixed_amount', fixed_amount: { amount: 5, currency: 'usd' } }

  it.each<[string, object, string, string, string?]>([
    [
      'a country that is none',
      ships('AT', 'XX'),
      'shipping_address_collection[allowed_countries][1]',
      'AC, AD',
    ],
    [
      'a country without delivery',
      ships('CU'),
      'shipping_address_collection[allowed_countries][0]',
      'AC, AD',
    ],
    [
      'a country in small letters',
      ships('at'),
      'shipping_address_collection[allowed_countries][0]',
      'AC, AD',
    ],
    ['an unknown language', { locale: 'xx' }, 'locale', 'must be one of auto, bg'],
    [
      'an unknown method',
      { allowed_payment_method_types: ['card', 'cash'] },
      'allowed_payment_method_types[1]',
      'must be one of',
    ],
    [
      'an unknown method to leave out',
      { excluded_payment_method_types: ['cash'] },
      'excluded_payment_method_types[0]',
      'must be one of',
    ],
    [
      'a trial that ends within two days',
      subscribed({ trial_end: soon(2 * DAY_SECONDS - 60) }),
      'subscription_data[trial_end]',
      'at least 2 days',
    ],
    [
      'a trial that ends after two years',
      subscribed({ trial_end: soon(730 * DAY_SECONDS + 60) }),
      'subscription_data[trial_end]',
      'at most two years',
    ],
    [
      'a trial of over two years',
      subscribed({ trial_period_days: 731 }),
      'subscription_data[trial_period_days]',
      'less than or equal to 730',
      'parameter_invalid_integer',
    ],
    ['a currency of no price', { currency: 'eur' }, 'line_items[0][price]', 'in usd alone'],
    [
      'a currency of no inline price',
      { currency: 'eur', line_items: [data()] },
      'line_items[0][price_data]',
      'in usd alone',
    ],
    [
      '21 recurring items',
      { mode: 'subscription', line_items: Array(21).fill(monthly) },
      'line_items',
      'up to 20 line items with recurring prices, and 21',
    ],
    [
      '21 one-time items of a subscription',
      { mode: 'subscription', line_items: [monthly, ...Array(21).fill(data())] },
      'line_items',
      'up to 20 line items with one_time prices, and 21',
    ],
    ['101 items', { line_items: Array(101).fill(data()) }, 'line_items', 'maximum 100'],
    ['four custom fields', fields(...many(4).map((key) => text({}, key))), 'custom_fields', 'maximum 3'],
    ['two custom fields of one key', fields(text({}), text({})), 'custom_fields', 'must be unique'],
    [
      'a custom field with a key of signs',
      fields(text({}, 'my_size')),
      'custom_fields[0][key]',
      'letters and digits',
    ],
    [
      'a minimum length over the maximum',
      fields(text({ minimum_length: 5, maximum_length: 4 })),
      'custom_fields[0][text][minimum_length]',
      'minimum length 5 is above the maximum length 4',
    ],
    [
      'a default value that is too long',
      fields(text({ maximum_length: 3, default_value: 'XXXL' })),
      'custom_fields[0][text][default_value]',
      'from 0 to 3 characters',
    ],
    [
      'a default number that is too short',
      fields({ key: 'po', label, type: 'numeric', numeric: { minimum_length: 3, default_value: '12' } }),
      'custom_fields[0][numeric][default_value]',
      'from 3 to 255 characters',
    ],
    [
      'a default value of no option',
      fields(choice(['s', 'm'], 'l')),
      'custom_fields[0][dropdown][default_value]',
      'one of the options',
    ],
    [
      'two options of one value',
      fields(choice(['s', 's'])),
      'custom_fields[0][dropdown][options][1][value]',
      'Two options have the value s',
    ],
    [
      'an option with a value of signs',
      fields(choice(['x-l'])),
      'custom_fields[0][dropdown][options][0][value]',
      'letters and digits',
    ],
    ['201 options', fields(choice(many(201))), 'custom_fields[0][dropdown][options]', 'maximum 200'],
    [
      'custom fields without a sale',
      { mode: 'setup', currency: 'usd', line_items: undefined, ...fields(text({})) },
      'custom_fields',
      '`payment` or `subscription` mode',
    ],
    [
      'a quantity under the minimum',
      adjustable(1, { minimum: 2 }),
      'line_items[0][adjustable_quantity][minimum]',
      'not from 2 to 99',
    ],
    [
      'a quantity over the maximum',
      adjustable(6, { maximum: 5 }),
      'line_items[0][adjustable_quantity][maximum]',
      'not from 0 to 5',
    ],
    [
      'a quantity over the maximum that is the default',
      adjustable(100),
      'line_items[0][adjustable_quantity][maximum]',
      'not from 0 to 99',
    ],
    [
      'a minimum over the maximum',
      adjustable(3, { minimum: 4, maximum: 2 }),
      'line_items[0][adjustable_quantity][minimum]',
      'minimum 4 is above the maximum 2',
    ],
    [
      'a maximum over 999999',
      adjustable(1, { maximum: 1_000_000 }),
      'line_items[0][adjustable_quantity][maximum]',
      'less than or equal to 999999',
      'parameter_invalid_integer',
    ],
    ['an end within half an hour', { expires_at: soon(1700) }, 'expires_at', 'at least 30 minutes'],
    ['an end after a day', { expires_at: soon(DAY_SECONDS + 60) }, 'expires_at', 'less than 24 hours'],
    ['two discounts', { discounts: [{ coupon: 'a' }, { coupon: 'b' }] }, 'discounts', 'up to 1 discount'],
    [
      'an unknown promotion code',
      { discounts: [{ promotion_code: 'promo_none' }] },
      'discounts[0][promotion_code]',
      'No such promotion code',
      'resource_missing',
    ],
    [
      'six shipping options',
      { shipping_options: Array(6).fill({ shipping_rate_data: rate }) },
      'shipping_options',
      'maximum 5',
    ],
  ])('%s', async (_what, more, param, message, code) => {
    const error = await errorOf(open(more as SessionParams))
    expect(error).toMatchObject({ type: 'StripeInvalidRequestError', statusCode: 400, param, code })
    expect(error.message).toContain(message)
  })

  it('but not at the limits', async () => {
    await open({
      ...ships('AT', 'XK'),
      ...fields(
        text({ minimum_length: 1, maximum_length: 1, default_value: 'S' }),
        { ...choice(many(200), 'v199'), key: 'other' },
        { ...text({}, 'long'), label: { type: 'custom', custom: 'x'.repeat(100) } },
      ),
      ...adjustable(5, { minimum: 5, maximum: 999_999 }),
      allowed_payment_method_types: ['card', 'link'],
      currency: 'usd',
      locale: 'es-419',
    } as SessionParams)
    await open(subscribed({ trial_end: soon(730 * DAY_SECONDS - 60) }) as SessionParams)
    const line_items = [...Array(20).fill(monthly), ...Array(20).fill(data())]
    await open({ mode: 'subscription', line_items })
    await open({ line_items: Array(100).fill(data()) })
  })

  it('by the words of the pinned SDK', async () => {
    const ofCreate = async (resource: string) => {
      const file = new URL(
        `../../node_modules/stripe/esm/resources/${resource}/Sessions.d.ts`,
        import.meta.url,
      )
      const [, types = ''] = (await readFile(file, 'utf8')).split('namespace SessionCreateParams {')
      return (type: string) =>
        [...(new RegExp(`type ${type} = (.+);`).exec(types)?.[1] ?? '').matchAll(/'([^']+)'/g)].map(
          ([, word]) => word,
        )
    }
    const wordsOf = await ofCreate('Checkout')
    expect(PORTAL_LOCALES).toEqual((await ofCreate('BillingPortal'))('Locale'))
    const { id: customer } = await setting.stripe.customers.create()
    const portal = (locale: string) =>
      setting.stripe.billingPortal.sessions.create({ customer, locale } as never)
    expect((await errorOf(portal('xx'))).param).toBe('locale')
    expect(SHIPPING_COUNTRIES).toEqual(wordsOf('AllowedCountry'))
    expect(PAGE_LOCALES).toEqual(wordsOf('Locale'))
    expect(METHOD_TYPES).toEqual(wordsOf('AllowedPaymentMethodType'))
  })
})

describe('shipping', () => {
  it('adds the chosen rate to what is paid', async () => {
    const { stripe, local } = setting
    const fast = await stripe.shippingRates.create({
      display_name: 'Fast',
      type: 'fixed_amount',
      fixed_amount: { amount: 900, currency: 'usd' },
    })
    const session = await open({
      shipping_options: [
        {
          shipping_rate_data: {
            display_name: 'Slow',
            type: 'fixed_amount',
            fixed_amount: { amount: 500, currency: 'usd' },
          },
        },
        { shipping_rate: fast.id },
      ],
    })
    expect(session).toMatchObject({
      amount_subtotal: 1500,
      amount_total: 2000,
      shipping_cost: { amount_subtotal: 500, amount_tax: 0, amount_total: 500 },
      shipping_options: [{ shipping_amount: 500 }, { shipping_amount: 900, shipping_rate: fast.id }],
      total_details: { amount_shipping: 500 },
    })
    expect(await (await fetch(session.url ?? '')).text()).toContain('Fast – $9.00')
    const paid = local.control.pay(session.id, { shippingRate: fast.id })
    expect(paid).toMatchObject({ amount_total: 2400, shipping_cost: { shipping_rate: fast.id } })
    const intent = await stripe.paymentIntents.retrieve(paid.payment_intent ?? '')
    expect(intent.amount_received).toBe(2400)
  })

  it('is refused in another currency, and in subscription mode', async () => {
    const rate = {
      display_name: 'Slow',
      type: 'fixed_amount' as const,
      fixed_amount: { amount: 5, currency: 'eur' },
    }
    const shipping_options = [{ shipping_rate_data: rate }]
    expect((await errorOf(open({ shipping_options }))).param).toBe('shipping_options[0]')
    expect((await errorOf(open({ mode: 'subscription', shipping_options }))).param).toBe('shipping_options')
  })
})

describe('custom fields', () => {
  const custom_fields: SessionParams['custom_fields'] = [
    { key: 'po', label: { type: 'custom', custom: 'Order number' }, type: 'numeric' },
    {
      key: 'size',
      label: { type: 'custom', custom: 'Size' },
      type: 'dropdown',
      optional: true,
      dropdown: { options: [{ label: 'Small', value: 's' }] },
    },
  ]

  it('are on the page, required ones must be filled in, and their values are in the session', async () => {
    const session = await open({ custom_fields })
    expect(session.custom_fields).toEqual([
      {
        key: 'po',
        label: { type: 'custom', custom: 'Order number' },
        optional: false,
        type: 'numeric',
        numeric: { default_value: null, maximum_length: null, minimum_length: null, value: null },
      },
      {
        ...custom_fields[1],
        dropdown: { default_value: null, options: [{ label: 'Small', value: 's' }], value: null },
      },
    ])
    expect(await (await fetch(session.url ?? '')).text()).toContain('name="custom_po"')
    expect(() => setting.local.control.pay(session.id)).toThrow('Please fill in Order number.')
    expect(() => setting.local.control.pay(session.id, { customFields: { po: 'x' } })).toThrow(
      'Order number must contain digits only.',
    )
    const form = { method: 'card', card: '4242424242424242', expiry: '12 / 34', cvc: '123', email: 'a@b.co' }
    const body = new URLSearchParams({ ...form, custom_po: '77', custom_size: 's' })
    const answer = await fetch(session.url ?? '', { method: 'POST', body, redirect: 'manual' })
    expect(answer.status).toBe(303)
    const paid = await setting.stripe.checkout.sessions.retrieve(session.id)
    expect(paid.custom_fields).toMatchObject([{ numeric: { value: '77' } }, { dropdown: { value: 's' } }])
  })
})

describe('invoice_creation', () => {
  const invoice_creation = { enabled: true, invoice_data: { footer: 'Thanks', metadata: { order: '7' } } }

  it('makes a paid invoice between the payment and the end of the session', async () => {
    const { stripe, local } = setting
    const session = await open({ invoice_creation })
    const before = local.control.events().length
    const paid = local.control.pay(session.id)
    expect(eventsSince(before)).toEqual([
      'customer.created',
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.succeeded',
      'invoice.created',
      'invoice.finalized',
      'invoice.updated',
      'invoice.paid',
      'invoice.payment_succeeded',
      'invoice_payment.paid',
      'checkout.session.completed',
      'charge.updated',
    ])
    const invoice = await stripe.invoices.retrieve(paid.invoice ?? '', { expand: ['payments'] })
    expect(invoice).toMatchObject({
      status: 'paid',
      total: 1500,
      amount_paid: 1500,
      billing_reason: 'manual',
      footer: 'Thanks',
      metadata: { order: '7' },
      customer: paid.customer,
      payments: { data: [{ status: 'paid', payment: { payment_intent: paid.payment_intent } }] },
    })
  })

  it('makes it when a bank debit settles', async () => {
    const { local } = setting
    const session = await open({ invoice_creation })
    expect(local.control.pay(session.id, { paymentMethod: 'pm_usBankAccount_success' }).invoice).toBeNull()
    local.control.settle(session.id)
    expect((await setting.stripe.checkout.sessions.retrieve(session.id)).invoice).toMatch(/^in_/)
  })

  it('includes shipping and the discount', async () => {
    const coupon = await setting.stripe.coupons.create({ amount_off: 300, currency: 'usd' })
    const rate = {
      display_name: 'Slow',
      type: 'fixed_amount' as const,
      fixed_amount: { amount: 500, currency: 'usd' },
    }
    const session = await open({
      invoice_creation,
      discounts: [{ coupon: coupon.id }],
      shipping_options: [{ shipping_rate_data: rate }],
    })
    const paid = setting.local.control.pay(session.id)
    const invoice = await setting.stripe.invoices.retrieve(paid.invoice ?? '')
    expect(invoice).toMatchObject({ subtotal: 1500, amount_shipping: 500, total: 1700 })
  })
})

describe('a billing anchor', () => {
  const anchored = async (proration_behavior?: 'none' | 'create_prorations') => {
    const billing_cycle_anchor = Math.floor(Date.now() / 1000) + 10 * DAY_SECONDS
    const session = await open(
      { mode: 'subscription', subscription_data: { billing_cycle_anchor, proration_behavior } },
      3100,
    )
    return { session, billing_cycle_anchor, paid: setting.local.control.pay(session.id) }
  }

  it('charges the time before it, and renews the subscription there', async () => {
    const { paid, billing_cycle_anchor } = await anchored()
    expect(paid.amount_total).toBeGreaterThan(950)
    expect(paid.amount_total).toBeLessThan(1150)
    const { stripe } = setting
    const subscription = await stripe.subscriptions.retrieve(paid.subscription ?? '')
    expect(subscription.billing_cycle_anchor).toBe(billing_cycle_anchor)
    expect(subscription.items.data[0]?.current_period_end).toBe(billing_cycle_anchor)
    const invoice = await stripe.invoices.retrieve(paid.invoice ?? '')
    expect(invoice.total).toBe(paid.amount_total)
  })

  it('charges nothing before it without proration', async () => {
    const { paid } = await anchored('none')
    expect(paid).toMatchObject({ amount_total: 0, status: 'complete' })
  })

  it('is refused in the past, after the next natural renewal, and with a trial', async () => {
    const now = Math.floor(Date.now() / 1000)
    const refused = async (subscription_data: object) =>
      (await errorOf(open({ mode: 'subscription', subscription_data }))).param
    const param = 'subscription_data[billing_cycle_anchor]'
    expect(await refused({ billing_cycle_anchor: now - 1 })).toBe(param)
    expect(await refused({ billing_cycle_anchor: now + 40 * DAY_SECONDS })).toBe(param)
    expect(await refused({ billing_cycle_anchor: now + DAY_SECONDS, trial_period_days: 3 })).toBe(param)
  })

  it('works for subscriptions made through the API', async () => {
    const { stripe } = setting
    const price = await priceOf(stripe, 3100, 'month')
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
    })
    const [method] = (await stripe.paymentMethods.list({ customer: customer.id })).data
    const billing_cycle_anchor = Math.floor(Date.now() / 1000) + 10 * DAY_SECONDS
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
      default_payment_method: method?.id,
      billing_cycle_anchor,
      expand: ['latest_invoice'],
    })
    expect(subscription.items.data[0]?.current_period_end).toBe(billing_cycle_anchor)
    const invoice = subscription.latest_invoice as Stripe.Invoice
    expect(invoice.total).toBeLessThan(1150)
  })
})

describe('a recovery link', () => {
  it('opens a copy of the expired session', async () => {
    const { stripe, local } = setting
    const session = await open({
      after_expiration: { recovery: { enabled: true, allow_promotion_codes: true } },
      metadata: { order: '9' },
    })
    expect(session.after_expiration).toEqual({
      recovery: { enabled: true, allow_promotion_codes: true, expires_at: null, url: null },
    })
    const expired = await stripe.checkout.sessions.expire(session.id)
    const { url, expires_at } = expired.after_expiration?.recovery ?? {}
    expect(expires_at).toBeGreaterThan(expired.created + 29 * DAY_SECONDS)
    const answer = await fetch(url ?? '', { redirect: 'manual' })
    expect(answer.status).toBe(303)
    const [copy] = (await stripe.checkout.sessions.list({ status: 'open', limit: 1 })).data
    expect(copy).toMatchObject({
      url: answer.headers.get('location'),
      recovered_from: session.id,
      allow_promotion_codes: true,
      metadata: { order: '9' },
    })
    expect(local.control.pay(copy?.id ?? '').payment_status).toBe('paid')
  })
})

describe('a metered price', () => {
  const metered = async () => {
    const product = await setting.stripe.products.create({ name: 'Calls' })
    return setting.stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 5,
      recurring: { interval: 'month', usage_type: 'metered' },
    })
  }

  it('is bought without a quantity, and costs nothing in advance', async () => {
    const price = await metered()
    const session = await open({ mode: 'subscription', line_items: [{ price: price.id }] })
    expect(session.amount_total).toBe(0)
    const paid = setting.local.control.pay(session.id)
    const subscription = await setting.stripe.subscriptions.retrieve(paid.subscription ?? '')
    expect(subscription.items.data[0]).not.toHaveProperty('quantity')
    const items = await setting.stripe.checkout.sessions.listLineItems(session.id)
    expect(items.data[0]).toMatchObject({ quantity: null, amount_total: 0 })
  })

  it('is refused with a quantity, in checkout and through the API', async () => {
    const price = await metered()
    const line_items = [{ price: price.id, quantity: 1 }]
    expect(await errorOf(open({ mode: 'subscription', line_items }))).toMatchObject({
      statusCode: 400,
      message:
        'Quantity should not be specified where usage_type is metered. Remove quantity from line_items[0]',
      param: 'line_items[0][quantity]',
    })
    const customer = await setting.stripe.customers.create({})
    const items = [{ price: price.id, quantity: 1 }]
    const error = await errorOf(setting.stripe.subscriptions.create({ customer: customer.id, items }))
    expect(error.param).toBe('items[0][quantity]')
  })

  it('can replace a licensed one, and be replaced', async () => {
    const { stripe } = setting
    const licensed = await priceOf(stripe, 1000, 'month')
    const { subscription } = await subscribe(setting, licensed.id)
    const before = await stripe.subscriptions.retrieve(subscription)
    const id = before.items.data[0]?.id
    const usage = await stripe.subscriptions.update(subscription, {
      items: [{ id, price: (await metered()).id }],
    })
    expect(usage.items.data[0]).not.toHaveProperty('quantity')
    const back = await stripe.subscriptions.update(subscription, { items: [{ id, price: licensed.id }] })
    expect(back.items.data[0]?.quantity).toBe(1)
  })
})

describe('a parameter that was read and dropped', () => {
  it('has its effect: billing details, shipping of a customer, and filters of lists', async () => {
    const { stripe } = setting
    const address = { line1: 'Main Street 1', city: 'Vienna', country: 'AT', postal_code: '1010' }
    const method = await stripe.paymentMethods.create({
      type: 'card',
      card: { token: 'tok_visa' },
      billing_details: { address },
    })
    expect(method.billing_details.address).toMatchObject(address)
    const renamed = await stripe.paymentMethods.update(method.id, { billing_details: { name: 'Ann' } })
    expect(renamed.billing_details).toMatchObject({ name: 'Ann', address })
    const customer = await stripe.customers.create({ shipping: { name: 'Ann', address } })
    expect(customer.shipping).toMatchObject({ name: 'Ann', address })
    await priceOf(stripe, 100, 'month')
    const { data } = await stripe.prices.list({ recurring: { usage_type: 'metered' } })
    expect(data.every(({ recurring }) => recurring?.usage_type === 'metered')).toBe(true)
  })

  it('or is refused: a payment behaviour that would undo a change', async () => {
    const price = await priceOf(setting.stripe, 1000, 'month')
    const { subscription } = await subscribe(setting, price.id)
    const change = setting.stripe.subscriptions.update(subscription, {
      payment_behavior: 'pending_if_incomplete',
    })
    expect((await errorOf(change)).param).toBe('payment_behavior')
  })
})
