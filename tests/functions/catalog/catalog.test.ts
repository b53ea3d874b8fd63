/** Products and prices: Stripe first, then the row. */
import { Stripe } from 'stripe'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { priceFromStripe, productFromStripe } from '../../../functions/catalog/change.ts'
import { createPriceBody } from '../../../functions/catalog/schemas.ts'
import { createCheckoutSessionBody } from '../../../functions/checkout/schemas.ts'
import { createDatabase, type Database } from '../../../functions/core/database.ts'
import { putOfferBody } from '../../../functions/offers/schemas.ts'
import { capturePaymentBody } from '../../../functions/payments/schemas.ts'
import { runCli } from '../../cli/support.ts'
import { type AdminSystem, type Body, connect, startAdminSystem } from '../admin/support.ts'
import { eventOf } from '../support/events.ts'
import { ADMIN_KEY } from '../support/system.ts'

let system: AdminSystem
let database: Database
const CATALOG = '/api/payments/stripe/test/catalog'

beforeAll(async () => {
  system = await startAdminSystem()
  database = createDatabase({ url: system.database.url, poolSize: 1 })
  await connect(system)
})

afterAll(async () => {
  await database.end()
  await system.close()
})

const product = async (body: object = {}) => {
  const answer = await system.admin('POST', `${CATALOG}/products`, { name: 'Mug', ...body })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.product as Body
}
const price = async (productId: string, body: object = {}) => {
  const answer = await system.admin('POST', `${CATALOG}/prices`, {
    productId,
    currency: 'EUR',
    unitAmount: 1200,
    ...body,
  })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.price as Body
}

describe('a product', () => {
  it('is made at Stripe, and is a row when the answer comes', async () => {
    const made = await product({ description: 'Holds tea.', active: false, metadata: { size: 'L' } })
    expect(made).toEqual({
      environment: 'test',
      productId: expect.stringMatching(/^prod_/),
      revision: expect.stringMatching(/^[0-9a-f]{32}$/),
      name: 'Mug',
      description: 'Holds tea.',
      active: false,
      defaultPriceId: null,
      metadata: { size: 'L' },
      syncedAt: expect.any(String),
    })
    expect(await system.api.products.retrieve(made.productId)).toMatchObject({
      name: 'Mug',
      metadata: { size: 'L' },
    })
    expect((await system.admin('GET', `${CATALOG}/products/${made.productId}`)).body).toEqual({
      product: made,
      prices: [],
    })
  })

  it('is made once under an idempotency key, and shown as it is by now', async () => {
    const first = await product({ name: 'Once', idempotencyKey: 'key-1' })
    await system.admin('PATCH', `${CATALOG}/products/${first.productId}`, { name: 'Renamed' })
    const again = await product({ name: 'Once', idempotencyKey: 'key-1' })
    expect(again).toMatchObject({ productId: first.productId, name: 'Renamed' })
    expect(
      await system.admin('POST', `${CATALOG}/products`, { name: 'Other', idempotencyKey: 'key-1' }),
    ).toMatchObject({
      status: 409,
      body: { error: 'UPSTREAM_FAILURE', message: expect.stringContaining('idempoten') },
    })
  })

  it('is made once under an idempotency key of any characters', async () => {
    const first = await product({ idempotencyKey: 'Bestellung – 7 ☕' })
    expect((await product({ idempotencyKey: 'Bestellung – 7 ☕' })).productId).toBe(first.productId)
    expect((await product({ idempotencyKey: 'Bestellung – 8 ☕' })).productId).not.toBe(first.productId)
  })

  it('changes only in what is given', async () => {
    const made = await product({ description: 'Old', metadata: { a: '1' } })
    const path = `${CATALOG}/products/${made.productId}`
    expect((await system.admin('PATCH', path, { name: 'New' })).body.product).toMatchObject({
      name: 'New',
      description: 'Old',
      metadata: { a: '1' },
    })
    expect(
      (await system.admin('PATCH', path, { description: null, active: false })).body.product,
    ).toMatchObject({
      name: 'New',
      description: null,
      active: false,
    })
  })

  it('that has prices is not deleted, in the words of Stripe', async () => {
    const { productId } = await product()
    await price(productId)
    expect(await system.admin('DELETE', `${CATALOG}/products/${productId}`)).toMatchObject({
      status: 409,
      body: {
        error: 'PAYMENT_PRODUCT_IN_USE',
        message: 'This product cannot be deleted because it has one or more user-created prices.',
        nextActions: 'Archive the product instead: set its active to false.',
      },
    })
    expect((await system.admin('GET', `${CATALOG}/products/${productId}`)).status).toBe(200)
  })

  it('without prices is deleted, and is gone', async () => {
    const { productId } = await product()
    expect((await system.admin('DELETE', `${CATALOG}/products/${productId}`)).body).toEqual({
      productId,
      deleted: true,
    })
    const [row] = await system.database
      .sql`select deleted from payments.stripe_products where product_id = ${productId}`
    expect(row).toEqual({ deleted: true })
    for (const method of ['GET', 'DELETE', 'PATCH']) {
      const body = method === 'PATCH' ? { name: 'x' } : undefined
      expect(await system.admin(method, `${CATALOG}/products/${productId}`, body)).toMatchObject({
        status: 404,
        body: { error: 'PAYMENT_PRODUCT_NOT_FOUND', message: expect.stringContaining(productId) },
      })
    }
  })

  it.each([
    [{}, 'name is required.'],
    [{ name: ' ' }, 'name must not be empty.'],
    [{ name: 'x', description: 'x'.repeat(5001) }, 'description must have at most 5000 characters.'],
    [{ name: 'x', active: 1 }, 'active must be true or false.'],
    [{ name: 'x', metadata: { a: 1 } }, 'metadata.a must be text.'],
    [{ name: 'x', price: 1 }, 'price is not a known field.'],
    [{ name: 'x\u0000' }, 'name must not contain the character U+0000 or half of a surrogate pair.'],
  ])('from the body %j is refused', async (body, message) => {
    expect(await system.admin('POST', `${CATALOG}/products`, body)).toMatchObject({
      status: 400,
      body: { error: 'INVALID_INPUT', message },
    })
  })

  it('needs something to change', async () => {
    expect((await system.admin('PATCH', `${CATALOG}/products/prod_1`, {})).body.message).toBe(
      'The body must have at least one field to change.',
    )
  })
})

