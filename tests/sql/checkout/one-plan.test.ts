/** One plan at a time, and one trial for each subject. */
import type postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  asCaller,
  type Claims,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../../setup/database.ts'
import { begin, type CheckoutRequest, complete, projectObjects, refusal } from '../support/calls.ts'
import {
  type Json,
  newId,
  price,
  subjectMetadata,
  subscription,
  subscriptionItem,
  T,
} from '../support/stripe.ts'

let database: TestDatabase
let sql: postgres.Sql

const recurring = {
  recurring: { interval: 'month', interval_count: 1, usage_type: 'licensed' },
  type: 'recurring',
}

beforeAll(async () => {
  database = await createTestDatabase()
  sql = database.sql
  const prices = [
    price({ id: 'price_pro', product: 'prod_pro', lookup_key: 'pro', ...recurring }),
    price({ id: 'price_pro_2024', product: 'prod_pro', active: false, ...recurring }),
    price({ id: 'price_team', product: 'prod_team', ...recurring }),
    price({ id: 'price_chat', product: 'prod_chat', ...recurring }),
    price({ id: 'price_course', metadata: { payments_trial_days: '21' }, ...recurring }),
    price({ id: 'price_seat', product: 'prod_seat', metadata: { payments_trial_days: '7' }, ...recurring }),
    price({ id: 'price_pro_usage', product: 'prod_pro', ...recurring }),
  ]
  await projectObjects(sql, prices, 1)
  const plan = { mode: 'subscription', product_group: 'plans', one_plan: true }
  const offers: [string, Json][] = [
    [
      'pro',
      { lookup_key: 'pro', ...plan, forced_options: { trial_period_days: 14, trial_without_card: true } },
    ],
    ['team', { price_id: 'price_team', ...plan, allowed_options: ['trial_period_days'] }],
    ['chat', { price_id: 'price_chat', mode: 'subscription', product_group: 'extras' }],
    ['course', { price_id: 'price_course', mode: 'subscription', product_group: 'courses' }],
  ]
  for (const [id, offer] of offers) await sql`select payments.put_offer('test', ${id}, ${sql.json(offer)})`
})
afterAll(() => database.close())

const backend: Claims = { role: 'service' }
const plan = (id: string, priceId = 'price_team', more: CheckoutRequest = {}): CheckoutRequest => ({
  mode: 'subscription',
  subject: { type: 'user', id },
  lineItems: [{ priceId }],
  ...more,
})
const subscribe = (id: string, priceId?: string, more?: CheckoutRequest, caller: Claims = user(id)) =>
  asCaller(sql, service, (sql) => begin(sql, caller, plan(id, priceId, more)))

/** A subscription of a user that Stripe reports. */
const living = (id: string, status: string, item: Json, more: Json = {}) =>
  projectObjects(
    sql,
    [
      subscription({
        status,
        customer: `cus_${id}`,
        metadata: subjectMetadata('user', id),
        items: [subscriptionItem({ price: item })],
        ...more,
      }),
    ],
    T,
  )
const team = { id: 'price_team', object: 'price', product: 'prod_team' }

describe('a second plan', () => {
  test.each(['trialing', 'active', 'past_due', 'unpaid', 'paused', 'a_new_word'])(
    'is refused while there is one that is %s, to users and to a backend',
    async (status) => {
      const id = newId('user')
      await living(id, status, team, { id: `sub_${id}` })
      for (const caller of [user(id), backend])
        expect(await refusal(subscribe(id, 'price_pro', {}, caller))).toEqual({
          code: 'SP059',
          message: `This subject has a plan of the group plans already: sub_${id}.`,
          hint: 'Change it in the Billing Portal: create a customer portal session with the flow subscription_update.',
        })
    },
  )

  test.each(['canceled', 'incomplete', 'incomplete_expired'])(
    'is allowed after one that is %s',
    async (status) => {
      const id = newId('user')
      await living(id, status, team)
      expect((await subscribe(id)).action).toBe('send')
    },
  )

  test('is one of the same product group: an extra, and the plan of somebody else, do not count', async () => {
    const id = newId('user')
    await living(id, 'active', { id: 'price_chat', object: 'price', product: 'prod_chat' })
    await living(newId('user'), 'active', team)
    expect((await subscribe(id)).action).toBe('send')
    expect((await subscribe(id, 'price_chat')).action).toBe('send')
  })

  test('is also one in the same cart, for a backend as well; two prices of a product are one', async () => {
    const both = { lineItems: [{ priceId: 'price_team' }, { priceId: 'price_pro' }] }
    const twice = {
      code: 'SP059',
      message: 'lineItems has two plans of the group plans.',
      hint: 'Begin a checkout of one of them.',
    }
    expect(await refusal(subscribe('cart', 'price_team', both, backend))).toEqual(twice)
    const usage = { lineItems: [{ priceId: 'price_pro' }, { priceId: 'price_pro_usage' }] }
    expect((await subscribe('cart', 'price_pro', usage, backend)).action).toBe('send')
  })

  test('is also one beside a price that its product had before', async () => {
    const id = newId('user')
    await living(id, 'active', { id: 'price_pro_2024', object: 'price', product: 'prod_pro' })
    expect((await refusal(subscribe(id))).code).toBe('SP059')
  })

  test('is refused after the policies: a stranger does not learn that there is a plan', async () => {
    const id = newId('user')
    await living(id, 'active', team)
    expect((await refusal(subscribe(id, 'price_team', {}, user('stranger')))).code).toBe('42501')
  })

  test('is refused when a session that has expired is begun again', async () => {
    const id = newId('user')
    const request = { idempotencyKey: newId('key') }
    const { session } = await subscribe(id, 'price_team', request)
    await sql`update payments.stripe_checkout_sessions set status = 'expired' where id = ${session.id}`
    await living(id, 'active', team)
    expect((await refusal(subscribe(id, 'price_team', request))).code).toBe('SP059')
  })
})

