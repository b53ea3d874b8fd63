/** Offers: what app users may buy, how much of it and with which options, whoever inserts the row. */
import type postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  anonymous,
  asCaller,
  type Claims,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../../setup/database.ts'
import { begin, type CheckoutRequest, refusal } from '../support/calls.ts'
import { type Json, newId } from '../support/stripe.ts'

let database: TestDatabase
let sql: postgres.Sql

beforeAll(async () => {
  database = await createTestDatabase()
  sql = database.sql
  await sql`
    insert into payments.stripe_prices
      (environment, price_id, product_id, active, currency, type, lookup_key, pay_what_you_want, version)
    values ('test', 'price_pro', 'prod_pro', true, 'eur', 'recurring', 'pro', false, 2),
      ('test', 'price_pro_old', 'prod_pro', false, 'eur', 'recurring', 'pro', false, 9),
      ('test', 'price_gift', 'prod_gift', true, 'eur', 'one_time', null, true, 1),
      ('test', 'price_tea', 'prod_tea', true, 'eur', 'one_time', 'tea', false, 1),
      ('live', 'price_live', 'prod_live', true, 'eur', 'one_time', 'live_only', false, 1)`
})
afterAll(() => database.close())
beforeEach(() => sql`truncate payments.offers`)

const put = (id: string, offer: Json, environment = 'test') =>
  asCaller(
    sql,
    service,
    (sql) => sql`select * from payments.put_offer(${environment}, ${id}, ${sql.json(offer)})`,
  )
const tea = (more: Json = {}) => put('tea', { price_id: 'price_tea', mode: 'payment', ...more })
const pro = (more: Json = {}) => put('pro', { lookup_key: 'pro', mode: 'subscription', ...more })

const buy = (caller: Claims, request: CheckoutRequest = {}) =>
  asCaller(sql, service, (sql) => begin(sql, caller, request))
const subscribe = (request: CheckoutRequest = {}): CheckoutRequest => ({
  mode: 'subscription',
  subject: { type: 'user', id: 'u1' },
  lineItems: [{ priceId: 'price_pro' }],
  ...request,
})
const backend: Claims = { role: 'service' }

describe('an offer that nobody could ever buy', () => {
  test('is refused: forced options that exclude each other, and a recurring price in mode payment', async () => {
    const forced_options = { allow_promotion_codes: true, discounts: [{ promotion_code: 'promo_a' }] }
    expect(await refusal(tea({ forced_options }))).toMatchObject({
      code: 'SP050',
      message:
        'No checkout can have the forced options: discounts and allowPromotionCodes exclude each other.',
    })
    expect(await refusal(put('pro', { price_id: 'price_pro', mode: 'payment' }))).toMatchObject({
      code: 'SP076',
      message: 'The price price_pro is recurring, so it cannot be offered in mode payment.',
    })
    await tea({ forced_options: { trial_without_card: true }, price_id: 'price_pro', mode: 'subscription' })
  })

  test('as far as is known here degrades the health, with a reason of its own', async () => {
    const reasons = async () =>
      (
        await asCaller(sql, service, (sql) => sql`select message from payments_private.offer_reasons('test')`)
      ).map(({ message }) => message)
    await tea()
    await pro()
    expect(await reasons()).toEqual([])
    await put('a', { price_id: 'price_typo', mode: 'payment' })
    await put('b', { lookup_key: 'nothing', mode: 'payment' })
    await put('c', { lookup_key: 'pro', mode: 'payment' })
    await put('d', { product_id: 'prod_typo', mode: 'payment' })
    await put('off', { price_id: 'price_typo', mode: 'payment', active: false })
    expect(await reasons()).toEqual([
      'Nobody can buy the offer a: there is no active price price_typo.',
      'Nobody can buy the offer b: no active price has the lookup key nothing.',
      'Nobody can buy the offer c: its price is recurring, and its mode is payment.',
      'Nobody can buy the offer d: there is no active product prod_typo.',
    ])
  })
})

