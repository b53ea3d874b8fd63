/** Metered prices: bought without a quantity, and refused with one. */
import type Stripe from 'stripe'
import { describe, expect, it } from 'vitest'
import { errorOf, priceOf, urls, useLocalStripe } from './helpers.ts'

const setting = useLocalStripe()
const refusal = (place: string) =>
  `Quantity should not be specified where usage_type is metered. Remove quantity from ${place}`

async function meteredPrice(): Promise<string> {
  const { stripe } = setting
  const { product } = await priceOf(stripe, 2000, 'month')
  const recurring = { interval: 'month', usage_type: 'metered' } as const
  const made = await stripe.prices.create({
    product: product as string,
    currency: 'usd',
    unit_amount: 5,
    recurring,
  })
  return made.id
}

const open = (line_items: Stripe.Checkout.SessionCreateParams.LineItem[]) =>
  setting.stripe.checkout.sessions.create({ mode: 'subscription', line_items, ...urls })

async function payer(): Promise<string> {
  const { stripe } = setting
  const customer = await stripe.customers.create({ email: 'meter@example.com' })
  const method = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id })
  await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: method.id } })
  return customer.id
}

describe('a checkout of a metered price', () => {
  it('is refused with a quantity, and a licensed price without one', async () => {
    const [metered, licensed] = [await meteredPrice(), (await priceOf(setting.stripe, 2000, 'month')).id]
    const withOne = await errorOf(open([{ price: metered, quantity: 1 }]))
    expect([withOne.statusCode, withOne.message]).toEqual([400, refusal('line_items[0]')])
    const second = await errorOf(
      open([
        { price: licensed, quantity: 1 },
        { price: metered, quantity: 2 },
      ]),
    )
    expect(second.message).toBe(refusal('line_items[1]'))
    const without = await errorOf(open([{ price: licensed }]))
    expect(without).toMatchObject({ statusCode: 400, param: 'line_items[0][quantity]' })
  })

  it('costs nothing at first, beside a plan that does', async () => {
    const [metered, licensed] = [await meteredPrice(), (await priceOf(setting.stripe, 2000, 'month')).id]
    const session = await open([{ price: metered }, { price: licensed, quantity: 2 }])
    expect(session.amount_total).toBe(4000)
    const { data } = await setting.stripe.checkout.sessions.listLineItems(session.id)
    expect(data.map(({ quantity, amount_total }) => [quantity, amount_total])).toEqual([
      [null, 0],
      [2, 4000],
    ])
    const page = await fetch(session.url ?? '')
    expect(await page.text()).toContain('for each unit used')
    const paid = setting.local.control.pay(session.id)
    const subscription = await setting.stripe.subscriptions.retrieve(paid.subscription ?? '')
    const [first, second] = subscription.items.data
    expect(first).not.toHaveProperty('quantity')
    expect(second?.quantity).toBe(2)
    expect((await setting.stripe.invoices.retrieve(subscription.latest_invoice as string)).amount_paid).toBe(
      4000,
    )
  })
})

describe('a subscription to a metered price', () => {
  it('made through the API has an item without a quantity, and refuses one', async () => {
    const { stripe } = setting
    const [customer, price] = [await payer(), await meteredPrice()]
    const refused = await errorOf(stripe.subscriptions.create({ customer, items: [{ price, quantity: 1 }] }))
    expect(refused.message).toBe(refusal('items[0]'))
    const made = await stripe.subscriptions.create({ customer, items: [{ price }] })
    expect(made.status).toBe('active')
    const [item] = made.items.data
    expect(item).not.toHaveProperty('quantity')
    const changed = await errorOf(stripe.subscriptionItems.update(item?.id ?? '', { quantity: 2 }))
    expect(changed.message).toContain('Quantity should not be specified where usage_type is metered.')
  })

  it('loses its quantity when it comes from a licensed price, and is not prorated', async () => {
    const { stripe } = setting
    const [customer, price] = [await payer(), await meteredPrice()]
    const licensed = await priceOf(stripe, 2000, 'month')
    const made = await stripe.subscriptions.create({ customer, items: [{ price: licensed.id, quantity: 3 }] })
    const id = made.items.data[0]?.id ?? ''
    const changed = await stripe.subscriptions.update(made.id, { items: [{ id, price }] })
    expect(changed.items.data[0]).not.toHaveProperty('quantity')
    const back = await stripe.subscriptions.update(made.id, {
      items: [{ id, price: licensed.id, quantity: 4 }],
    })
    expect(back.items.data[0]?.quantity).toBe(4)
  })
})
