/** Lists: order, filters, pages, and what bad cursors and limits get. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminSystem, type Body, ENCRYPTION_KEY, startAdminSystem } from '../admin/support.ts'
import { startNode } from '../support/server.ts'
import { ADMIN_KEY } from '../support/system.ts'

let system: AdminSystem
const TEST = '/api/payments/stripe/test'

beforeAll(async () => {
  system = await startAdminSystem()
  const { sql } = system.database
  // Many rows of the same instant, some without one, and a few of the other environment.
  await sql`
    insert into payments.stripe_subscriptions (
      environment, subscription_id, customer_id, subject_type, subject_id, status, updated_at
    )
    select case when n % 10 = 0 then 'live' else 'test' end, 'sub_' || n, 'cus_' || n % 3,
      case when n % 4 = 0 then 'team' end, case when n % 4 = 0 then (n % 5)::text end,
      case when n % 2 = 0 then 'active' else 'canceled' end,
      timestamptz '2026-01-01' + (n / 7) * interval '0.000001 seconds'
    from generate_series(1, 130) as n`
  await sql`
    insert into payments.stripe_subscription_items (environment, subscription_item_id, subscription_id, price_id, quantity)
    select environment, 'si_' || subscription_id || '_' || k, subscription_id, 'price_1', k
    from payments.stripe_subscriptions, generate_series(1, 2) as k`
  await sql`
    insert into payments.transactions (
      environment, type, status, subject_type, subject_id, provider_customer_id, provider_object_type, provider_object_id,
      amount, amount_refunded, currency, provider_created_at, paid_at, related_object_ids
    )
    select 'test', case when n % 10 = 0 then 'refund' else 'one_time_payment' end,
      case when n % 3 = 0 then 'failed' when n % 5 = 0 then 'partially_refunded' else 'succeeded' end,
      case when n % 4 = 0 then 'team' end, case when n % 4 = 0 then '7' end, 'cus_' || n % 3,
      'payment_intent', 'pi_' || n, 1000, case when n % 5 = 0 then 400 else 0 end,
      case when n = 7 then 'eur' else 'usd' end,
      case when n > 5 then timestamptz '2026-01-01' + (n / 4) * interval '1 hour' end,
      timestamptz '2026-02-01' + n * interval '1 hour', '{"checkout_session": "cs_1"}'
    from generate_series(1, 120) as n`
  await sql`
    insert into payments.customers (environment, provider_customer_id, email, deleted, raw, provider_created_at)
    select 'test', 'cus_' || n, 'c' || n || '@shop.example', n % 5 = 0,
      '{"address": {"country": "de"}, "invoice_settings": {"default_payment_method": {"card": {"brand": "visa", "last4": "4242"}}}}',
      case when n > 3 then timestamptz '2026-01-01' + (n / 3) * interval '1 day' end
    from generate_series(0, 60) as n`
  await sql`
    insert into payments.customer_mappings (environment, subject_type, subject_id, provider_customer_id)
    values ('test', 'team', '7', 'cus_2')`
  await sql`
    insert into payments.stripe_invoices (
      environment, invoice_id, number, status, customer_id, subject_type, subject_id, subscription_id, currency, total,
      amount_due, amount_paid, amount_remaining, provider_created_at
    )
    select 'test', 'in_' || n, 'A-' || n, case when n % 3 = 0 then 'open' else 'paid' end, 'cus_' || n % 3,
      case when n % 4 = 0 then 'team' end, case when n % 4 = 0 then '7' end, 'sub_' || n % 5, 'usd', 1000, 1000, 1000, 0,
      case when n > 5 then timestamptz '2026-01-01' + (n / 4) * interval '1 hour' end
    from generate_series(1, 120) as n`
  await sql`
    insert into payments.stripe_credit_notes (
      environment, credit_note_id, status, invoice_id, customer_id, currency, amount, provider_created_at
    )
    select 'test', 'cn_' || n, 'issued', 'in_' || n % 7, 'cus_' || n % 3, 'usd', 100,
      timestamptz '2026-01-01' + (n / 4) * interval '1 hour'
    from generate_series(1, 61) as n`
  await sql`
    insert into payments.webhook_events (
      environment, event_type, livemode, object_type, object_id, processing_status, attempt_count, payload, received_at,
      processed_at, provider_event_id
    )
    select 'test', case when n % 2 = 0 then 'invoice.paid' else 'product.updated' end, false,
      case when n % 2 = 0 then 'invoice' else 'product' end, 'obj_' || n % 6,
      case when n % 9 = 0 then 'failed' else 'processed' end, 1, '{"id": "x"}',
      timestamptz '2026-01-01' + (n / 5) * interval '1 minute', case when n % 9 = 0 then null else now() end, 'evt_' || n
    from generate_series(1, 120) as n`
})

afterAll(() => system.close())

/** Every item of a list, page by page. */
async function everything(path: string, key: string, limit: number): Promise<Body[]> {
  const items: Body[] = []
  let cursor: string | null = null
  for (;;) {
    const separator = path.includes('?') ? '&' : '?'
    const { status, body, text } = await system.admin(
      'GET',
      `${TEST}/${path}${separator}limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`,
    )
    expect(status, text).toBe(200)
    expect(body[key].length).toBeLessThanOrEqual(limit)
    items.push(...body[key])
    cursor = body.nextCursor
    if (cursor === null) return items
    expect(body[key]).toHaveLength(limit)
  }
}