test('prices that are known not to fit the mode are refused before Stripe', async () => {
  expect(await refusal(buy(backend, { lineItems: [{ priceId: 'price_pro' }] }))).toMatchObject({
    code: 'SP075',
    message: 'lineItems has a recurring price, which mode payment does not take.',
  })
  expect(await refusal(buy(backend, subscribe({ lineItems: [{ priceId: 'price_tea' }] })))).toMatchObject({
    code: 'SP075',
    message: 'lineItems has no recurring price, which mode subscription needs.',
  })
  const cart = [{ priceId: 'price_tea' }, { priceId: 'price_pro' }]
  expect((await buy(backend, subscribe({ lineItems: cart }))).action).toBe('send')
  expect((await buy(backend, subscribe({ lineItems: [{ priceId: 'price_unknown' }] }))).action).toBe('send')
})

/** A row that an app user inserts without the handlers. */
const insert = (caller: Claims, item: Json, options: Json = {}) =>
  asCaller(
    sql,
    caller,
    (sql) => sql`
      insert into payments.stripe_checkout_sessions
        (environment, mode, line_items, success_url, cancel_url, options)
      values ('test', 'payment', ${sql.json([item])}, 'https://a.example', 'https://a.example', ${sql.json(options)})`,
  )

describe('while there is no offer', () => {
  test('everybody may buy what the policies allow', async () => {
    expect((await buy(anonymous)).action).toBe('send')
    expect((await buy(user('u1'), subscribe())).action).toBe('send')
    await put('elsewhere', { price_id: 'price_live', mode: 'payment' }, 'live')
    expect((await buy(anonymous)).action).toBe('send')
  })
})

describe('once there is an offer', () => {
  test.each<[string, () => Claims]>([
    ['a guest', () => anonymous],
    ['a signed-in user', () => user('u1')],
  ])('%s buys it, and nothing else', async (_, caller) => {
    await tea()
    expect((await buy(caller())).action).toBe('send')
    expect(await refusal(buy(caller(), { lineItems: [{ priceId: 'price_gift' }] }))).toMatchObject({
      code: 'SP055',
      message: 'There is no offer for one of lineItems.',
    })
    const both = { lineItems: [{ priceId: 'price_tea' }, { priceId: 'price_unknown' }] }
    expect((await refusal(buy(caller(), both))).code).toBe('SP055')
  })

  test('a backend buys everything, at any quantity and with any option', async () => {
    await tea({ active: false, forced_options: { locale: 'de' } })
    const { params } = await buy(backend, {
      lineItems: [{ priceId: 'price_gift', quantity: 500 }],
      options: { discounts: [{ coupon: 'c' }] },
    })
    expect(params).toMatchObject({ discounts: [{ coupon: 'c' }], line_items: [{ quantity: 500 }] })
    expect(params).not.toHaveProperty('locale')
  })

  test('a row that an app user inserts is judged like a request, and stores nothing that is forced on itself', async () => {
    await tea({ forced_options: { locale: 'de' } })
    for (const caller of [anonymous, user('u1')]) {
      await expect(insert(caller, { priceId: 'price_tea' })).resolves.toBeDefined()
      expect((await refusal(insert(caller, { priceId: 'price_gift' }))).code).toBe('SP055')
      expect((await refusal(insert(caller, { priceId: 'price_tea', quantity: 2 }))).code).toBe('SP057')
      expect((await refusal(insert(caller, { priceId: 'price_tea' }, { currency: 'usd' }))).code).toBe(
        'SP058',
      )
      const forging = asCaller(
        sql,
        caller,
        (sql) => sql`
          insert into payments.stripe_checkout_sessions
            (environment, mode, line_items, success_url, cancel_url, forced_options)
          values ('test', 'payment', '[{"priceId": "price_tea"}]', 'https://a.example', 'https://a.example', '{}')`,
      )
      expect((await refusal(forging)).code).toBe('42501')
    }
  })

  test('saving a card buys nothing, so no offer is needed', async () => {
    await tea()
    const request = {
      mode: 'setup',
      subject: { type: 'user', id: 'u1' },
      lineItems: [],
      options: { currency: 'eur' },
    }
    expect((await buy(user('u1'), request)).action).toBe('send')
  })

  test('app users neither read nor write offers', async () => {
    await tea()
    for (const caller of [anonymous, user('u1')]) {
      expect((await refusal(asCaller(sql, caller, (sql) => sql`select from payments.offers`))).code).toBe(
        '42501',
      )
      expect((await refusal(asCaller(sql, caller, (sql) => sql`delete from payments.offers`))).code).toBe(
        '42501',
      )
      const putting = asCaller(sql, caller, (sql) => sql`select payments.put_offer('test', 'x', '{}')`)
      expect((await refusal(putting)).code).toBe('42501')
      const deleting = asCaller(sql, caller, (sql) => sql`select payments.delete_offer('test', 'tea')`)
      expect((await refusal(deleting)).code).toBe('42501')
    }
  })
})

