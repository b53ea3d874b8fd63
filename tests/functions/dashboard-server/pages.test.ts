/** What the pages of the dashboard read, besides the lists that were there before. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cell } from '../../../functions/lists/export.ts'
import { type AdminSystem, type Body, connect, startAdminSystem } from '../admin/support.ts'
import { WEBHOOK_SECRET } from '../support/system.ts'
import { fillShop } from './data.ts'
import { READ_KEY } from './support.ts'

let system: AdminSystem
const E = '/api/payments/stripe/test'

beforeAll(async () => {
  system = await startAdminSystem({
    env: { PAYMENTS_ADMIN_READ_KEY: READ_KEY, STRIPE_TEST_WEBHOOK_SECRET: WEBHOOK_SECRET },
  })
  await fillShop(system.database)
})
afterAll(() => system.close())

async function get(path: string): Promise<Body> {
  const { status, body, text } = await system.admin('GET', `${E}/${path}`)
  expect(status, text).toBe(200)
  return body
}
const refusal = async (path: string) => {
  const { status, body } = await system.admin('GET', `${E}/${path}`)
  return [status, body.error, body.message]
}

describe('revenue', () => {
  const november = 'from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z'

  it('is what was paid, refunded, lost and failed on each day and in each currency', async () => {
    const none = { revenue: 0, payments: 0, refunds: 0, refundCount: 0, disputed: 0, failed: 0 }
    const { days, timeZone } = await get(`revenue?${november}`)
    expect(timeZone).toBe('UTC')
    expect(days).toEqual([
      { ...none, day: '2026-11-10', currency: 'eur', revenue: 3000, payments: 1 },
      { ...none, day: '2026-11-10', currency: 'usd', revenue: 900, payments: 1, failed: 1 },
      { ...none, day: '2026-11-11', currency: 'eur', refunds: 500, refundCount: 1 },
      { ...none, day: '2026-11-12', currency: 'eur', disputed: 700 },
    ])
  })

  it('has the days of the time zone that is asked for', async () => {
    const { days } = await get(`revenue?${november}&timeZone=Europe/Berlin`)
    expect(days.find((day: Body) => day.revenue === 3000).day).toBe('2026-11-11')
  })

  it('adds up payments, refunds and disputes that together exceed a bigint', async () => {
    const { sql } = system.database
    await sql`
      insert into payments.transactions (
        environment, type, status, provider_object_type, provider_object_id, amount, currency, paid_at, refunded_at, disputed_at, amount_disputed
      )
      select 'test', t.type, 'succeeded', 'charge', 'huge_' || t.type || n, 9223372036854775807, 'idr', t.paid_at, t.refunded_at,
        t.paid_at, case when t.type = 'refund' then 0 else 9223372036854775807 end
      from generate_series(1, 2) as n,
        (values
          ('one_time_payment', '2026-03-01T12:00:00Z'::timestamptz, null::timestamptz),
          ('refund', null, '2026-03-01T12:00:00Z')
        ) as t (type, paid_at, refunded_at)`
    try {
      const [from, before] = ['2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z']
      const rows = await sql`
        select revenue, refunds, disputed from payments_private.revenue_by_day('test', ${from}, ${before}, 'UTC')`
      const exact = String(2n * 9223372036854775807n)
      expect([...rows]).toEqual([{ revenue: exact, refunds: exact, disputed: exact }])
      // Not through the OpenAPI document: its whole numbers end at 2^53, above which an answer rounds.
      const answer = await fetch(`${system.server.url}${E}/revenue?from=${from}&to=${before}`, {
        headers: { 'x-api-key': READ_KEY },
      })
      expect(answer.status).toBe(200)
      const rounded = { revenue: Number(exact), refunds: Number(exact), disputed: Number(exact) }
      expect(await answer.json()).toMatchObject({
        days: [{ day: '2026-03-01', currency: 'idr', ...rounded, payments: 2, refundCount: 2, failed: 0 }],
      })
    } finally {
      await sql`delete from payments.transactions where provider_object_id like 'huge%'`
    }
  })

  it.each([
    ['timeZone=Mars/Olympus', 'timeZone must be a time zone such as Europe/Berlin.'],
    ['from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z', 'from must be before to.'],
    ['from=2020-01-01T00:00:00Z&to=2026-11-01T00:00:00Z', 'from must be at most 366 days before to.'],
    ['from=2020-01-01T00:00:00Z', 'from must be at most 366 days before to.'],
  ])('is refused for %s', async (query, message) => {
    expect(await refusal(`revenue?${query}`)).toEqual([400, 'INVALID_INPUT', message])
  })
})

it('recurring revenue is by the month, of paid statuses alone, and says what has no amount', async () => {
  const { recurringRevenue } = await get('recurring-revenue')
  expect(recurringRevenue).toMatchObject({
    openStatuses: ['active', 'trialing', 'past_due'],
    paidStatuses: ['active', 'past_due'],
    openSubscriptions: 5,
    statuses: [
      { status: 'active', count: 3 },
      { status: 'canceled', count: 1 },
      { status: 'past_due', count: 1 },
      { status: 'trialing', count: 1 },
    ],
    currencies: [
      { currency: 'eur', mrr: 3 * 1000 + 833, subscriptions: 1, subscriptionsWithoutAmount: 0 },
      { currency: 'jpy', mrr: 3042, subscriptions: 1, subscriptionsWithoutAmount: 1 },
      { currency: 'usd', mrr: 1521, subscriptions: 1, subscriptionsWithoutAmount: 0 },
    ],
  })
})

it('the overview leads through the set-up, counts the rows of its environment, and what failed', async () => {
  const { overview } = await get('overview')
  expect(overview.setup.steps.map(({ step, isDone }: Body) => [step, isDone])).toEqual([
    ['key', false],
    ['webhook', true],
    ['sync', false],
    ['checkout', true],
  ])
  expect(overview.setup.isDone).toBe(false)
  expect(overview.setup.steps[0].nextAction).toBe('Store the secret key of your Stripe account.')
  expect(overview.counts).toMatchObject({
    customers: { count: 3, isExact: true },
    subscriptions: { count: 6, isExact: true },
    transactions: { count: 4, isExact: true },
    events: { count: 5, isExact: true },
    checkoutSessions: { count: 3, isExact: true },
  })
  expect(overview.backlog).toEqual({ failed: 2, deadLettered: 1, oldestFailedAt: '2026-11-21T00:00:00.000Z' })
  expect(overview.failedPayments.isExact).toBe(true)
  const live = await system.admin('GET', '/api/payments/stripe/live/overview')
  expect(live.body.overview.counts.customers).toEqual({ count: 1, isExact: true })
})

describe('the search for customers', () => {
  const found = async (search: string) =>
    (await get(`customers?search=${encodeURIComponent(search)}`)).customers.map(
      (row: Body) => row.providerCustomerId,
    )

  it.each([
    ['ada@', ['cus_Ada']],
    ['ADA', ['cus_Ada']],
    ['cus_', ['cus_100%_\\', 'cus_Bob', 'cus_Ada']],
    ['acme', ['cus_Ada']],
    ['Acme', ['cus_Bob']],
    ['percent%_', ['cus_100%_\\']],
    ['percentx', []],
    ['%', []],
    ['_', []],
    ["'; drop table payments.customers; --", []],
    ['\u{10ffff}', []],
  ])('takes %j as the beginning of an address, an id or a subject', async (search, ids) => {
    expect(await found(search)).toEqual(ids)
  })
})

it('the search finds every kind of object by its whole id, in its own environment', async () => {
  const results = async (q: string) => (await get(`search?q=${encodeURIComponent(q)}`)).results
  const kinds = async (q: string) => (await results(q)).map(({ kind, id }: Body) => [kind, id])
  expect(await results('ada@')).toEqual([
    {
      kind: 'customer',
      id: 'cus_Ada',
      title: 'Ada@Shop.example',
      subtitle: 'team acme',
      customerId: 'cus_Ada',
    },
  ])
  expect(await kinds('sub_1')).toEqual([['subscription', 'sub_1']])
  const payment = ['transaction', '00000000-0000-4000-8000-000000000001']
  for (const id of ['pi_1', 'ch_1', 'dp_1']) expect(await kinds(id)).toEqual([payment])
  expect(await kinds('re_1')).toEqual(
    expect.arrayContaining([payment, ['transaction', '00000000-0000-4000-8000-000000000002']]),
  )
  expect((await kinds('cs_1'))[0][0]).toBe('checkout_session')
  expect(await kinds('evt_3')).toEqual([['event', 'evt_3']])
  expect(await kinds('prod_1')).toEqual([['product', 'prod_1']])
  expect(await kinds('price_year')).toEqual([['price', 'price_year']])
  expect(await kinds('pi_5')).toEqual([])
})

describe('a customer', () => {
  it('is shown with every subject that was named its owner', async () => {
    const { customer, subjects, stripeUrl } = await get('customers/cus_Ada')
    expect(customer).toMatchObject({ name: '<b>Ada</b>', paymentsCount: 1, totalSpend: 1800 })
    expect(subjects.map(({ subjectId, isMapped, namedBy }: Body) => [subjectId, isMapped, namedBy])).toEqual([
      ['acme', true, 'cs_1'],
      ['former', false, 'sub_1'],
    ])
    expect(stripeUrl).toBe('https://dashboard.stripe.com/test/customers/cus_Ada')
    expect(await refusal('customers/cus_None')).toEqual([
      404,
      'PAYMENT_NOT_FOUND',
      'There is no customer cus_None in test.',
    ])
  })

  it('has a time line of everything that happened, the newest first, page by page', async () => {
    const all = (await get('customers/cus_Ada/timeline?limit=100')).entries
    expect(all.map(({ kind, objectId }: Body) => `${kind} ${objectId}`).sort()).toEqual([
      'checkout_session cs_1',
      'checkout_session null',
      'credit_note cn_1',
      'event evt_1',
      'event evt_5',
      'invoice in_1',
      'payment pi_1',
      'portal_session null',
      'portal_session null',
      'refund re_1',
      'subscription sub_1',
    ])
    const instants = all.map(({ happenedAt }: Body) => happenedAt)
    expect(instants).toEqual([...instants].sort().reverse())
    const pages: Body[] = []
    let cursor = ''
    do {
      const page = await get(`customers/cus_Ada/timeline?limit=2${cursor && `&cursor=${cursor}`}`)
      pages.push(...page.entries)
      cursor = page.nextCursor ?? ''
    } while (cursor !== '')
    expect(pages).toEqual(all)
    expect((await get('customers/cus_Ada/timeline?kind=refund')).entries).toMatchObject([
      { amount: 500, currency: 'eur' },
    ])
    expect((await get('customers/cus_Ada/timeline?kind=invoice')).entries).toMatchObject([
      { title: 'SHOP-1', status: 'paid', amount: 3000, currency: 'eur' },
    ])
    expect(JSON.stringify(all)).not.toContain('sk_test_51secret')
  })
})

describe('a payment', () => {
  const id = '00000000-0000-4000-8000-000000000001'

  it('is shown with its objects, its refunds, its dispute and the events that made it', async () => {
    const { transaction, payment, refunds, objects, events, stripeUrl } = await get(`transactions/${id}`)
    expect(transaction).toMatchObject({ id, disputeStatus: 'lost', disputeAmount: 700, amountDisputed: 700 })
    expect(payment).toBeNull()
    expect(refunds.map((refund: Body) => refund.providerReferenceId)).toEqual(['re_1'])
    expect(objects.map(({ objectType, status }: Body) => [objectType, status])).toEqual([
      ['charge', 'succeeded'],
      ['dispute', 'lost'],
      ['payment_intent', 'succeeded'],
      ['refund', 'succeeded'],
    ])
    expect(events.map(({ eventId }: Body) => eventId)).toEqual(['evt_2', 'evt_1'])
    expect(stripeUrl).toBe('https://dashboard.stripe.com/test/payments/pi_1')
  })

  it('is found from its refund', async () => {
    const { payment, refunds } = await get('transactions/00000000-0000-4000-8000-000000000002')
    expect(payment.id).toBe(id)
    expect(refunds).toEqual([])
  })

  it('of another environment, or with an id that is none, is not shown', async () => {
    expect((await refusal('transactions/00000000-0000-4000-8000-000000000005'))[0]).toBe(404)
    expect(await refusal('transactions/pi_1')).toEqual([
      400,
      'INVALID_INPUT',
      'transactionId must be the id of a transaction.',
    ])
  })

  it.each([
    ['type=refund', ['re_1']],
    ['status=failed', ['pi_3']],
    ['isDisputed=true', ['pi_1']],
    ['isDisputed=false&currency=eur', ['re_1']],
    ['currency=USD&amountFrom=900&amountTo=900', ['pi_3', 'pi_4']],
    ['currency=usd&amountFrom=901', []],
    ['objectId=ch_1', ['pi_1']],
    ['objectId=re_1', ['re_1', 'pi_1']],
    ['customerId=cus_Bob&type=one_time_payment', ['pi_4']],
    ['from=2026-11-11T00:00:00Z', ['re_1']],
  ])('is found by %s', async (query, references) => {
    const { transactions } = await get(`transactions?${query}`)
    expect(transactions.map((row: Body) => row.providerReferenceId)).toEqual(references)
  })

  it('is not looked for by an amount without a currency', async () => {
    expect(await refusal('transactions?amountFrom=1')).toEqual([
      400,
      'INVALID_INPUT',
      'currency is required with amountFrom and amountTo.',
    ])
    expect((await refusal('transactions?currency=eur&amountFrom=-1'))[0]).toBe(400)
    expect((await refusal('transactions?isDisputed=yes'))[0]).toBe(400)
  })
})

describe('the export', () => {
  it('has a line for each payment that fits, and no text that a spreadsheet would run', async () => {
    const answer = await system.admin('GET', `${E}/transactions/export?from=2026-11-01T00:00:00Z`)
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(answer.headers.get('content-disposition')).toMatch(
      /^attachment; filename="payments-test-\d{4}-\d\d-\d\d\.csv"$/,
    )
    const lines = answer.text.trimEnd().split('\r\n')
    expect(lines[0]).toMatch(/^\ufeff?id,type,status,created_at,/)
    expect(lines).toHaveLength(5)
    expect(answer.text).toContain(`"'=HYPERLINK(""https://evil.example"")"`)
    expect(answer.text).toContain(`"'+1 for you"`)
    expect(answer.text).toContain('"A ""quoted"", text"')
    expect(
      (await system.admin('GET', `${E}/transactions/export?type=refund`)).text.trimEnd().split('\r\n'),
    ).toHaveLength(2)
    expect((await system.admin('GET', `${E}/transactions/export?limit=1`)).status).toBe(400)
  })

  it.each([
    ['=1+1', `"'=1+1"`],
    ['\t=1', `"'\t=1"`],
    [' -1', `"' -1"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['＝1', `"'＝1"`],
    ['a\r\nb', '"a\r\nb"'],
    ['plain', 'plain'],
    [-5, '-5'],
    [null, ''],
  ])('writes %j as %j', (value, expected) => {
    expect(cell(value)).toBe(expected)
  })

  it('of more rows than fit a page is whole', async () => {
    await system.database.sql`
      insert into payments.transactions (environment, type, status, provider_object_type, provider_object_id, amount, currency, provider_created_at)
      select 'live', 'one_time_payment', 'succeeded', 'payment_intent', 'pi_many_' || n, n, 'eur', timestamptz '2026-01-01' + n / 7 * interval '1 second'
      from generate_series(1, 2345) as n`
    const { text } = await system.admin(
      'GET',
      '/api/payments/stripe/live/transactions/export?to=2026-02-01T00:00:00Z',
    )
    const lines = text.trimEnd().split('\r\n').slice(1)
    expect(new Set(lines).size).toBe(2345)
  })
})

it.each([
  ['search=shop', []],
  ['search=price_year', ['prod_1']],
  ['active=false', []],
  ['active=true&limit=1', ['prod_1']],
])(
  'the catalogue with %s has the products that fit, each with its first active prices',
  async (query, ids) => {
    const { products } = await get(`catalog/overview?${query}`)
    expect(products.map((row: Body) => row.productId)).toEqual(ids)
    for (const { activePrices, prices } of products)
      expect([activePrices, prices.map((row: Body) => row.priceId)]).toEqual([
        5,
        ['price_day', 'price_metered'],
      ])
  },
)

it('a product is shown without its prices if they are listed apart', async () => {
  expect((await get('catalog/products/prod_1?withPrices=false')).prices).toEqual([])
  expect((await get('catalog/products/prod_1')).prices).toHaveLength(5)
})

it('an invoice that is not there is a 404 that says what to do', async () => {
  expect(await refusal('invoices/in_none')).toEqual([
    404,
    'PAYMENT_NOT_FOUND',
    'There is no invoice in_none in test.',
  ])
})

describe('a subscription', () => {
  it.each([
    ['isOpen=true', ['sub_6', 'sub_4', 'sub_3', 'sub_2', 'sub_1']],
    ['isOpen=false', ['sub_5']],
    ['cancelAtPeriodEnd=true', ['sub_2']],
    ['priceId=price_year', ['sub_1']],
    ['productId=prod_1&status=canceled', ['sub_5']],
    ['search=sub_3', ['sub_3']],
    ['search=cus_Ada', ['sub_1']],
    ['search=Acme-2', ['sub_2']],
  ])('is found by %s', async (query, ids) => {
    const { subscriptions } = await get(`subscriptions?${query}`)
    expect(subscriptions.map((row: Body) => row.subscriptionId)).toEqual(ids)
  })

  it('says whether it gives access, and why', async () => {
    const { subscriptions } = await get('subscriptions')
    const access = Object.fromEntries(
      subscriptions.map((row: Body) => [row.subscriptionId, [row.access, row.accessReason]]),
    )
    expect(access).toEqual({
      sub_1: ['granted', 'It is active, and money has arrived.'],
      sub_2: ['none', 'No money has arrived for it.'],
      sub_3: ['none', 'It belongs to no billing subject. Assign it to one.'],
      sub_4: ['none', 'Collection is paused, so no money arrives.'],
      sub_5: ['none', 'The status canceled gives no access.'],
      sub_6: ['none', 'It belongs to no billing subject. Assign it to one.'],
    })
  })

  it('gives access here exactly when it does in the view that apps read, also over invoices over nothing', async () => {
    const { sql } = system.database
    await sql`
      insert into payments.stripe_subscriptions (environment, subscription_id, customer_id, subject_type, subject_id, status, latest_invoice_id, current_period_start)
      values
        ('live', 'sub_free', 'cus_Free', 'team', '1', 'active', 'in_free', now() - interval '9 days'),
        ('live', 'sub_free_then_unpaid', 'cus_Free', 'team', '2', 'active', 'in_unpaid', now() - interval '9 days'),
        ('live', 'sub_free_then_due', 'cus_Free', 'team', '3', 'active', 'in_due', now() - interval '9 minutes'),
        ('live', 'sub_late', 'cus_Free', 'team', '4', 'past_due', 'in_late', now()),
        ('live', 'sub_trial', 'cus_Free', 'team', '5', 'trialing', null, now()),
        ('live', 'sub_without_items', 'cus_Free', 'team', '6', 'trialing', null, now())`
    await sql`
      insert into payments.stripe_subscription_items (environment, subscription_item_id, subscription_id)
      select environment, 'si_' || subscription_id, subscription_id from payments.stripe_subscriptions
      where customer_id = 'cus_Free' and subscription_id <> 'sub_without_items'`
    await sql`
      insert into payments.transactions (environment, type, status, provider_customer_id, provider_object_type, provider_object_id, amount, currency, related_object_ids)
      select 'live', 'subscription_invoice', 'succeeded', 'cus_Free', 'invoice', i, a, 'eur', jsonb_build_object('subscription', s, 'invoice', i)
      from (values
        ('sub_free', 'in_free', 0), ('sub_free_then_unpaid', 'in_first', 0), ('sub_free_then_due', 'in_second', 0),
        ('sub_late', 'in_before', 900)) as v (s, i, a)`
    const { body } = await system.admin('GET', '/api/payments/stripe/live/subscriptions?customerId=cus_Free')
    const said = body.subscriptions.map((row: Body) => [row.subscriptionId, row.access, row.accessReason])
    expect(said.sort()).toEqual([
      ['sub_free', 'granted', 'It is active, and nothing was to be paid so far.'],
      ['sub_free_then_due', 'granted', 'It is active, and nothing was to be paid so far.'],
      ['sub_free_then_unpaid', 'none', 'No money has arrived for it.'],
      ['sub_late', 'at_risk', 'The last payment failed, and Stripe still tries to collect it.'],
      ['sub_trial', 'granted', 'The trial gives access.'],
      ['sub_without_items', 'none', 'It has no item.'],
    ])
    const given =
      await sql`select subscription_id from payments.subscription_access where environment = 'live' order by 1`
    expect(given.map((row) => row.subscription_id)).toEqual([
      'sub_free',
      'sub_free_then_due',
      'sub_late',
      'sub_trial',
    ])
  })

  it('is shown with its customer, products, prices, payments and events', async () => {
    const detail = await get('subscriptions/sub_1')
    expect(detail.customer.providerCustomerId).toBe('cus_Ada')
    expect(detail.products.map((row: Body) => row.productId)).toEqual(['prod_1'])
    expect(detail.prices.map((row: Body) => row.priceId)).toEqual(['price_month', 'price_year'])
    expect(detail.transactions.map((row: Body) => row.providerReferenceId)).toEqual(['pi_1'])
    expect(detail.events.map((row: Body) => row.eventId)).toEqual(['evt_5'])
    expect((await refusal('subscriptions/sub_none'))[0]).toBe(404)
  })
})

describe('sessions', () => {
  it('are listed with what failed and why, and without an address that acts for a customer', async () => {
    const checkout = await system.admin('GET', `${E}/sessions/checkout`)
    expect(checkout.body.checkoutSessions.map((row: Body) => row.status)).toEqual([
      'completed',
      'failed',
      'open',
    ])
    expect(checkout.body.checkoutSessions[0].lineItems).toEqual([{ priceId: 'price_month', quantity: 3 }])
    expect(checkout.body.checkoutSessions[1].lastError).toBe('Stripe said: sk_test_… is wrong.')
    const portal = await system.admin('GET', `${E}/sessions/portal`)
    expect(portal.body.portalSessions.map((row: Body) => row.status)).toEqual(['created', 'failed'])
    expect(checkout.text + portal.text).not.toContain('secret')
  })

  it.each([
    ['checkout?hasFailed=true', 'checkoutSessions', 1],
    ['checkout?hasFailed=false', 'checkoutSessions', 2],
    ['checkout?status=open', 'checkoutSessions', 1],
    ['checkout?checkoutSessionId=cs_1', 'checkoutSessions', 1],
    ['checkout?subjectType=team&subjectId=acme', 'checkoutSessions', 2],
    ['portal?status=failed', 'portalSessions', 1],
    ['portal?customerId=cus_Ada', 'portalSessions', 2],
  ])('are found by %s', async (query, items, count) => {
    expect((await get(`sessions/${query}`))[items]).toHaveLength(count)
  })
})

describe('an event', () => {
  it('says when it is tried again, and is counted before many are', async () => {
    const { events } = await get('webhook-events?status=failed')
    expect(events).toMatchObject([
      { eventId: 'evt_4', nextAttemptAt: '2026-11-22T00:10:00.000Z', isDeadLettered: false },
      { eventId: 'evt_3', nextAttemptAt: null, isDeadLettered: true },
    ])
    expect((await get('webhook-events?isDeadLettered=true')).events).toHaveLength(1)
    expect((await get('webhook-events?isDeadLettered=false')).events).toHaveLength(4)
    expect(await get('webhook-events/count?status=failed')).toEqual({
      count: 2,
      isExact: true,
      oldestReceivedAt: '2026-11-21T00:00:00.000Z',
      newestReceivedAt: '2026-11-22T00:00:00.000Z',
    })
    expect(await get('webhook-events/count?type=nothing.happened')).toEqual({
      count: 0,
      isExact: true,
      oldestReceivedAt: null,
      newestReceivedAt: null,
    })
  })

  it('shows its payload to an admin, and to a reader without what acts for a customer', async () => {
    const { event } = await get('webhook-events/evt_1')
    expect(event.payload.data.object.client_secret).toBe('pi_1_secret_x')
    const read = await system.call('GET', `${E}/webhook-events/evt_1`, { headers: { 'x-api-key': READ_KEY } })
    expect(read.body.event.payload.data.object).toEqual({
      object: 'payment_intent',
      client_secret: '[hidden]',
      list: [{ client_secret: '[hidden]' }],
      url: 'https://kept.example',
    })
  })
})

describe('with a Stripe account', () => {
  let fresh: AdminSystem

  beforeAll(async () => {
    fresh = await startAdminSystem({
      env: { PAYMENTS_ADMIN_READ_KEY: READ_KEY, STRIPE_TEST_WEBHOOK_SECRET: WEBHOOK_SECRET },
    })
    await connect(fresh)
  })
  afterAll(() => fresh.close())

  it('the settings show versions, roles, grants and the state of the encryption key, and no secret', async () => {
    const { body, text } = await fresh.admin('GET', '/api/payments/stripe/settings')
    expect(body.database.roles).toEqual(
      ['anon', 'authenticated', 'payments_service'].map((role) => ({ role, exists: true, isGranted: true })),
    )
    expect(body.database.migrations.map(({ name }: Body) => name)).toContain('000001-tables')
    expect(body.database.postgresVersion).toMatch(/^\d+/)
    expect(body.database.grants).toContainEqual({
      role: 'anon',
      object: 'payments.stripe_checkout_sessions',
      privileges: ['insert', 'select'],
    })
    expect(body.encryption).toMatchObject({
      isConfigured: true,
      keyId: expect.stringMatching(/^[0-9a-f]{8}$/),
      secrets: [
        {
          environment: 'test',
          kind: 'secret_key',
          isReadable: true,
          maskedKey: expect.stringContaining('****'),
        },
      ],
    })
    expect(body.access).toMatchObject({ adminKey: true, readKey: true, metricsToken: false, issuers: null })
    for (const secret of [
      READ_KEY,
      system.stripe.secretKey,
      system.env.PAYMENTS_ADMIN_KEY ?? '',
      WEBHOOK_SECRET,
    ])
      expect(text).not.toContain(secret)
  })

  it('a sync that is begun in the background can be watched to its end', async () => {
    const begun = await fresh.admin('POST', `${E}/sync-runs`, { kinds: ['products'] })
    expect(begun.status, begun.text).toBe(201)
    const of = async (path: string) => (await fresh.admin('GET', `${E}/${path}`)).body
    const path = `sync-runs/${begun.body.syncRun.id}`
    await expect.poll(async () => (await of(path)).syncRun.status, { timeout: 30_000 }).toBe('succeeded')
    expect((await of(path)).syncRun.progress.products.state).toBe('done')
    expect((await fresh.admin('GET', `${E}/sync-runs/00000000-0000-4000-8000-000000000000`)).status).toBe(404)
    const state = await of('recovery')
    expect(state).toMatchObject({ environment: 'test', eventsCompleteUntil: null })
  })
})