const LISTS = [
  ['subscriptions', 'subscriptions', 'subscriptionId', 117],
  ['transactions', 'transactions', 'providerReferenceId', 120],
  ['customers', 'customers', 'providerCustomerId', 61],
  ['invoices', 'invoices', 'invoiceId', 120],
  ['credit-notes', 'creditNotes', 'creditNoteId', 61],
  ['webhook-events', 'events', 'eventId', 120],
] as const

describe.each(LISTS)('the list of %s', (path, key, id, count) => {
  it.each([1, 7, 50, 100])('has every row once in pages of %i, in the same order', async (limit) => {
    if (limit === 1 && count > 61) return
    const items = await everything(path, key, limit)
    expect(items).toHaveLength(count)
    expect(new Set(items.map((item) => item[id])).size).toBe(count)
    expect(items).toEqual(await everything(path, key, 100))
  })

  it('has 50 rows when no limit is given', async () => {
    const { body } = await system.admin('GET', `${TEST}/${path}`)
    expect(body[key]).toHaveLength(50)
    expect(body.nextCursor).toEqual(expect.any(String))
  })

  it.each(['0', '101', '1000', '-1', '1.5', 'x', ''])('refuses a limit of %j', async (limit) => {
    expect(await system.admin('GET', `${TEST}/${path}?limit=${limit}`)).toMatchObject({
      status: 400,
      body: { error: 'INVALID_INPUT', message: 'limit must be a whole number from 1 to 100.' },
    })
  })

  it('refuses what it does not know, and what is given twice', async () => {
    expect((await system.admin('GET', `${TEST}/${path}?page=2`)).body.message).toBe(
      'page is not a known field.',
    )
    expect((await system.admin('GET', `${TEST}/${path}?limit=1&limit=2`)).body.message).toBe(
      'limit must be a whole number from 1 to 100.',
    )
  })

  it('refuses a cursor that is made up, changed, of another list or of other filters', async () => {
    const { body } = await system.admin('GET', `${TEST}/${path}?limit=2`)
    const cursor = body.nextCursor as string
    const [content = '', signature = ''] = cursor.split('.')
    const forged = Buffer.from(content, 'base64url').toString().replace('"at":1', '"at":2')
    for (const wrong of [
      'x',
      '....',
      content,
      `${content}.`,
      `${content}.AAAA`,
      `${Buffer.from(forged).toString('base64url')}.${signature}`,
      `${cursor}.`,
      `${cursor}x`,
    ]) {
      const answer = await system.admin('GET', `${TEST}/${path}?limit=2&cursor=${wrong}`)
      expect(answer, wrong).toMatchObject({
        status: 400,
        body: {
          error: 'INVALID_INPUT',
          message: expect.stringMatching(/^The cursor is not one that this API gave out.*\.$/),
          nextActions: 'Begin again without a cursor.',
        },
      })
    }
    const other = path === 'customers' ? 'transactions' : 'customers'
    for (const elsewhere of [
      `${TEST}/${other}?cursor=${cursor}`,
      `/api/payments/stripe/live/${path}?cursor=${cursor}`,
      `${TEST}/${path}?from=2020-01-01T00:00:00Z&cursor=${cursor}`,
    ]) {
      expect(await system.admin('GET', elsewhere)).toMatchObject({
        status: 400,
        body: { message: 'The cursor is not one that this API gave out for this list and these filters.' },
      })
    }
  })

  it('can be narrowed by time', async () => {
    const all = await everything(path, key, 100)
    const field = {
      subscriptions: 'updatedAt',
      transactions: 'providerCreatedAt',
      customers: 'providerCreatedAt',
      invoices: 'providerCreatedAt',
      'credit-notes': 'providerCreatedAt',
    }[path as string]
    const at = field ?? 'receivedAt'
    const middle = all[Math.floor(count / 2)]?.[at] as string
    const later = await everything(`${path}?from=${encodeURIComponent(middle)}`, key, 100)
    const earlier = await everything(`${path}?to=${encodeURIComponent(middle)}`, key, 100)
    expect(later.length + earlier.length).toBe(all.filter((item) => item[at] !== null).length)
    expect(later.length).toBeGreaterThan(0)
    expect((await system.admin('GET', `${TEST}/${path}?from=yesterday`)).body.message).toBe(
      'from must be an instant in ISO-8601, as in 2026-10-28T09:00:00Z.',
    )
  })
})

