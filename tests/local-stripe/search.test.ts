import type Stripe from 'stripe'
import { beforeAll, describe, expect, it } from 'vitest'
import { errorOf, priceOf, subscribe, useLocalStripe } from './helpers.ts'

const setting = useLocalStripe()

describe('search', () => {
  let ids: Record<'ann' | 'bob' | 'cem', string>
  const found = async (query: string) =>
    (await setting.stripe.customers.search({ query })).data.map(({ id }) => id).sort()
  const those = (...names: (keyof typeof ids)[]) => names.map((name) => ids[name]).sort()

  beforeAll(async () => {
    const { stripe } = setting
    const ann = await stripe.customers.create({ email: 'ann@a.example', metadata: { team: '7' } })
    const bob = await stripe.customers.create({ email: 'bob@b.example', name: 'Bob "B" Berg' })
    const cem = await stripe.customers.create({ email: 'cem@a.example', metadata: { team: '8' } })
    ids = { ann: ann.id, bob: bob.id, cem: cem.id }
  })

  it.each([
    ['email:"ann@a.example"', ['ann']],
    ["email:'ANN@a.example'", ['ann']],
    ['email~"a.example"', ['ann', 'cem']],
    ['metadata["team"]:"8"', ['cem']],
    ['-metadata["team"]:null', ['ann', 'cem']],
    ['name:"Bob \\"B\\" Berg"', ['bob']],
    ['email~"example" AND -metadata["team"]:"7"', ['bob', 'cem']],
    ['email:"bob@b.example" OR metadata["team"]:"7"', ['ann', 'bob']],
    ['created>1700000000 email~"a.example"', ['ann', 'cem']],
    ['created<=1700000000', []],
  ] as [string, ('ann' | 'bob' | 'cem')[]][])('finds customers by %s', async (query, names) => {
    expect(await found(query)).toEqual(those(...names))
  })

  it('returns one page after the other', async () => {
    const query = 'email~"example"'
    const first = await setting.stripe.customers.search({ query, limit: 2 })
    expect(first).toMatchObject({ object: 'search_result', has_more: true, url: '/v1/customers/search' })
    const page = first.next_page ?? ''
    const second = await setting.stripe.customers.search({ query, limit: 2, page })
    expect([...first.data, ...second.data].map(({ id }) => id).sort()).toEqual(those('ann', 'bob', 'cem'))
    expect(second).toMatchObject({ has_more: false, next_page: null })
    const all = await setting.stripe.customers.search({ query, limit: 1 }).autoPagingToArray({ limit: 10 })
    expect(all).toHaveLength(3)
  })

  it('refuses unknown fields, AND with OR, and what it cannot read', async () => {
    const messageOf = async (query: string) =>
      (await errorOf(setting.stripe.customers.search({ query }))).message
    expect(await messageOf('shoe:"9"')).toBe('Field `shoe` is an unsupported search field for this resource.')
    expect(await messageOf('name:"a" AND name:"b" OR name:"c"')).toContain('AND and OR cannot be combined.')
    expect(await messageOf('who is it')).toContain('expected field:"value"')
    expect(await messageOf('email~"ab"')).toContain('a part has at least 3 characters.')
  })

  it('works for each kind of object that Stripe searches', async () => {
    const { stripe } = setting
    const price = await priceOf(stripe, 4321, 'month')
    const { subscription, customer } = await subscribe(setting, price.id)
    const one = async (result: Promise<{ data: { id: string }[] }>) => (await result).data.map(({ id }) => id)
    const product = String(price.product)
    expect(await one(stripe.prices.search({ query: `product:"${product}" active:"true"` }))).toEqual([
      price.id,
    ])
    expect(await one(stripe.products.search({ query: 'name~"team"' }))).toContain(product)
    expect(await one(stripe.subscriptions.search({ query: 'metadata["team"]:"42"' }))).toEqual([subscription])
    expect(await one(stripe.invoices.search({ query: `subscription:"${subscription}"` }))).toHaveLength(1)
    expect(await one(stripe.paymentIntents.search({ query: 'amount>4000 status:"succeeded"' }))).toHaveLength(
      1,
    )
    const charges = await stripe.charges.search({
      query: `customer:"${customer}" payment_method_details.card.last4:4242`,
    })
    expect(charges.data).toMatchObject([{ amount: 4321 }])
  })
})

