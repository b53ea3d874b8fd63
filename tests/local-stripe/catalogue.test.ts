import { describe, expect, it } from 'vitest'
import { errorOf, priceOf, useLocalStripe } from './helpers.ts'

const setting = useLocalStripe()

describe('objects of the catalogue', () => {
  it('keeps, updates and lists products, the newest first', async () => {
    const { stripe } = setting
    const first = await stripe.products.create({ name: 'First', metadata: { shelf: 'a', row: '1' } })
    const second = await stripe.products.create({ name: 'Second' })
    const updated = await stripe.products.update(first.id, {
      description: 'Warm',
      metadata: { shelf: '', size: 'L' },
    })
    expect(updated).toMatchObject({ name: 'First', description: 'Warm' })
    expect(updated.metadata).toEqual({ row: '1', size: 'L' })
    const { data } = await stripe.products.list({ limit: 2 })
    expect(data.map((product) => product.id)).toEqual([second.id, first.id])
  })

  it('refuses to delete a product that has prices, and deletes one that has none', async () => {
    const { stripe } = setting
    const price = await priceOf(stripe, 500)
    const error = await errorOf(stripe.products.del(price.product as string))
    expect(error.message).toBe(
      'This product cannot be deleted because it has one or more user-created prices.',
    )
    const free = await stripe.products.create({ name: 'Free' })
    expect(await stripe.products.del(free.id)).toMatchObject({ id: free.id, deleted: true })
    expect((await errorOf(stripe.products.retrieve(free.id))).statusCode).toBe(404)
  })

  it('shows recurring prices with their decimal amount, and moves a lookup key on request', async () => {
    const { stripe } = setting
    const price = await priceOf(stripe, 2000, 'month')
    expect(price).toMatchObject({
      type: 'recurring',
      unit_amount: 2000,
      recurring: { interval: 'month', interval_count: 1 },
    })
    expect(price.unit_amount_decimal?.toString()).toBe('2000')
    await stripe.prices.update(price.id, { lookup_key: 'team' })
    const product = price.product as string
    const taken = { product, currency: 'usd', unit_amount: 1, lookup_key: 'team' }
    expect((await errorOf(stripe.prices.create(taken))).param).toBe('lookup_key')
    const heir = await stripe.prices.create({ ...taken, transfer_lookup_key: true })
    const { data } = await stripe.prices.list({ lookup_keys: ['team'] })
    expect(data.map(({ id }) => id)).toEqual([heir.id])
  })

  it('answers a deleted customer as deleted, and refuses it as a parameter', async () => {
    const { stripe } = setting
    const customer = await stripe.customers.create({ email: 'ann@example.com' })
    await stripe.customers.del(customer.id)
    expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ id: customer.id, deleted: true })
    const error = await errorOf(stripe.billingPortal.sessions.create({ customer: customer.id }))
    expect(error).toMatchObject({ statusCode: 400, code: 'resource_missing', param: 'customer' })
  })
})