it('a cursor is good for a day', async () => {
  let clock = Date.now()
  const server = await startNode(
    { ...system.env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY },
    { now: () => clock },
  )
  const ask = async (query: string) =>
    (await (
      await fetch(`${server.url}${TEST}/customers?${query}`, { headers: { 'x-api-key': ADMIN_KEY } })
    ).json()) as Body
  const { nextCursor } = await ask('limit=1')
  clock += 24 * 3600 * 1000 - 2000
  expect((await ask(`limit=1&cursor=${nextCursor}`)).customers).toHaveLength(1)
  clock += 4000
  expect(await ask(`limit=1&cursor=${nextCursor}`)).toMatchObject({
    statusCode: 400,
    message: 'The cursor is older than a day.',
    nextActions: 'Begin again without a cursor.',
  })
  await server.stop()
})

describe('subscriptions', () => {
  it('come with their items, the newest change first', async () => {
    const items = await everything('subscriptions', 'subscriptions', 100)
    expect(items[0]).toMatchObject({
      subscriptionId: expect.stringMatching(/^sub_1(2[6-9])$/),
      items: [{ quantity: 1 }, { quantity: 2 }],
    })
  })

  it('can be narrowed by subject, customer and status', async () => {
    const of = async (query: string) =>
      (await everything(`subscriptions?${query}`, 'subscriptions', 100)).length
    const [row] = await system.database.sql`
      select count(*) filter (where subject_id = '1')::integer as subject, count(*) filter (where customer_id = 'cus_1')::integer as customer,
        count(*) filter (where status = 'active')::integer as active
      from payments.stripe_subscriptions where environment = 'test'`
    expect(await of('subjectType=team&subjectId=1')).toBe(row?.subject)
    expect(await of('customerId=cus_1')).toBe(row?.customer)
    expect(await of('status=active')).toBe(row?.active)
    expect(row?.subject).toBeGreaterThan(0)
  })

  it('show, and find, a status that Stripe has added', async () => {
    const { sql } = system.database
    await sql`
      insert into payments.stripe_subscriptions (environment, subscription_id, customer_id, status)
      values ('live', 'sub_new_word', 'cus_new_word', 'hibernating')`
    const { status, body } = await system.admin(
      'GET',
      '/api/payments/stripe/live/subscriptions?status=hibernating',
    )
    expect([status, body.subscriptions.length]).toEqual([200, 1])
    expect(body.subscriptions[0]).toMatchObject({ subscriptionId: 'sub_new_word', status: 'hibernating' })
    const none = await system.admin('GET', '/api/payments/stripe/live/subscriptions?status=levitating')
    expect([none.status, none.body.subscriptions]).toEqual([200, []])
  })

  it('show the period of each item', async () => {
    const { sql } = system.database
    await sql`
      insert into payments.stripe_subscriptions (environment, subscription_id, customer_id, status)
      values ('live', 'sub_periods', 'cus_periods', 'active')`
    await sql`
      insert into payments.stripe_subscription_items (
        environment, subscription_item_id, subscription_id, current_period_start, current_period_end
      )
      values ('live', 'si_m', 'sub_periods', '2026-01-01Z', '2026-02-01Z'), ('live', 'si_y', 'sub_periods', null, null)`
    const { body } = await system.admin(
      'GET',
      '/api/payments/stripe/live/subscriptions?customerId=cus_periods',
    )
    expect(body.subscriptions[0].items).toMatchObject([
      {
        subscriptionItemId: 'si_m',
        currentPeriodStart: '2026-01-01T00:00:00.000Z',
        currentPeriodEnd: '2026-02-01T00:00:00.000Z',
      },
      { subscriptionItemId: 'si_y', currentPeriodStart: null, currentPeriodEnd: null },
    ])
  })

  it.each([
    ['subjectType=team', 'subjectId is required with subjectType.'],
    ['subjectId=1', 'subjectType is required with subjectId.'],
    ['status=', 'status must not be empty.'],
  ])('refuse the filter %s', async (query, message) => {
    expect(await system.admin('GET', `${TEST}/subscriptions?${query}`)).toMatchObject({
      status: 400,
      body: { message },
    })
  })
})