describe('an offer is for', () => {
  const over = 'The offer tea is over.'
  test.each<[string, Json, Claims, CheckoutRequest, string | null]>([
    ['one mode', { mode: 'subscription' }, null, {}, 'The offer tea is not for mode payment.'],
    ['some roles', { roles: ['authenticated'] }, null, {}, 'The offer tea is not for this buyer.'],
    ['some roles', { roles: ['authenticated'] }, user('u1'), {}, null],
    [
      'some types of subject',
      { subject_types: ['user'] },
      user('u1'),
      {},
      'The offer tea is not for this buyer.',
    ],
    [
      'some types of subject',
      { subject_types: ['user'] },
      user('u1'),
      { subject: { type: 'user', id: 'u1' } },
      null,
    ],
    ['some time', { ends_at: '2020-01-01T00:00:00Z' }, null, {}, over],
    ['some time', { starts_at: '2999-01-01T00:00:00Z' }, null, {}, 'The offer tea has not begun.'],
    ['some time', { starts_at: '2020-01-01T00:00:00Z', ends_at: '2999-01-01T00:00:00Z' }, null, {}, null],
    ['as long as it is active', { active: false }, null, {}, over],
  ])('%s: %j', async (_, offer, caller, request, message) => {
    await tea(offer)
    if (message === null) expect((await buy(caller, request)).action).toBe('send')
    else expect(await refusal(buy(caller, request))).toMatchObject({ code: 'SP055', message })
  })

  test('whoever one of several offers of a price is for', async () => {
    await put('a-guests', { price_id: 'price_tea', mode: 'payment', roles: ['anon'] })
    await put('b-users', {
      price_id: 'price_tea',
      mode: 'payment',
      roles: ['authenticated'],
      maximum_quantity: 9,
    })
    const nine = { lineItems: [{ priceId: 'price_tea', quantity: 9 }] }
    expect((await buy(user('u1'), nine)).action).toBe('send')
    expect(await refusal(buy(anonymous, nine))).toMatchObject({
      code: 'SP057',
      message: 'The offer a-guests is for a quantity of 1 to 1.',
    })
  })

  test('every price of a product, and whichever price has a lookup key', async () => {
    await put('all', { product_id: 'prod_pro', mode: 'subscription' })
    expect((await buy(user('u1'), subscribe())).action).toBe('send')
    await sql`truncate payments.offers`
    await pro()
    expect((await buy(user('u1'), subscribe())).action).toBe('send')
    const old = subscribe({ lineItems: [{ priceId: 'price_pro_old' }] })
    expect((await refusal(buy(user('u1'), old))).code).toBe('SP055')
  })
})

describe('the quantity is within the range of the offer', () => {
  test.each<[Json[], boolean]>([
    [[{ priceId: 'price_tea', quantity: 2 }], true],
    [[{ priceId: 'price_tea', quantity: 5 }], true],
    [[{ priceId: 'price_tea' }], false],
    [[{ priceId: 'price_tea', quantity: 6 }], false],
    [[2, 4].map((quantity) => ({ priceId: 'price_tea', quantity })), false],
    [[{ priceId: 'price_tea', quantity: 2, adjustableQuantity: { minimum: 2, maximum: 5 } }], true],
    [[{ priceId: 'price_tea', quantity: 2, adjustableQuantity: { minimum: 2, maximum: 6 } }], false],
    [[{ priceId: 'price_tea', quantity: 2, adjustableQuantity: { maximum: 5 } }], false],
    [[{ priceId: 'price_tea', quantity: 2, adjustableQuantity: { minimum: 2 } }], false],
  ])('%j: %s', async (lineItems, allowed) => {
    await tea({ minimum_quantity: 2, maximum_quantity: 5 })
    if (allowed) expect((await buy(anonymous, { lineItems })).action).toBe('send')
    else {
      expect(await refusal(buy(anonymous, { lineItems }))).toMatchObject({
        code: 'SP057',
        message: 'The offer tea is for a quantity of 2 to 5.',
      })
    }
  })
})