it('the catalog comes whole, however large it is', async () => {
  await system.database.sql`
    insert into payments.stripe_products (environment, product_id, name, active)
    select 'test', 'prod_many_' || n, 'Many', true from generate_series(1, 1001) as n`
  await system.database.sql`
    insert into payments.stripe_prices (environment, price_id, product_id, active, currency, type)
    select 'test', 'price_many_' || n, 'prod_many_1', true, 'eur', 'one_time' from generate_series(1, 1001) as n`
  const many = (items: Body[], key: string) => items.filter((item) => item[key].includes('_many_')).length
  const { body } = await system.admin('GET', CATALOG)
  expect([many(body.products, 'productId'), many(body.prices, 'priceId')]).toEqual([1001, 1001])
  const one = await system.admin('GET', `${CATALOG}/products/prod_many_1`)
  expect(one.body.prices).toHaveLength(1001)
  const env = { PAYMENTS_API_URL: system.server.url, PAYMENTS_ADMIN_KEY: ADMIN_KEY }
  for (const [kind, key] of [
    ['products', 'productId'],
    ['prices', 'priceId'],
  ] as const) {
    const listed = await runCli(['stripe', kind, 'list', '--environment', 'test', '--json'], { env })
    const page = listed.json<Body>()
    expect([many(page[kind], key), page.nextCursor]).toEqual([1001, null])
  }
  await system.database.sql`delete from payments.stripe_prices where price_id like 'price_many_%'`
  await system.database.sql`delete from payments.stripe_products where product_id like 'prod_many_%'`
})