describe('transactions', () => {
  it('can be narrowed by subject, customer, status and type', async () => {
    const of = async (query: string) =>
      (await everything(`transactions?${query}`, 'transactions', 100)).length
    expect(await of('subjectType=team&subjectId=7')).toBe(30)
    expect(await of('customerId=cus_1')).toBe(40)
    expect(await of('status=failed')).toBe(40)
    expect(await of('type=refund')).toBe(12)
  })

  it('say what a lost dispute took', async () => {
    await system.database.sql`
      insert into payments.transactions (
        environment, type, status, provider_object_type, provider_object_id, provider_customer_id, amount, currency, dispute_status,
        dispute_amount, amount_disputed
      )
      values ('test', 'one_time_payment', 'succeeded', 'payment_intent', 'pi_lost', 'cus_lost', 1000, 'usd', 'lost', 700, 700)`
    const { body } = await system.admin('GET', `${TEST}/transactions?customerId=cus_lost`)
    await system.database.sql`delete from payments.transactions where provider_customer_id = 'cus_lost'`
    expect(body.transactions).toEqual([
      expect.objectContaining({ status: 'succeeded', amountDisputed: 700, disputeStatus: 'lost' }),
    ])
  })
})

describe('invoices', () => {
  it('can be narrowed by subject, customer, subscription, status and number', async () => {
    const of = async (query: string) => (await everything(`invoices?${query}`, 'invoices', 100)).length
    expect(await of('subjectType=team&subjectId=7')).toBe(30)
    expect(await of('customerId=cus_1')).toBe(40)
    expect(await of('subscriptionId=sub_1')).toBe(24)
    expect(await of('status=open')).toBe(40)
    expect(await of('number=A-17')).toBe(1)
  })
})