describe('an invoice preview', () => {
  it('shows the next renewal, and changes nothing', async () => {
    const { stripe, local } = setting
    const price = await priceOf(stripe, 1000, 'month')
    const { subscription } = await subscribe(setting, price.id)
    const [events, state] = [local.control.events().length, local.control.endState()]
    const preview = await stripe.invoices.createPreview({ subscription })
    const { items } = await stripe.subscriptions.retrieve(subscription)
    expect(preview).toMatchObject({
      object: 'invoice',
      id: expect.stringMatching(/^upcoming_in_/),
      status: 'draft',
      billing_reason: 'upcoming',
      total: 1000,
      amount_due: 1000,
      lines: {
        data: [{ amount: 1000, period: { start: items.data[0]?.current_period_end } }],
      },
    })
    expect(local.control.events()).toHaveLength(events)
    expect(local.control.endState()).toEqual(state)
  })

  it('shows what a change of plan would cost, now or with the next renewal', async () => {
    const { stripe } = setting
    const [small, large] = [await priceOf(stripe, 1000, 'month'), await priceOf(stripe, 3000, 'month')]
    const { subscription, customer } = await subscribe(setting, small.id)
    const id = (await stripe.subscriptions.retrieve(subscription)).items.data[0]?.id
    const change = (proration_behavior: 'always_invoice' | 'create_prorations' | 'none') =>
      stripe.invoices.createPreview({
        customer,
        subscription,
        subscription_details: { items: [{ id, price: large.id }], proration_behavior },
      })
    expect((await change('always_invoice')).total).toBeGreaterThan(1990)
    const later = await change('create_prorations')
    expect(later.lines.data).toHaveLength(3)
    expect(later.total).toBeGreaterThan(4990)
    expect((await change('none')).total).toBe(3000)
    expect((await stripe.subscriptions.retrieve(subscription)).items.data[0]?.price.id).toBe(small.id)
  })

  it('shows the first invoice of a subscription that does not exist yet, with the customer’s credit', async () => {
    const { stripe } = setting
    const price = await priceOf(stripe, 2500, 'year')
    const customer = await stripe.customers.create({ balance: -400 })
    const preview = await stripe.invoices.createPreview({
      customer: customer.id,
      subscription_details: { items: [{ price: price.id, quantity: 2 }] },
      invoice_items: [{ amount: 100, currency: 'usd', description: 'Setup' }],
    })
    expect(preview).toMatchObject({ total: 5100, starting_balance: -400, amount_due: 4700 })
    expect((await stripe.subscriptions.list({ customer: customer.id })).data).toEqual([])
  })

  it('is refused when nothing will be billed', async () => {
    const { stripe } = setting
    const customer = await stripe.customers.create({})
    const none = await errorOf(stripe.invoices.createPreview({ customer: customer.id }))
    expect(none).toMatchObject({ statusCode: 404, code: 'invoice_upcoming_none' })
    const price = await priceOf(stripe, 1000, 'month')
    const { subscription } = await subscribe(setting, price.id)
    const ending = stripe.invoices.createPreview({
      subscription,
      subscription_details: { cancel_at_period_end: true },
    })
    expect((await errorOf(ending)).code).toBe('invoice_upcoming_none')
  })

  it('is `GET /v1/invoices/upcoming` in older versions', async () => {
    const { stripe, as, local } = setting
    const [small, large] = [await priceOf(stripe, 1000, 'month'), await priceOf(stripe, 3000, 'month')]
    const { subscription, customer } = await subscribe(setting, small.id)
    const id = (await stripe.subscriptions.retrieve(subscription)).items.data[0]?.id ?? ''
    const query = new URLSearchParams({
      customer,
      'subscription_items[0][id]': id,
      'subscription_items[0][price]': large.id,
      subscription_proration_behavior: 'none',
    })
    const old = as(local.secretKey, { apiVersion: '2024-06-20' as never })
    const path = `/v1/invoices/upcoming?${query}`
    const upcoming = (await old.rawRequest('GET', path)) as unknown as Stripe.Invoice
    expect(upcoming).toMatchObject({ total: 3000, subscription, billing_reason: 'upcoming' })
    expect(upcoming).not.toHaveProperty('id')
    expect((await errorOf(stripe.rawRequest('GET', path))).statusCode).toBe(404)
  })
})

describe('promotion codes', () => {
  it('have `coupon` in older versions, as parameter and in answers and events', async () => {
    const { stripe, as, local } = setting
    const coupon = await stripe.coupons.create({ percent_off: 25 })
    const old = as(local.secretKey, { apiVersion: '2024-06-20' as never })
    const made = await old.promotionCodes.create({ coupon: coupon.id, code: 'OLD' } as never)
    expect(made).toMatchObject({ code: 'OLD', coupon: { id: coupon.id, percent_off: 25 } })
    expect(made).not.toHaveProperty('promotion')
    const now = await stripe.promotionCodes.retrieve(made.id, { expand: ['promotion.coupon'] })
    expect(now).toMatchObject({ promotion: { type: 'coupon', coupon: { id: coupon.id } } })
    expect(now).not.toHaveProperty('coupon')
    const [event] = local.control
      .events({ type: 'promotion_code.created', apiVersion: '2024-06-20' })
      .slice(-1)
    expect(event?.data.object).toMatchObject({ coupon: { id: coupon.id } })
    const param: object = { coupon: coupon.id }
    expect((await errorOf(stripe.promotionCodes.create(param as never))).code).toBe('parameter_unknown')
    expect((await errorOf(old.promotionCodes.create({} as never))).param).toBe('coupon')
  })

  it('are refused when they have expired or were used up', async () => {
    const { stripe, local } = setting
    const coupon = await stripe.coupons.create({ percent_off: 25 })
    const code = await stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      max_redemptions: 1,
    })
    const price = await priceOf(stripe, 1000)
    const open = () =>
      stripe.checkout.sessions.create({
        mode: 'payment',
        line_items: [{ price: price.id, quantity: 1 }],
        discounts: [{ promotion_code: code.id }],
        success_url: 'https://shop.example',
      })
    local.control.pay((await open()).id)
    expect((await errorOf(open())).param).toBe('discounts[0][promotion_code]')
  })
})