describe('a price', () => {
  it('is made at Stripe, and is a row when the answer comes', async () => {
    const { productId } = await product()
    const made = await price(productId, {
      lookupKey: 'mug-monthly',
      recurring: { interval: 'month', intervalCount: 3 },
      taxBehavior: 'inclusive',
      metadata: { a: 'b' },
    })
    expect(made).toEqual({
      environment: 'test',
      priceId: expect.stringMatching(/^price_/),
      revision: expect.stringMatching(/^[0-9a-f]{32}$/),
      productId,
      active: true,
      currency: 'eur',
      unitAmount: 1200,
      unitAmountDecimal: '1200',
      payWhatYouWant: false,
      customUnitAmountMinimum: null,
      customUnitAmountMaximum: null,
      customUnitAmountPreset: null,
      type: 'recurring',
      lookupKey: 'mug-monthly',
      billingScheme: 'per_unit',
      taxBehavior: 'inclusive',
      recurringInterval: 'month',
      recurringIntervalCount: 3,
      recurringUsageType: 'licensed',
      metadata: { a: 'b' },
      syncedAt: expect.any(String),
    })
    expect((await system.admin('GET', `${CATALOG}/prices/${made.priceId}`)).body).toEqual({ price: made })
    expect((await system.admin('GET', `${CATALOG}/prices?productId=${productId}`)).body.prices).toEqual([
      made,
    ])
  })

  it('leaves the amount to the buyer, within its limits', async () => {
    const { productId } = await product()
    const limits = { minimum: 200, maximum: 90_000, preset: 1000 }
    const body = { productId, currency: 'eur', customUnitAmount: limits }
    const made = await system.admin('POST', `${CATALOG}/prices`, body)
    expect(made).toMatchObject({
      status: 201,
      body: {
        price: {
          unitAmount: null,
          payWhatYouWant: true,
          customUnitAmountMinimum: 200,
          customUnitAmountMaximum: 90_000,
          customUnitAmountPreset: 1000,
        },
      },
    })
    expect(await system.admin('POST', `${CATALOG}/prices`, { ...body, unitAmount: 1 })).toMatchObject({
      status: 400,
      body: { message: 'customUnitAmount cannot be used with unitAmount.' },
    })
  })

  it('of a product that is not there is 404', async () => {
    const body = { productId: 'prod_none', currency: 'usd', unitAmount: 1 }
    expect(await system.admin('POST', `${CATALOG}/prices`, body)).toMatchObject({
      status: 404,
      body: { error: 'PAYMENT_PRODUCT_NOT_FOUND', message: "No such product: 'prod_none'" },
    })
  })

  it('changes, and is archived, not deleted', async () => {
    const { productId } = await product()
    const { priceId } = await price(productId, { lookupKey: 'x' })
    const path = `${CATALOG}/prices/${priceId}`
    expect(
      (await system.admin('PATCH', path, { lookupKey: null, metadata: { a: '1' } })).body.price,
    ).toMatchObject({
      lookupKey: null,
      metadata: { a: '1' },
    })
    expect((await system.admin('DELETE', path)).body).toMatchObject({
      archived: true,
      price: { active: false },
    })
    expect((await system.api.prices.retrieve(priceId)).active).toBe(false)
  })

  it('whose lookup key another one has is refused in the words of Stripe, with what leads on', async () => {
    const { productId } = await product()
    const { priceId } = await price(productId, { lookupKey: 'taken' })
    const other = await price(productId)
    const taken = {
      status: 409,
      body: {
        error: 'PAYMENT_LOOKUP_KEY_IN_USE',
        message: `A price (\`${priceId}\`) already uses that lookup key.`,
        nextActions: 'Use another lookup key, or set that of the price which has it to null first.',
      },
    }
    const body = { productId, currency: 'usd', unitAmount: 1, lookupKey: 'taken' }
    expect(await system.admin('POST', `${CATALOG}/prices`, body)).toMatchObject(taken)
    expect(
      await system.admin('PATCH', `${CATALOG}/prices/${other.priceId}`, { lookupKey: 'taken' }),
    ).toMatchObject(taken)
  })

  it('that a product has as its default is not archived', async () => {
    const { productId } = await product()
    const { priceId } = await price(productId)
    await system.api.products.update(productId, { default_price: priceId })
    const inUse = {
      status: 409,
      body: {
        error: 'PAYMENT_PRICE_IN_USE',
        message: 'This price cannot be archived because it is the default price of its product.',
        nextActions: 'Give the product another default price in the Stripe Dashboard first.',
      },
    }
    const path = `${CATALOG}/prices/${priceId}`
    expect(await system.admin('DELETE', path)).toMatchObject(inUse)
    expect(await system.admin('PATCH', path, { active: false })).toMatchObject(inUse)
    expect((await system.admin('GET', path)).body.price.active).toBe(true)
  })

  it('that is not there is 404', async () => {
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const body = method === 'PATCH' ? { active: true } : undefined
      expect(await system.admin(method, `${CATALOG}/prices/price_none`, body)).toMatchObject({
        status: 404,
        body: { error: 'PAYMENT_PRICE_NOT_FOUND', message: expect.stringContaining('price_none') },
      })
    }
  })

  it.each([
    [{ currency: 'euro' }, 'currency must be a currency of three letters.'],
    [{ unitAmount: -1 }, 'unitAmount must be a whole number of the minor unit, from 0 to 999999999999.'],
    [{ unitAmount: 1e15 }, 'unitAmount must be a whole number of the minor unit, from 0 to 999999999999.'],
    [{ unitAmount: 1.5 }, 'unitAmount must be a whole number of the minor unit, from 0 to 999999999999.'],
    [{ recurring: { interval: 'hour' } }, 'recurring.interval must be one of day, week, month, year.'],
    [{ taxBehavior: 'none' }, 'taxBehavior must be one of exclusive, inclusive, unspecified.'],
  ])('with %j is refused', async (wrong, message) => {
    const body = { productId: 'prod_1', currency: 'eur', unitAmount: 1, ...wrong }
    expect(await system.admin('POST', `${CATALOG}/prices`, body)).toMatchObject({
      status: 400,
      body: { error: 'INVALID_INPUT', message },
    })
  })
})