describe('options', () => {
  test('only those that the offer allows may be asked for', async () => {
    await tea({ allowed_options: ['allow_promotion_codes', 'discounts'] })
    for (const options of [
      {},
      { allow_promotion_codes: true },
      { locale: 'de' },
      { discounts: [{ promotion_code: 'p' }] },
    ])
      expect((await buy(user('u1'), { options })).action).toBe('send')
    for (const [options, name] of [
      [{ automatic_tax: true }, 'automaticTax'],
      [{ discounts: [{ coupon: 'c' }] }, 'discounts.coupon'],
    ] as const) {
      expect(await refusal(buy(user('u1'), { options }))).toMatchObject({
        code: 'SP058',
        message: `The offer tea does not allow ${name}.`,
      })
    }
    await tea({ allowed_options: ['discounts.coupon'] })
    expect((await buy(user('u1'), { options: { discounts: [{ coupon: 'c' }] } })).action).toBe('send')
  })

  test('what an offer forces is sent, may be repeated, and must fit the rest', async () => {
    await tea({
      allowed_options: ['allow_promotion_codes'],
      forced_options: { discounts: [{ coupon: 'c' }] },
    })
    const forced = { discounts: [{ coupon: 'c' }] }
    expect((await buy(anonymous)).params).toMatchObject(forced)
    expect((await buy(anonymous, { options: forced })).params).toMatchObject(forced)
    expect((await refusal(buy(anonymous, { options: { discounts: [{ coupon: 'free' }] } }))).code).toBe(
      'SP058',
    )
    expect(await refusal(buy(anonymous, { options: { allow_promotion_codes: true } }))).toMatchObject({
      code: 'SP050',
      message: 'discounts and allowPromotionCodes exclude each other.',
    })
  })

  test('two offers of a cart that force different values are refused', async () => {
    await tea({ forced_options: { automatic_tax: true } })
    await put('gift', {
      price_id: 'price_gift',
      mode: 'payment',
      allow_pay_what_you_want: true,
      forced_options: { automatic_tax: false },
    })
    const cart = { lineItems: [{ priceId: 'price_tea' }, { priceId: 'price_gift' }] }
    expect(await refusal(buy(anonymous, cart))).toMatchObject({
      code: 'SP058',
      message: 'The offers of lineItems force different values of automaticTax.',
    })
  })

  test('a discount that one offer forces does not reach the items of another that does not allow it', async () => {
    const cart = { lineItems: [{ priceId: 'price_tea' }, { priceId: 'price_gift' }] }
    const gift = { price_id: 'price_gift', mode: 'payment', allow_pay_what_you_want: true }
    const discounts = [{ coupon: 'half' }]
    await tea({ forced_options: { discounts, automatic_tax: true } })
    await put('gift', gift)
    const spread = {
      code: 'SP058',
      message: 'The offer gift does not allow discounts, which the offer of another item forces.',
      hint: 'Buy them in two checkouts, or change one of the offers.',
    }
    expect(await refusal(buy(anonymous, cart))).toEqual(spread)
    expect((await buy(anonymous)).params).toMatchObject({ discounts })
    expect((await buy(backend, cart)).params).not.toHaveProperty('discounts')
    for (const more of [{ allowed_options: ['discounts.coupon'] }, { forced_options: { discounts } }]) {
      await put('gift', { ...gift, ...more })
      expect((await buy(anonymous, cart)).params).toMatchObject({
        discounts,
        automatic_tax: { enabled: true },
      })
    }
    await put('gift', { ...gift, forced_options: { allow_promotion_codes: false } })
    await tea()
    expect((await buy(anonymous, cart)).action).toBe('send')
  })

  test('an offer that forces an instant which is over is refused when it is written, and left alone later', async () => {
    const soon = Math.floor(Date.now() / 1000) + 7200
    expect(await refusal(tea({ forced_options: { expires_at: 1_600_000_000 } }))).toMatchObject({
      code: 'SP064',
    })
    await tea({ forced_options: { expires_at: soon } })
    await pro({ forced_options: { trial_end: soon + 30 * 86_400 } })
    await sql`alter table payments.offers disable trigger user`
    await sql`update payments.offers set forced_options = '{"expires_at": 1600000000}' where offer_id = 'tea'`
    await sql`alter table payments.offers enable trigger user`
    await sql`update payments.offers set active = false where offer_id = 'tea'`
  })

  test('an offer that forces what no checkout of its mode can have is refused when it is written', async () => {
    expect(await refusal(tea({ forced_options: { trial_period_days: 3 } }))).toMatchObject({
      code: 'SP001',
      message: 'trialPeriodDays cannot be used when mode is payment.',
    })
    expect(await refusal(tea({ colour: 'red' }))).toMatchObject({
      code: 'SP001',
      message: 'An offer has no colour.',
    })
  })
})