describe('what requests get refused for', () => {
  it.each([
    ['an unknown parameter', { foo: 1 }, 'parameter_unknown', 'foo', 'Received unknown parameter: foo'],
    [
      'an unknown nested parameter',
      { address: { planet: 'x' } },
      'parameter_unknown',
      'address[planet]',
      'Received unknown parameter: address[planet]',
    ],
    ['a malformed email', { email: 'nobody' }, 'email_invalid', 'email', 'Invalid email address: nobody'],
    [
      'a balance that is no integer',
      { balance: 'x' },
      'parameter_invalid_integer',
      'balance',
      'Invalid integer: x',
    ],
    [
      'a word that is not on the list',
      { tax_exempt: 'maybe' },
      undefined,
      'tax_exempt',
      'Invalid tax_exempt: must be one of exempt, none, or reverse',
    ],
  ])('%s', async (_title, params, code, param, message) => {
    const error = await errorOf(setting.stripe.customers.create(params as object))
    expect(error).toMatchObject({ statusCode: 400, type: 'StripeInvalidRequestError', code, param, message })
  })

  it('an id that names nothing: 404 in the path, 400 in a parameter', async () => {
    const { stripe } = setting
    expect(await errorOf(stripe.prices.retrieve('price_no'))).toMatchObject({
      statusCode: 404,
      code: 'resource_missing',
      message: "No such price: 'price_no'",
    })
    expect(
      await errorOf(stripe.prices.create({ product: 'prod_no', currency: 'usd', unit_amount: 1 })),
    ).toMatchObject({ statusCode: 400, code: 'resource_missing', param: 'product' })
  })

  it('a price that recurs after more than three years', async () => {
    const { stripe } = setting
    const { id: product } = await stripe.products.create({ name: 'Rare' })
    const every = (interval: 'day' | 'week' | 'month' | 'year', interval_count: number) =>
      stripe.prices.create({
        product,
        currency: 'eur',
        unit_amount: 1,
        recurring: { interval, interval_count },
      })
    for (const [interval, most, adjective] of [
      ['day', 1095, 'daily'],
      ['week', 156, 'weekly'],
      ['month', 36, 'monthly'],
      ['year', 3, 'yearly'],
    ] as const) {
      expect((await every(interval, most)).recurring?.interval_count).toBe(most)
      expect(await errorOf(every(interval, most + 1))).toMatchObject({
        message: `The interval_count for ${adjective} prices can't be greater than ${most}`,
        param: 'recurring[interval_count]',
      })
    }
  })

  it('a missing parameter, an empty name, and metadata beyond its limits', async () => {
    const { stripe } = setting
    expect((await errorOf(stripe.products.create({} as never))).message).toBe('Missing required param: name.')
    expect((await errorOf(stripe.products.create({ name: '' }))).code).toBe('parameter_invalid_empty')
    const long = await errorOf(stripe.products.create({ name: 'x', metadata: { ['k'.repeat(41)]: 'v' } }))
    expect(long.message).toContain('Metadata keys can have up to 40 characters')
  })
})

describe('lists', () => {
  it('pages forward and back, and the SDK finds every item by itself', async () => {
    const { stripe } = setting
    const email = 'pages@example.com'
    const made: string[] = []
    for (let i = 0; i < 5; i += 1) made.unshift((await stripe.customers.create({ email })).id)
    const page = await stripe.customers.list({ email, limit: 2 })
    expect(page).toMatchObject({ has_more: true, url: '/v1/customers' })
    const all = await stripe.customers.list({ email, limit: 2 }).autoPagingToArray({ limit: 100 })
    expect(all.map(({ id }) => id)).toEqual(made)
    const back = await stripe.customers.list({ email, limit: 2, ending_before: made[3] })
    expect(back.data.map(({ id }) => id)).toEqual([made[1], made[2]])
  })

  it('narrows by creation time and refuses a limit beyond 100', async () => {
    const { stripe } = setting
    const customer = await stripe.customers.create({ email: 'when@example.com' })
    const after = await stripe.customers.list({ created: { gt: customer.created + 60 } })
    const since = await stripe.customers.list({
      created: { gte: customer.created },
      email: 'when@example.com',
    })
    expect([after.data.length, since.data.length]).toEqual([0, 1])
    expect((await errorOf(stripe.customers.list({ limit: 101 }))).param).toBe('limit')
  })

  it('expands nested fields up to four levels, and says which cannot be', async () => {
    const { stripe } = setting
    const price = await priceOf(stripe, 100)
    const { data } = await stripe.prices.list({ limit: 1, expand: ['data.product.default_price'] })
    expect(data[0]?.product).toMatchObject({ id: price.product, object: 'product', default_price: null })
    expect((await errorOf(stripe.prices.retrieve(price.id, { expand: ['currency'] }))).message).toContain(
      'This property cannot be expanded (currency)',
    )
    const deep = { expand: ['product.default_price.product.default_price.product'] }
    expect((await errorOf(stripe.prices.retrieve(price.id, deep))).message).toContain('more than 4 levels')
  })
})