it('every amount of a request has 12 digits at most, and Stripe judges what the way to pay takes', () => {
  const price = { productId: 'prod_1', currency: 'idr' }
  const offered = { productId: 'prod_1', mode: 'payment', allowPriceData: true, currency: 'idr' }
  const page = { successUrl: 'https://shop.example/done', cancelUrl: 'https://shop.example/back' }
  const taken = (amount: number) =>
    [
      createPriceBody.safeParse({ ...price, unitAmount: amount }),
      createPriceBody.safeParse({ ...price, customUnitAmount: { minimum: amount } }),
      putOfferBody.safeParse({ ...offered, minimumAmount: amount }),
      capturePaymentBody.safeParse({ amount }),
      createCheckoutSessionBody.safeParse({
        ...page,
        mode: 'payment',
        lineItems: [{ priceData: { currency: 'idr', unitAmount: amount, product: { name: 'House' } } }],
      }),
    ].map(({ success }) => success)
  expect(taken(999_999_999_999)).toEqual([true, true, true, true, true])
  expect(taken(1_000_000_000_000)).toEqual([false, false, false, false, false])
})

describe('a change right after another one, whose webhook is in already', () => {
  /**
   * The rows as the webhook of an earlier change leaves them, which has a later instant than the answer to the next
   * change.
   */
  const arrived = async (type: string, object: object) => {
    const event = eventOf(type, object, { created: Math.floor(Date.now() / 1000) + 60 })
    await system.database
      .sql`select payments.ingest_webhook_event('test', ${JSON.stringify(event)}::text::jsonb)`
  }

  it('of a product is shown as Stripe answered it', async () => {
    const { productId } = await product({ active: false })
    const path = `${CATALOG}/products/${productId}`
    await arrived('product.created', await system.api.products.retrieve(productId))
    const { body } = await system.admin('PATCH', path, { name: 'Renamed', active: true })
    expect(body.product).toMatchObject({ name: 'Renamed', active: true })
    expect((await system.admin('GET', path)).body.product).toMatchObject({ name: 'Mug', active: false })
    const env = { PAYMENTS_API_URL: system.server.url, PAYMENTS_ADMIN_KEY: ADMIN_KEY }
    const command = [
      'stripe',
      'products',
      'update',
      productId,
      '--environment',
      'test',
      '--name',
      'By command',
    ]
    expect((await runCli([...command, '--json'], { env })).json<Body>().product.name).toBe('By command')
    await arrived('product.updated', await system.api.products.retrieve(productId))
    expect((await system.admin('GET', path)).body.product).toMatchObject({ name: 'By command', active: true })
  })

  it('of a price is shown as Stripe answered it', async () => {
    const { productId } = await product()
    const { priceId } = await price(productId)
    const path = `${CATALOG}/prices/${priceId}`
    await arrived('price.created', await system.api.prices.retrieve(priceId))
    expect((await system.admin('PATCH', path, { lookupKey: 'at-once' })).body.price.lookupKey).toBe('at-once')
    const { body } = await system.admin('DELETE', path)
    expect(body).toMatchObject({ archived: true, price: { active: false, lookupKey: 'at-once' } })
  })

  it('is shown in every field as its row will be', async () => {
    const { api } = system
    const at = new Date().toISOString()
    const row = async (type: string, path: string, object: object) => {
      await arrived(type, object)
      const [shown] = Object.values((await system.admin('GET', `${CATALOG}/${path}`)).body)
      return { ...(shown as Body), syncedAt: at }
    }
    const bare = await api.products.create({ name: 'Bare', active: false })
    const full = await api.products.create({ name: 'Full', description: 'All of it.', metadata: { a: 'b' } })
    const { id } = await api.prices.create({ product: full.id, currency: 'JPY', unit_amount: 0 })
    for (const made of [bare, await api.products.update(full.id, { default_price: id })])
      expect(await productFromStripe(database, 'test', made, at)).toEqual(
        await row('product.updated', `products/${made.id}`, made),
      )

    const once = await api.prices.retrieve(id)
    const monthly = await api.prices.create({
      product: full.id,
      currency: 'usd',
      unit_amount: 99_999_999,
      recurring: { interval: 'month', interval_count: 2 },
      lookup_key: 'every-field',
      tax_behavior: 'exclusive',
      active: false,
      metadata: { c: 'd' },
    })
    const decimal = { ...once, unit_amount: null, unit_amount_decimal: Stripe.Decimal.from('0.25') }
    const tiered = {
      ...once,
      billing_scheme: 'tiered' as const,
      unit_amount: null,
      unit_amount_decimal: null,
    }
    const expanded = { ...once, product: full }
    for (const [n, made] of [once, monthly, decimal, tiered, expanded].entries()) {
      const price = { ...made, id: `${made.id}_${n}` }
      expect(await priceFromStripe(database, 'test', price as Stripe.Price, at)).toEqual(
        await row('price.updated', `prices/${price.id}`, price),
      )
    }
  })
})