describe('two checkouts of plans', () => {
  const open = async (id: string, priceId: string) => {
    const begun = await subscribe(id, priceId)
    const checkout = `cs_test_${newId(id)}`
    await asCaller(sql, service, (sql) =>
      complete(
        sql,
        begun,
        {
          id: checkout,
          object: 'checkout.session',
          status: 'open',
          payment_status: 'unpaid',
          mode: 'subscription',
          url: 'https://checkout.example',
          livemode: false,
          created: T,
          metadata: {},
        },
        T,
      ),
    )
    return checkout
  }

  test('the second takes the place of the first: it says which open session to expire', async () => {
    const id = newId('user')
    const first = await open(id, 'price_pro')
    const second = await subscribe(id, 'price_team')
    expect(second).toMatchObject({ action: 'send', expire: [first] })
    expect(await subscribe(id, 'price_chat')).toMatchObject({ expire: [] })
    expect(await subscribe(newId('user'), 'price_team')).toMatchObject({ expire: [] })
  })

  test('at the same moment, the second waits until the first is a row', async () => {
    const id = newId('user')
    const order: string[] = []
    let second: Promise<unknown> = Promise.resolve()
    await asCaller(sql, service, async (one) => {
      await begin(one, user(id), plan(id))
      second = subscribe(id).then(() => order.push('second'))
      await one`select set_config('role', 'none', true)`
      for (;;) {
        const [row] = await one`
          select count(*) as waiting from pg_locks where locktype = 'advisory' and not granted
            and database = (select oid from pg_database where datname = current_database())`
        if (Number(row?.waiting) > 0) break
      }
      order.push('first')
    })
    await second
    expect(order).toEqual(['first', 'second'])
  })
})

describe('a trial', () => {
  test('that an offer forces is given once, and then left out', async () => {
    const id = newId('user')
    expect((await subscribe(id, 'price_pro')).params).toMatchObject({
      payment_method_collection: 'if_required',
      subscription_data: { trial_period_days: 14 },
    })
    await living(id, 'canceled', team, { trial_start: T, trial_end: T + 86_400 })
    const again = await subscribe(id, 'price_pro')
    expect(again.params.subscription_data).not.toHaveProperty('trial_period_days')
    expect(again.params).not.toHaveProperty('payment_method_collection')
  })

  test('that a buyer asks for is refused the second time, and only to buyers', async () => {
    const id = newId('user')
    const trial = { options: { trial_period_days: 7 } }
    expect((await subscribe(id, 'price_team', trial)).action).toBe('send')
    await living(id, 'canceled', team, { trial_start: T, trial_end: T + 86_400 })
    expect(await refusal(subscribe(id, 'price_team', trial))).toMatchObject({
      code: 'SP058',
      message: 'This subject has had its trial.',
    })
    expect((await subscribe(id, 'price_team', trial, backend)).action).toBe('send')
    await sql`select payments.put_offer('test', 'team', ${sql.json({
      price_id: 'price_team',
      mode: 'subscription',
      product_group: 'plans',
      one_plan: true,
      allowed_options: ['trial_period_days'],
      trial_once: false,
    })})`
    expect((await subscribe(id, 'price_team', trial)).action).toBe('send')
    await sql`update payments.offers set trial_once = true where offer_id = 'team'`
  })

  /** The days of the trial that a checkout of the price with a trial in the catalogue sends to Stripe. */
  const courseTrial = async (id: string, caller?: Claims) =>
    (await subscribe(id, 'price_course', {}, caller)).params.subscription_data.trial_period_days

  test('of the catalogue needs one of each recurring price: the shortest counts, and none reaches a price without', async () => {
    const daysOf = async (...priceIds: string[]) => {
      const lineItems = priceIds.map((priceId) => ({ priceId }))
      const { params } = await subscribe('mixed', priceIds[0], { lineItems }, backend)
      return (params as Json).subscription_data?.trial_period_days
    }
    expect(await daysOf('price_course')).toBe(21)
    expect(await daysOf('price_course', 'price_seat')).toBe(7)
    expect(await daysOf('price_course', 'price_chat')).toBeUndefined()
    expect(await daysOf('price_course', 'price_unknown')).toBeUndefined()
  })

  test('of the catalogue is given once to buyers, and again by a backend or an offer that says so', async () => {
    const id = newId('user')
    expect(await courseTrial(id)).toBe(21)
    await living(id, 'canceled', team, { trial_start: T, trial_end: T + 86_400 })
    expect(await courseTrial(id)).toBeUndefined()
    expect(await courseTrial(id, backend)).toBe(21)
    expect(await courseTrial(newId('user'))).toBe(21)
    await sql`update payments.offers set trial_once = false where offer_id = 'course'`
    expect(await courseTrial(id)).toBe(21)
    await sql`update payments.offers set trial_once = true where offer_id = 'course'`
  })

  test('of the catalogue counts from the completed checkout on, before its subscription is seen', async () => {
    const id = newId('user')
    const { session } = await subscribe(id, 'price_course')
    const complete = (forced: Json) => sql`
      update payments.stripe_checkout_sessions set status = 'completed', forced_options = ${sql.json(forced)}
      where id = ${session.id}`
    await complete({ trial_period_days: null }) // it was left out
    expect(await courseTrial(id)).toBe(21)
    await complete({})
    expect(await courseTrial(id)).toBeUndefined()
    expect(await refusal(subscribe(id, 'price_team', { options: { trial_period_days: 7 } }))).toMatchObject({
      code: 'SP058',
    })
  })
})