describe('credit notes', () => {
  it('can be narrowed by invoice and customer', async () => {
    const of = async (query: string) => (await everything(`credit-notes?${query}`, 'creditNotes', 100)).length
    expect(await of('invoiceId=in_1')).toBe(9)
    expect(await of('customerId=cus_1')).toBe(21)
  })
})

describe('customers', () => {
  it('come with what they paid', async () => {
    const { body } = await system.admin('GET', `${TEST}/customers?customerId=cus_2`)
    const [row] = await system.database.sql`
      select count(*)::integer as count, sum(amount - amount_refunded)::integer as spend from payments.transactions
      where provider_customer_id = 'cus_2' and type <> 'refund' and status <> 'failed'`
    expect(body.customers).toEqual([
      expect.objectContaining({
        providerCustomerId: 'cus_2',
        paymentsCount: row?.count,
        totalSpend: row?.spend,
        totalSpendCurrency: 'usd',
        lastPaymentAt: expect.any(String),
        countryCode: 'DE',
        paymentMethodBrand: 'visa',
        paymentMethodLast4: '4242',
      }),
    ])
  })

  it('who paid in several currencies, or nothing, have no sum', async () => {
    const sum = async (id: string) => {
      const { body } = await system.admin('GET', `${TEST}/customers?customerId=${id}`)
      const { totalSpend, totalSpendCurrency } = body.customers[0]
      return [totalSpend, totalSpendCurrency]
    }
    expect(await sum('cus_1')).toEqual([null, null])
    expect(await sum('cus_50')).toEqual([null, null])
  })

  it('can be narrowed by subject, e-mail address and status', async () => {
    const ids = async (query: string) =>
      (await everything(`customers?${query}`, 'customers', 100)).map(
        (customer) => customer.providerCustomerId,
      )
    expect(await ids('subjectType=team&subjectId=7')).toEqual(['cus_2'])
    expect(await ids('email=c9%40shop.example')).toEqual(['cus_9'])
    expect(await ids('status=deleted')).toHaveLength(13)
  })
})

describe('the cost of a page', () => {
  it('does not grow with the list: the newest rows come from an index, the last page as well', async () => {
    const { sql } = system.database
    await sql`
      insert into payments.webhook_events (
        environment, event_type, livemode, processing_status, payload, received_at, processed_at, provider_event_id
      )
      select 'test', 'product.updated', false, 'processed', '{}', timestamptz '2020-01-01' + n * interval '1 minute', now(), 'old_' || n
      from generate_series(1, 20000) as n`
    await sql`
      insert into payments.stripe_subscriptions (environment, subscription_id, customer_id, status)
      select 'test', 'many_' || n, 'cus', 'active' from generate_series(1, 20000) as n`
    await sql`
      insert into payments.transactions (environment, type, status, provider_object_type, provider_object_id, provider_created_at)
      select 'test', 'one_time_payment', 'succeeded', 'charge', 'many_' || n, timestamptz '2020-01-01' + n * interval '1 minute'
      from generate_series(1, 20000) as n`
    await sql`analyze payments.webhook_events, payments.stripe_subscriptions, payments.transactions`
    const plan = async (table: string, column: string, after: string) => {
      const rows =
        await sql.unsafe(`explain select * from payments.${table} as t where environment = 'test' ${after}
        order by ${column} desc, id desc limit 51`)
      return rows.map((row) => row['QUERY PLAN']).join('\n')
    }
    const last = (column: string) =>
      `and (${column} <= '2020-01-02'::timestamptz and (${column} < '2020-01-02'::timestamptz or id < '${crypto.randomUUID()}'::uuid))`
    for (const [table, column] of [
      ['webhook_events', 'received_at'],
      ['stripe_subscriptions', 'updated_at'],
      ['transactions', 'provider_created_at'],
    ] as const) {
      for (const after of ['', last(column)]) {
        expect(await plan(table, column, after)).toMatch(
          new RegExp(`Index Scan.* using ${table}_${column.replace('stripe_', '')}_idx`),
        )
      }
    }
  })
})