describe('the catalog', () => {
  it('has products by name and prices by product', async () => {
    const { body } = await system.admin('GET', CATALOG)
    const names = body.products.map(({ name }: Body) => name)
    expect(names).toEqual([...names].sort())
    expect(body.prices.length).toBeGreaterThan(2)
  })

  it('comes in pages when a limit is given, and whole when not', async () => {
    for (const kind of ['products', 'prices']) {
      const whole = (await system.admin('GET', `${CATALOG}/${kind}`)).body
      expect(whole.nextCursor).toBeNull()
      const paged: Body[] = []
      let cursor: string | null = null
      do {
        const page: Body = (
          await system.admin('GET', `${CATALOG}/${kind}?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`)
        ).body
        expect(page[kind].length).toBeLessThanOrEqual(2)
        paged.push(...page[kind])
        cursor = page.nextCursor
      } while (cursor !== null)
      expect(paged).toEqual(whole[kind])
    }
  })

  it('goes on after a product with the longest of names', async () => {
    const names = ['\u0007', '"', '😀'].map((character) => character.repeat(2500))
    for (const [n, name] of names.entries())
      await system.database.sql`
        insert into payments.stripe_products (environment, product_id, name, active)
        values ('live', ${`prod_long_${n}`}, ${name}, true), ('live', ${`prod_longer_${n}`}, ${`${name}!`}, true)`
    const found: Body[] = []
    let cursor = ''
    do {
      const path = `/api/payments/stripe/live/catalog/products?limit=1${cursor}`
      const { status, body, text } = await system.admin('GET', path)
      expect(status, text).toBe(200)
      found.push(...body.products)
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`
    } while (cursor !== '')
    expect(new Set(found.map(({ productId }) => productId)).size).toBe(6)
    expect(found).toHaveLength(6)
    await system.database.sql`delete from payments.stripe_products where environment = 'live'`
  })

  it('of an environment without a key can be read, but not changed', async () => {
    expect((await system.admin('GET', '/api/payments/stripe/live/catalog')).body).toEqual({
      products: [],
      prices: [],
    })
    expect(
      await system.admin('POST', '/api/payments/stripe/live/catalog/products', { name: 'x' }),
    ).toMatchObject({
      status: 400,
      body: { error: 'PAYMENT_CONFIG_INVALID', message: 'There is no Stripe secret key for live.' },
    })
  })
})

describe('a revoked key', () => {
  it('is the answer of Stripe, without the key', async () => {
    system.stripe.control.fail({ fault: { status: 401 }, path: '/v1/products', times: 1 })
    expect(await system.admin('POST', `${CATALOG}/products`, { name: 'x' })).toMatchObject({
      status: 401,
      body: { error: 'PAYMENT_CONFIG_INVALID', message: 'Stripe refused the secret key for test.' },
    })
  })
})
