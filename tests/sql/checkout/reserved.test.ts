/**
 * What only the service may ask of a checkout: prices of a request's own, coupons, and amounts that the buyer chooses.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  anonymous,
  asCaller,
  type Claims,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../../setup/database.ts'
import { begin, type CheckoutRequest, projectObjects, refusal, type Sql } from '../support/calls.ts'
import { T } from '../support/stripe.ts'

let database: TestDatabase

const donation = {
  id: 'price_donation',
  object: 'price',
  active: true,
  currency: 'eur',
  type: 'one_time',
  unit_amount: null,
  unit_amount_decimal: null,
  custom_unit_amount: { minimum: 200, maximum: null, preset: null },
  product: 'prod_donation',
  metadata: {},
}

beforeAll(async () => {
  database = await createTestDatabase()
  await projectObjects(database.sql, [donation], T)
})
afterAll(() => database.close())

const cup = { currency: 'eur', unitAmount: 700, product: { name: 'Cup' } }
const backend: Claims = { role: 'service' } as never
const beginAs = (caller: Claims, request: CheckoutRequest) =>
  asCaller(database.sql, service, (sql) => begin(sql, caller, request))
const insertAs = (caller: Claims, lineItems: unknown, options: unknown) =>
  asCaller(
    database.sql,
    caller,
    (sql: Sql) => sql`
      insert into payments.stripe_checkout_sessions (environment, mode, line_items, success_url, cancel_url, options)
      values ('test', 'payment', ${sql.json(lineItems as never)}, 'https://a.example/ok', 'https://a.example/no',
        ${sql.json(options as never)})`,
  )

const reserved: [string, CheckoutRequest][] = [
  ['a price of its own', { lineItems: [{ priceData: cup }] }],
  ['a coupon', { options: { discounts: [{ coupon: 'half' }] } }],
  ['an amount that the buyer chooses', { lineItems: [{ priceId: 'price_donation' }] }],
]

describe.each(reserved)('%s', (_, request) => {
  test.each([
    ['a guest', anonymous],
    ['a signed-in user', user('u1')],
  ])('is refused to %s, begun or inserted, and no row is left', async (_, caller) => {
    const insert = () =>
      insertAs(caller, request.lineItems ?? [{ priceId: 'price_tea' }], request.options ?? {})
    for (const attempt of [() => beginAs(caller, request), insert]) {
      const { code, message, hint } = await refusal(attempt())
      expect(code).toBe('SP053')
      expect(message).toMatch(/^An app user may not ask for .+: no offer allows it\.$/)
      expect(hint).toContain('admin key')
    }
    expect(await database.sql`select from payments.stripe_checkout_sessions`).toHaveLength(0)
  })

  test('is sent to Stripe for the service', async () => {
    await database.sql
      .begin(async (sql) => {
        await sql`set local role payments_service`
        const { action, session } = await begin(sql, backend, {
          ...request,
          subject: { type: 'team', id: '42' },
        })
        expect(action).toBe('send')
        expect(session).toMatchObject({ subject_type: 'team', subject_id: '42', caller_id: null })
        throw new Error('undo')
      })
      .catch((error) => expect(error.message).toBe('undo'))
  })
})

test('a price of the request becomes the price_data of Stripe', async () => {
  const plan = {
    currency: 'eur',
    unitAmount: 900,
    productId: 'prod_1',
    recurring: { interval: 'month', intervalCount: 3 },
    taxBehavior: 'inclusive',
  }
  const { params } = await beginAs(backend, {
    mode: 'subscription',
    subject: { type: 'team', id: '1' },
    lineItems: [
      { priceData: plan, quantity: 2 },
      { priceData: { ...cup, product: { name: 'Cup', description: 'Blue', taxCode: 'txcd_1' } } },
    ],
  })
  expect(params.line_items).toEqual([
    {
      price_data: {
        currency: 'eur',
        unit_amount: 900,
        product: 'prod_1',
        tax_behavior: 'inclusive',
        recurring: { interval: 'month', interval_count: 3 },
      },
      quantity: 2,
    },
    {
      price_data: {
        currency: 'eur',
        unit_amount: 700,
        product_data: { name: 'Cup', description: 'Blue', tax_code: 'txcd_1' },
      },
      quantity: 1,
    },
  ])
})

test('a price of the request may have 12 digits, and Stripe judges what the way to pay takes', async () => {
  const priceData = { ...cup, currency: 'idr', unitAmount: 999_999_999_999 }
  const { params } = await beginAs(backend, { lineItems: [{ priceData }] })
  expect(params.line_items).toMatchObject([{ price_data: { currency: 'idr', unit_amount: 999_999_999_999 } }])
})

const SHAPE = /^Each priceData of lineItems needs a currency, a whole unitAmount/
test.each<[string, unknown, RegExp]>([
  ['no object', 'x', SHAPE],
  ['null', null, SHAPE],
  ['no currency', { unitAmount: 1, product: { name: 'x' } }, SHAPE],
  ['a currency in capitals', { ...cup, currency: 'EUR' }, SHAPE],
  ['a fraction of a cent', { ...cup, unitAmount: 0.5 }, SHAPE],
  ['a negative amount', { ...cup, unitAmount: -1 }, SHAPE],
  ['an amount of 13 digits', { ...cup, unitAmount: 1_000_000_000_000 }, SHAPE],
  ['an amount as text', { ...cup, unitAmount: '1' }, SHAPE],
  ['a product and its id', { ...cup, productId: 'prod_1' }, SHAPE],
  ['neither product nor id', { currency: 'eur', unitAmount: 1 }, SHAPE],
  ['a product without a name', { ...cup, product: {} }, SHAPE],
  ['a product as text', { ...cup, product: 'Cup' }, SHAPE],
  ['an unknown field', { ...cup, discount: 1 }, SHAPE],
  ['an unknown interval', { ...cup, recurring: { interval: 'decade' } }, SHAPE],
  ['half an interval', { ...cup, recurring: { interval: 'month', intervalCount: 0.5 } }, SHAPE],
  [
    'a recurring price of a payment',
    { ...cup, recurring: { interval: 'month' } },
    /^priceData.recurring needs mode/,
  ],
])('a price of the request is refused with %s', async (_, priceData, message) => {
  const { code, message: said } = await refusal(beginAs(backend, { lineItems: [{ priceData }] }))
  expect(said).toMatch(message)
  expect(code).toBe(message === SHAPE ? 'SP001' : 'SP050')
})

test('an item has either a price or a price of its own', async () => {
  const messageOf = async (item: object) => (await refusal(beginAs(backend, { lineItems: [item] }))).message
  expect(await messageOf({})).toMatch(/^Each of lineItems needs a priceId/)
  expect(await messageOf({ priceId: 'price_tea', priceData: cup })).toBe(
    'Each of lineItems may have a priceId or a priceData, not both.',
  )
})

test.each(['payments_service', 'postgres', '', 'Service'])(
  'a caller with the role %j is nobody',
  async (role) => {
    const { code } = await refusal(beginAs({ role } as never, {}))
    expect(code).toBe('SP007')
  },
)

test('what the service asked for is not found by a guest who asks the same', async () => {
  const request = { lineItems: [{ priceData: cup }], idempotencyKey: 'cart-1' }
  await beginAs(backend, request)
  const { code } = await refusal(beginAs(anonymous, request))
  expect(code).toBe('SP053')
})