describe('amounts that a buyer decides', () => {
  test('a price whose amount the buyer chooses needs an offer that says so', async () => {
    const gift = { lineItems: [{ priceId: 'price_gift' }] }
    await put('gift', { price_id: 'price_gift', mode: 'payment' })
    expect((await refusal(buy(anonymous, gift))).code).toBe('SP058')
    await put('gift', { price_id: 'price_gift', mode: 'payment', allow_pay_what_you_want: true })
    expect((await buy(anonymous, gift)).action).toBe('send')
  })

  test('a price that a request makes up needs an offer of its product, and stays within its limits', async () => {
    const made = (data: Json) => ({ lineItems: [{ priceData: { productId: 'prod_gift', ...data } }] })
    const offer = { product_id: 'prod_gift', mode: 'payment', currency: 'eur', minimum_amount: 500 }
    await put('gift', offer)
    expect((await refusal(buy(anonymous, made({ currency: 'eur', unitAmount: 900 })))).code).toBe('SP055')
    await put('gift', { ...offer, allow_price_data: true, maximum_amount: 1000 })
    expect((await buy(anonymous, made({ currency: 'eur', unitAmount: 900 }))).action).toBe('send')
    for (const data of [
      { currency: 'eur', unitAmount: 499 },
      { currency: 'eur', unitAmount: 1001 },
      { currency: 'jpy', unitAmount: 900 },
    ])
      expect((await refusal(buy(anonymous, made(data)))).code).toBe('SP058')
    const other = {
      lineItems: [{ priceData: { currency: 'eur', unitAmount: 900, product: { name: 'Car' } } }],
    }
    expect((await refusal(buy(anonymous, other))).code).toBe('SP055')
    await put('gift', { ...offer, allow_price_data: true }) // no limit but that of 12 digits
    expect((await buy(anonymous, made({ currency: 'eur', unitAmount: 999_999_999_999 }))).action).toBe('send')
  })
})

describe('a lookup key in place of a price', () => {
  const byKey = (lookupKey: unknown): CheckoutRequest => ({ lineItems: [{ lookupKey }] })

  test('is the active price of the environment that has it, with and without offers', async () => {
    const { params, session } = await buy(anonymous, byKey('tea'))
    expect(params.line_items).toEqual([{ price: 'price_tea', quantity: 1 }])
    expect(session.line_items).toEqual([{ lookupKey: 'tea', priceId: 'price_tea' }])
    await pro()
    expect((await refusal(buy(anonymous, byKey('tea')))).code).toBe('SP055')
    expect((await buy(user('u1'), subscribe(byKey('pro')))).params.line_items).toMatchObject([
      { price: 'price_pro' },
    ])
  })

  test('is refused if no active price of the environment has it', async () => {
    for (const caller of [anonymous, backend])
      expect(await refusal(buy(caller, byKey('live_only')))).toMatchObject({
        code: 'SP056',
        message: 'No active price has the lookup key live_only.',
      })
    expect((await refusal(buy(anonymous, byKey(5)))).code).toBe('SP001')
    const twice = { lineItems: [{ lookupKey: 'tea', priceId: 'price_tea' }] }
    expect((await refusal(buy(anonymous, twice))).code).toBe('SP001')
  })

  test('decides against the price that an inserted row names beside it', async () => {
    await insert(user('liar'), { lookupKey: 'tea', priceId: 'price_gift' })
    const [row] = await sql`
      select t.line_items from payments.stripe_checkout_sessions as t where t.caller_id = 'liar'`
    expect(row?.line_items).toEqual([{ lookupKey: 'tea', priceId: 'price_tea' }])
  })

  test('keeps its price in a retry, even if the key has moved on', async () => {
    const request = { ...byKey('tea'), idempotencyKey: newId('key') }
    const first = await buy(user('u1'), request)
    await sql`update payments.stripe_prices set lookup_key = 'tea' where price_id = 'price_gift'`
    await sql`update payments.stripe_prices set lookup_key = null where price_id = 'price_tea'`
    try {
      const second = await buy(user('u1'), request)
      expect(second.session.id).toBe(first.session.id)
      expect(second.params.line_items).toMatchObject([{ price: 'price_tea' }])
    } finally {
      await sql`update payments.stripe_prices set lookup_key = null where price_id = 'price_gift'`
      await sql`update payments.stripe_prices set lookup_key = 'tea' where price_id = 'price_tea'`
    }
  })
})

