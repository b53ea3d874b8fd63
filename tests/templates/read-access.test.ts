/** What app users may read with the template, checked for every kind of caller. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  anonymous,
  asCaller,
  type Claims,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../setup/database.ts'
import { ingestAll, refusal } from '../sql/support/calls.ts'
import {
  checkoutSession,
  eventOf,
  invoice,
  newId,
  price,
  product,
  subjectMetadata,
  subscription,
  subscriptionItem,
} from '../sql/support/stripe.ts'
import { installTwice } from './support/install.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  for (const name of ['team-billing-policies', 'team-entitlements', 'read-access']) {
    await installTwice(database.sql, name)
  }
  await database.sql`insert into public.plans (price_id, plan) values ('price_team', 'gold')`
  await database.sql`
    insert into public.team_members (team_id, user_id, role) values
      ('t1', 'owner', 'owner'), ('t1', 'member', 'member'), ('t2', 'outsider', 'owner')`
  const subscribed = (type: string, id: string) =>
    eventOf(
      'customer.subscription.created',
      subscription({
        customer: newId('cus'),
        items: [subscriptionItem()],
        metadata: subjectMetadata(type, id),
      }),
    )
  const bought = (type: string, id: string) =>
    eventOf(
      'checkout.session.completed',
      checkoutSession({ metadata: subjectMetadata(type, id), payment_intent: newId('pi') }),
    )
  await ingestAll(database.sql, [
    subscribed('team', 't1'),
    subscribed('user', 'owner'),
    bought('team', 't1'),
    bought('user', 'member'),
    eventOf('checkout.session.completed', checkoutSession({ payment_intent: newId('pi') })),
    eventOf('product.created', product({ id: 'prod_sold' })),
    eventOf('product.created', product({ id: 'prod_archived', active: false })),
    eventOf('price.created', price({ id: 'price_sold', product: 'prod_sold' })),
    eventOf('price.created', price({ id: 'price_archived', product: 'prod_sold', active: false })),
  ])
})
afterAll(() => database.close())

const readBy = async (caller: Claims, query: string) =>
  (await asCaller(database.sql, caller, (sql) => sql.unsafe(query))).map((row) =>
    Object.values(row).join(' '),
  )
const subjects = (table: string) =>
  `select subject_type, subject_id from payments.${table} order by subject_type, subject_id`
const noUser = { role: 'authenticated' } as Claims

test.each<[string, Claims, string[], string[], string[]]>([
  ['an owner of a team', user('owner'), ['t1 gold'], ['team t1'], ['team t1', 'user owner']],
  ['a member', user('member'), ['t1 gold'], ['user member'], []],
  ['a member of another team', user('outsider'), [], [], []],
  ['a stranger', user('stranger'), [], [], []],
  ['a token without sub', noUser, [], [], []],
])('%s reads its own and no more', async (_, caller, plans, payments, subscriptions) => {
  expect(await readBy(caller, 'select team_id, plan from public.team_plans')).toEqual(plans)
  expect(await readBy(caller, subjects('transactions'))).toEqual(payments)
  expect(await readBy(caller, subjects('stripe_subscriptions'))).toEqual(subscriptions)
})

test('nobody who is not signed in reads plans, payments or subscriptions', async () => {
  for (const query of [
    'select team_id, plan from public.team_plans',
    subjects('transactions'),
    subjects('stripe_subscriptions'),
  ]) {
    expect(await refusal(readBy(anonymous, query))).toMatchObject({ code: '42501' })
  }
})

test.each<[string, Claims]>([
  ['a signed-in user', user('stranger')],
  ['an anonymous caller', anonymous],
])('what is for sale is seen by %s, and what is archived is not', async (_, caller) => {
  expect(await readBy(caller, 'select price_id, unit_amount, currency from payments.stripe_prices')).toEqual([
    'price_sold 1000 usd',
  ])
  expect(await readBy(caller, 'select product_id, name from payments.stripe_products')).toEqual([
    'prod_sold Tea',
  ])
})

describe('what is not for browsers is refused', () => {
  test.each([
    'select raw from payments.stripe_subscriptions',
    'select metadata from payments.stripe_prices',
    'select customer_email_snapshot from payments.transactions',
    'select from payments.customers',
    'select from payments.webhook_events',
    'select from public.plans',
    'select from public.team_members',
  ])('%s', async (query) => {
    expect(await refusal(readBy(user('owner'), query))).toMatchObject({ code: '42501' })
  })

  test.each([
    `update payments.transactions set amount = 1`,
    `insert into public.team_members values ('t2', 'owner', 'owner')`,
  ])('%s', async (statement) => {
    expect(await refusal(readBy(user('owner'), statement))).toMatchObject({ code: '42501' })
  })

  test.each([
    `delete from public.team_entitlements`,
    `update public.team_entitlements set plan = 'big'`,
    `update public.team_plans set plan = 'big'`,
  ])('%s, because a view is derived', async (statement) => {
    expect(await refusal(readBy(user('owner'), statement))).toMatchObject({ code: '55000' })
  })

  test('select from public.team_entitlements, which shows all teams', async () => {
    for (const caller of [user('owner'), anonymous]) {
      expect(await refusal(readBy(caller, 'select from public.team_entitlements'))).toMatchObject({
        code: '42501',
      })
    }
  })
})

describe('the plans of all teams', () => {
  const PLANS = 'select team_id, plan from public.team_plans'

  test('are read by the owner of the tables, and by the handlers’ role if it is granted the view', async () => {
    expect([...(await database.sql.unsafe(PLANS))]).toEqual([{ team_id: 't1', plan: 'gold' }])
    const granted = database.sql.begin(async (sql) => {
      await sql`grant select on public.team_plans to payments_service`
      await sql`grant execute on function public.teams_of_caller() to payments_service`
      await sql`set local role payments_service`
      const rows = await sql.unsafe(PLANS)
      throw new Error(`undo ${rows.length}`)
    })
    await expect(granted).rejects.toThrow('undo 1')
  })

  test('are not read by a login that inherits the rights of users, whatever its token says', async () => {
    const login = database.sql.begin(async (sql) => {
      await sql.unsafe('create role reader_of_read_access in role authenticated')
      await sql`set local role reader_of_read_access`
      const rows = await sql.unsafe(PLANS)
      throw new Error(`undo ${rows.length}`)
    })
    await expect(login).rejects.toThrow('undo 0')
  })
})

test.each<[string, Claims]>([
  ['an anonymous caller', anonymous],
  ['a signed-in user', user('member')],
])(
  'once there are offers, %s sees them and what they sell, and nothing of what they force',
  async (_, caller) => {
    await database.sql`
    insert into payments.offers (environment, offer_id, price_id, mode, roles, active, forced_options) values
      ('test', 'sold', 'price_sold', 'payment', null, true, '{"discounts": [{"coupon": "secret"}]}'),
      ('test', 'closed', 'price_archived', 'payment', null, false, '{}')`
    try {
      expect(await readBy(caller, 'select offer_id from payments.offers')).toEqual(['sold'])
      expect(await readBy(caller, 'select price_id from payments.stripe_prices')).toEqual(['price_sold'])
      expect(await readBy(caller, 'select product_id from payments.stripe_products')).toEqual(['prod_sold'])
      const forced = asCaller(database.sql, caller, (sql) => sql`select forced_options from payments.offers`)
      expect((await refusal(forced)).code).toBe('42501')
      await database.sql`update payments.offers set ends_at = '2020-01-01' where offer_id = 'sold'`
      expect(await readBy(caller, 'select price_id from payments.stripe_prices')).toEqual([])
      expect(await readBy(caller, 'select product_id from payments.stripe_products')).toEqual([])
    } finally {
      await database.sql`truncate payments.offers`
    }
  },
)

test('"pg-payments add read-access" grants the same columns, and its policies are for the same tables', async () => {
  const read = async (name: string) => {
    const text = await readFile(new URL(`../../sql/templates/${name}.sql`, import.meta.url), 'utf8')
    const [up = ''] = text.split('-- Down')
    return {
      grants: [...up.matchAll(/grant select \([^)]*\)\s+on payments\.\w+ to [\w, ]+;/g)].map(
        ([grant]) => grant,
      ),
      policies: [...up.matchAll(/create policy \S+ on (payments\.\w+)/g)].map(([, table]) => table),
    }
  }
  const copied = await read('read-access')
  expect(copied.grants).toHaveLength(7)
  expect(await read('add/read-access')).toEqual(copied)
})

describe('from every side', () => {
  const billed = (id: string, type: string, owner: string) =>
    invoice({ id, customer: newId('cus'), metadata: subjectMetadata(type, owner) })
  const credited = (id: string, of: string) => ({
    id,
    object: 'credit_note',
    amount: 100,
    total: 100,
    currency: 'usd',
    created: 1_760_000_000,
    customer: 'cus_of_credit',
    invoice: of,
    livemode: false,
    metadata: {},
    number: `${of}-CN`,
    status: 'issued',
    type: 'post_payment',
  })
  beforeAll(async () => {
    await ingestAll(database.sql, [
      eventOf('invoice.paid', billed('in_team', 'team', 't1')),
      eventOf('invoice.paid', billed('in_member', 'user', 'member')),
      eventOf('credit_note.created', credited('cn_team', 'in_team')),
      eventOf('credit_note.created', credited('cn_member', 'in_member')),
    ])
    await database.sql`
      insert into payments.offers (environment, offer_id, price_id, mode, roles)
      values ('test', 'for_users', 'price_sold', 'payment', '{authenticated}')`
  })
  afterAll(() => database.sql`truncate payments.offers`)

  const sides = {
    anonymous,
    stranger: user('stranger'),
    'a member without a billing role': user('member'),
    'the owner of the team': user('owner'),
    'the service': service,
  } satisfies Record<string, Claims>
  type Side = keyof typeof sides

  /** What comes of a statement that is rolled back: its rows as words, or the code of the refusal. */
  async function outcome(side: Side, statement: string): Promise<string> {
    const undo = new Error('undo')
    let words = ''
    try {
      await asCaller(database.sql, sides[side], async (sql) => {
        const rows = await sql.unsafe(statement)
        words = rows.map((row) => Object.values(row).map(String).join(' ')).join(', ') || `${rows.count} rows`
        throw undo
      })
    } catch (error) {
      if (error !== undo) return (error as { code: string }).code
    }
    return words
  }

  const REFUSED = '42501'
  const checkout = (type: string, id: string, options = '{}', quantity = 1) => `
    insert into payments.stripe_checkout_sessions
      (environment, mode, subject_type, subject_id, line_items, success_url, cancel_url, options)
    values ('test', 'payment', '${type}', '${id}', '[{"priceId": "price_sold", "quantity": ${quantity}}]',
      'https://a.example', 'https://a.example', '${options}')`
  const offered = (quantity: number) =>
    `select payments.is_offered('test', 'payment', '[{"priceId": "price_sold", "quantity": ${quantity}}]')`

  test.each<[what: string, statement: string, outcomes: [string, string, string, string, string]]>([
    [
      'reads invoices',
      'select invoice_id from payments.stripe_invoices order by 1',
      [REFUSED, '0 rows', 'in_member', 'in_team', 'in_member, in_team'],
    ],
    [
      'reads credit notes',
      'select credit_note_id from payments.stripe_credit_notes order by 1',
      [REFUSED, '0 rows', 'cn_member', 'cn_team', 'cn_member, cn_team'],
    ],
    [
      'reads what is private of an invoice',
      'select customer_id, metadata from payments.stripe_invoices limit 0',
      [REFUSED, REFUSED, REFUSED, REFUSED, '0 rows'],
    ],
    [
      'changes an invoice',
      `update payments.stripe_invoices set total = 0`,
      [REFUSED, REFUSED, REFUSED, REFUSED, REFUSED],
    ],
    [
      'deletes a credit note',
      `delete from payments.stripe_credit_notes`,
      [REFUSED, REFUSED, REFUSED, REFUSED, REFUSED],
    ],
    [
      'reads offers',
      'select offer_id from payments.offers',
      ['0 rows', 'for_users', 'for_users', 'for_users', 'for_users'],
    ],
    [
      'writes an offer into the table',
      `insert into payments.offers (environment, offer_id, price_id, mode) values ('test', 'all', 'x', 'payment')`,
      [REFUSED, REFUSED, REFUSED, REFUSED, REFUSED],
    ],
    [
      'writes an offer by the function',
      `select (payments.put_offer('test', 'all', '{"price_id": "price_x", "mode": "payment"}')).offer_id`,
      [REFUSED, REFUSED, REFUSED, REFUSED, 'all'],
    ],
    [
      'deletes an offer',
      `select (payments.delete_offer('test', 'for_users')).offer_id`,
      [REFUSED, REFUSED, REFUSED, REFUSED, 'for_users'],
    ],
    ['asks what is offered', offered(1), ['false', 'true', 'true', 'true', 'false']],
    ['asks for more than is offered', offered(2), ['false', 'false', 'false', 'false', 'false']],
    [
      'assigns a customer to itself',
      `select payments.assign_subject('test', 'cus_of_credit', null, 'user', 'stranger')`,
      [REFUSED, REFUSED, REFUSED, REFUSED, 'SP060'],
    ],
    [
      'erases somebody',
      `select payments.erase_subject('test', 'user', 'member') ->> 'subject_id'`,
      [REFUSED, REFUSED, REFUSED, REFUSED, 'member'],
    ],
    [
      'completes a checkout',
      `select from payments.complete_checkout_session('test', gen_random_uuid(), 1, '{}', now())`,
      [REFUSED, REFUSED, REFUSED, REFUSED, 'SP001'],
    ],
    ['buys for the team', checkout('team', 't1'), [REFUSED, REFUSED, REFUSED, '1 rows', '1 rows']],
    [
      'buys for the team with an option that is not offered',
      checkout('team', 't1', '{"locale": "de", "allow_promotion_codes": true}'),
      [REFUSED, REFUSED, REFUSED, 'SP058', '1 rows'],
    ],
    [
      'buys more than is offered',
      checkout('team', 't1', '{"locale": "de"}', 2),
      [REFUSED, REFUSED, REFUSED, 'SP057', '1 rows'],
    ],
    [
      'forces options of its own',
      `insert into payments.stripe_checkout_sessions (environment, mode, line_items, success_url, cancel_url, forced_options)
      values ('test', 'payment', '[]', 'https://a.example', 'https://a.example', '{"discounts": []}')`,
      [REFUSED, REFUSED, REFUSED, REFUSED, REFUSED],
    ],
  ])('who %s', async (_, statement, outcomes) => {
    const found: string[] = []
    for (const side of Object.keys(sides) as Side[]) found.push(await outcome(side, statement))
    expect(Object.fromEntries(Object.keys(sides).map((side, i) => [side, found[i]]))).toEqual(
      Object.fromEntries(Object.keys(sides).map((side, i) => [side, outcomes[i]])),
    )
  })
})