describe('a checkout that was begun before', () => {
  test('is judged again before it is sent, and begun again only while it is offered', async () => {
    await tea({ forced_options: { locale: 'de' } })
    const request = { idempotencyKey: newId('key') }
    const { session } = await buy(user('u1'), request)
    await tea({ active: false })
    expect(await refusal(buy(user('u1'), request))).toMatchObject({
      code: 'SP055',
      message: 'The offer tea is over.',
    })
    await sql`update payments.stripe_checkout_sessions set status = 'expired' where id = ${session.id}`
    expect((await refusal(buy(user('u1'), request))).code).toBe('SP055')
    await tea({ forced_options: { locale: 'fr' } })
    expect(await buy(user('u1'), request)).toMatchObject({ attempt: 2, params: { locale: 'fr' } })
  })
})

describe('payments.is_offered', () => {
  const ask = (caller: Claims, items: unknown, options: Json = {}, subject: string | null = null) =>
    asCaller(sql, caller, async (sql) => {
      const [row] = await sql`
        select payments.is_offered('test', 'payment', ${sql.json(items as never)}, ${sql.json(options)}, ${subject}) as yes`
      return row?.yes
    })

  test('answers yes or no to each role, without rights on the offers', async () => {
    expect(await ask(anonymous, [{ priceId: 'price_any' }])).toBe(true)
    await tea({ roles: ['authenticated'] })
    expect(await ask(user('u1'), [{ priceId: 'price_tea' }])).toBe(true)
    expect(await ask(user('u1'), [{ lookupKey: 'tea' }])).toBe(true)
    expect(await ask(anonymous, [{ priceId: 'price_tea' }])).toBe(false)
    expect(await ask(user('u1'), [{ priceId: 'price_tea', quantity: 2 }])).toBe(false)
    expect(await ask(user('u1'), [{ priceId: 'price_tea' }], { currency: 'eur' })).toBe(false)
    expect(await ask(user('u1'), 'nonsense')).toBe(false)
  })

  test('decides in a policy of the app', async () => {
    await sql`
      create policy only_offered on payments.stripe_checkout_sessions as restrictive for insert to anon, authenticated
      with check (payments.is_offered(environment, mode, line_items, options, subject_type) and mode = 'payment')`
    try {
      await tea()
      expect((await buy(user('u1'))).action).toBe('send')
      await pro()
      expect((await refusal(buy(user('u1'), subscribe()))).code).toBe('42501')
    } finally {
      await sql`drop policy only_offered on payments.stripe_checkout_sessions`
    }
  })
})

describe('on the path of a checkout', () => {
  const line = [{ priceId: 'price_500', quantity: 1 }]

  /** Runs `work` among thousands of offers and prices, and leaves none of them behind. */
  async function amongMany<Result>(work: (sql: postgres.TransactionSql) => Promise<Result>): Promise<Result> {
    await sql`
      insert into payments.stripe_prices (environment, price_id, product_id, active, currency, type, version)
      select 'test', 'price_' || n, 'prod_' || n, true, 'eur', 'one_time', 1 from generate_series(1, 3000) as n`
    await sql`
      insert into payments.offers (environment, offer_id, price_id, mode)
      select 'test', 'offer_' || n, 'price_' || n, 'payment' from generate_series(1, 3000) as n`
    await sql.unsafe('analyze payments.offers, payments.stripe_prices')
    try {
      return (await sql.begin(work)) as Result
    } finally {
      await sql`truncate payments.offers`
      await sql`delete from payments.stripe_prices where price_id like 'price\\_%' and price_id ~ '[0-9]$'`
      await sql.unsafe('analyze payments.offers, payments.stripe_prices')
    }
  }

  test('is_offered reads the offers and prices of the items by indexes, however many there are', async () => {
    const scans = await amongMany(async (as) => {
      const read = () => as`
        select relname as table, seq_scan::integer as whole, idx_scan::integer as by_index
        from pg_stat_xact_user_tables
        where schemaname = 'payments' and relname in ('offers', 'stripe_prices') order by 1`
      const before = await read()
      const [row] =
        await as`select payments.is_offered('test', 'payment', ${as.json(line)}, role => 'anon') as yes`
      expect(row).toEqual({ yes: true })
      const after = await read()
      return after.map(({ table, whole, by_index }, i) => ({
        table,
        whole: whole - before[i]?.whole,
        byIndex: by_index > before[i]?.by_index,
      }))
    })
    expect(scans).toEqual([
      // "exists" stops at the first row that it meets
      { table: 'offers', whole: expect.any(Number), byIndex: true },
      { table: 'stripe_prices', whole: 0, byIndex: true },
    ])
    expect(scans[0]?.whole).toBeLessThanOrEqual(1)
  })

  test('a policy with is_offered asks once for each row that is inserted', async () => {
    await tea()
    const calls = await sql.begin(async (as) => {
      await as.unsafe(`
        set local track_functions = 'all';
        create policy once on payments.stripe_checkout_sessions as restrictive for insert to anon
          with check (payments.is_offered(environment, mode, line_items, options, subject_type))`)
      await as`select set_config('role', 'anon', true)`
      await as`
        insert into payments.stripe_checkout_sessions (environment, mode, line_items, success_url, cancel_url)
        values ('test', 'payment', '[{"priceId": "price_tea"}]', 'https://a.example', 'https://a.example')`
      await as`reset role`
      const rows =
        await as`select calls::integer from pg_stat_xact_user_functions where funcname = 'is_offered'`
      await as.unsafe('drop policy once on payments.stripe_checkout_sessions')
      return rows
    })
    expect(calls).toEqual([{ calls: 1 }])
  })
})

describe('the roles that may buy what they like', () => {
  const buyers = async (...statements: string[]) => {
    let result: unknown
    await sql
      .begin(async (sql) => {
        for (const statement of statements) await sql.unsafe(statement)
        const [row] = await sql`select payments_private.unlimited_buyers('test') as buyers`
        result = row?.buyers
        throw new Error('undo')
      })
      .catch((error) => {
        if (error.message !== 'undo') throw error
      })
    return result
  }
  const table = 'payments.stripe_checkout_sessions'
  const drop = ['insert_own', 'insert_guest'].map((name) => `drop policy ${name} on ${table}`)
  const policy = (check: string, to = 'authenticated', kind = 'permissive') =>
    `create policy app on ${table} as ${kind} for insert to ${to} with check (${check})`
  const offered = 'payments.is_offered(environment, mode, line_items, options, subject_type)'

  test.each<[string, string[], string[]]>([
    ['as it is installed', [], ['anon', 'authenticated']],
    ['without the policy for guests', drop.slice(1), ['authenticated']],
    ['without a policy', drop, []],
    ['with one that refuses every row', [...drop, policy('false')], []],
    ['with one that judges the subject', [...drop, policy(`subject_type = 'team'`)], ['authenticated']],
    ['with one that judges the options', [...drop, policy(`options = '{}'`)], []],
    ['with one of every role', [...drop, policy('true', 'public')], ['anon', 'authenticated']],
    ['with one that asks for offers, of which there are none', [...drop, policy(offered)], ['authenticated']],
    [
      'with a restrictive one that judges the options',
      [policy(`options = '{}'`, 'public', 'restrictive')],
      [],
    ],
    [
      'with a restrictive one that judges others',
      [policy('true', 'public', 'restrictive')],
      ['anon', 'authenticated'],
    ],
    [
      'without the right to ask for options',
      [`revoke insert (options) on ${table} from authenticated`],
      ['anon'],
    ],
    [
      'without row level security',
      [...drop, `alter table ${table} disable row level security`],
      ['anon', 'authenticated'],
    ],
    [
      'once there is an offer',
      [
        `insert into payments.offers (environment, offer_id, price_id, mode) values ('test', 'a', 'p', 'payment')`,
      ],
      [],
    ],
  ])('%s', async (_, statements, roles) => {
    expect(await buyers(...statements)).toEqual(roles)
  })
})
