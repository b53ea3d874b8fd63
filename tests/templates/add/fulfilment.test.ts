/** Fulfilment of apps with keys of every type: orders, credits, and purchases of guests. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../functions/support/eventually.ts'
import { anonymous, asCaller, type Claims, service, user } from '../../setup/database.ts'
import {
  begin,
  type CheckoutRequest,
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
} from '../../sql/support/calls.ts'
import {
  checkoutSession,
  dispute,
  eventOf,
  invoice,
  invoiceLine,
  type Json,
  newId,
  price,
  refund,
  subjectMetadata,
  T,
} from '../../sql/support/stripe.ts'
import { type App, createApp, KEY_TYPES } from '../support/app.ts'

/** Begins a checkout and returns its session at Stripe, as it is once it is paid. */
async function bought(
  { sql }: App,
  caller: Claims,
  request: CheckoutRequest,
  session: Json = {},
): Promise<Json> {
  const begun = await asCaller(sql, service, (transaction) => begin(transaction, caller, request))
  return checkoutSession({
    client_reference_id: begun.session.id,
    metadata: begun.params.metadata,
    payment_intent: newId('pi'),
    ...session,
  })
}
const completed = (session: Json, created = T) => eventOf('checkout.session.completed', session, { created })

describe.each(KEY_TYPES)('an app with keys of type %s', (keyType) => {
  let app: App
  beforeAll(async () => {
    app = await createApp(keyType)
  })
  afterAll(() => app.close())

  describe('orders of its own', () => {
    const CREATE: Record<string, string> = {
      uuid: 'uuid primary key default gen_random_uuid()',
      bigint: 'bigint generated always as identity primary key',
      text: 'text primary key default md5(random()::text)',
    }
    const order = async (row: Json = {}): Promise<string> => {
      const [made] = await app.sql`
        insert into public.purchases ${app.sql({ buyer: app.id(1), cents: 1000, currency: 'USD', ...row })} returning id::text`
      return made?.id
    }
    const stateOf = async (id: string) => {
      const [row] = await app.sql`
        select o.state, s.status, s.standing_payments::integer as standing
        from public.purchases as o left join public.order_status as s on s.order_id = o.id where o.id::text = ${id}`
      return row
    }
    const pay = async (id: string, session: Json = {}, number = 1) =>
      bought(
        app,
        user(app.id(number)),
        { subject: { type: 'user', id: app.id(number) }, metadata: { order_id: id } },
        session,
      )

    beforeAll(async () => {
      await app.sql.unsafe(`
        create type public.order_state as enum ('open', 'paid', 'returned');
        create table public.purchases (
          id ${CREATE[keyType]}, buyer ${keyType}, cents integer not null, currency text not null,
          state public.order_state not null default 'open'
        )`)
      await app.install(
        ...['orders', '--orders', 'purchases', '--order-user', 'buyer', '--order-amount', 'cents'],
        ...['--order-status', 'state', '--refunded-value', 'returned'],
      )
    })

    test('are paid by the right amount and buyer, and returned once all went back', async () => {
      const id = await order()
      const session = await pay(id)
      expect((await ingest(app.sql, completed(session))).status).toBe('processed')
      expect(await stateOf(id)).toEqual({ state: 'paid', status: 'paid', standing: 1 })
      const part = refund({ amount: 400, payment_intent: session.payment_intent })
      await ingest(app.sql, eventOf('refund.created', part, { created: T + 1 }))
      expect(await stateOf(id)).toMatchObject({ state: 'paid', status: 'paid' })
      const rest = refund({ amount: 600, payment_intent: session.payment_intent })
      await ingest(app.sql, eventOf('refund.created', rest, { created: T + 2 }))
      expect(await stateOf(id)).toEqual({ state: 'returned', status: 'refunded', standing: 0 })
    })

    test('are not paid by another amount, currency or buyer, and then by the right payment', async () => {
      const id = await order()
      for (const session of [
        await pay(id, { amount_subtotal: 999, amount_total: 999 }),
        await pay(id, { currency: 'jpy' }),
        await pay(id, {}, 2),
      ]) {
        await ingest(app.sql, completed(session))
        expect(await stateOf(id)).toMatchObject({ state: 'open', status: 'mismatched' })
      }
      await ingest(app.sql, completed(await pay(id)))
      expect(await stateOf(id)).toMatchObject({ state: 'paid', status: 'paid' })
    })

    test('are paid by their own user without a subject, and by no guest, other user or other type of subject', async () => {
      const id = await order()
      const without = async (caller: Claims, more: Json = {}) => {
        const session = await bought(app, caller, { metadata: { order_id: id } })
        return completed({ ...session, metadata: { ...session.metadata, ...more } })
      }
      for (const event of [
        await without(anonymous),
        await without(user(app.id(2))),
        await without(user(app.id(1)), subjectMetadata('team', app.id(1))),
      ]) {
        await ingest(app.sql, event)
        expect(await stateOf(id)).toMatchObject({ state: 'open', status: 'mismatched' })
      }
      await ingest(app.sql, await without(user(app.id(1))))
      expect(await stateOf(id)).toMatchObject({ state: 'paid', status: 'paid' })
    })

    test('that no checkout may name are left alone, and the money for them is shown until it went back', async () => {
      const names = ['no key', '', '-7', '9223372036854775808', '-9223372036854775809', app.id(404)]
      for (const name of names)
        expect((await ingest(app.sql, completed(await pay(name)))).status).toBe('processed')
      const unmatched = async () => {
        const rows = await app.sql`
          select named_order, amount::integer from public.unmatched_order_payments order by purchase_id`
        return rows.map(({ named_order, amount }) => `${named_order}: ${amount}`).sort()
      }
      expect(await unmatched()).toEqual(names.map((name) => `${name}: 1000`).sort())
      expect(await app.sql`select from public.order_status where order_id is null`).toHaveLength(0)
      const rows = await app.sql`select payment_intent_id from public.unmatched_order_payments`
      for (const { payment_intent_id } of rows)
        await ingest(
          app.sql,
          eventOf('refund.created', refund({ payment_intent: payment_intent_id }), { created: T + 9 }),
        )
      expect(await unmatched()).toEqual([])
    })

    test('that were missing are paid by a replay once they are there', async () => {
      const session = await pay(app.id(500))
      const event = completed(session)
      await ingest(app.sql, event)
      await app.sql`insert into public.purchases (id, buyer, cents, currency) overriding system value
        values (${app.id(500)}, ${app.id(1)}, 1000, 'USD')`
      await app.sql`select payments.replay_webhook_events('test', ${event.id as string}, include_processed => true)`
      expect(await stateOf(app.id(500))).toEqual({ state: 'paid', status: 'paid', standing: 1 })
      expect(await app.sql`select from public.unmatched_order_payments`).toHaveLength(0)
    })

    test('end the same in every order of events', async () => {
      const id = await order()
      const session = await pay(id, { payment_status: 'unpaid' })
      const paid = { ...session, payment_status: 'paid' }
      const ends = await endsOfEveryOrder(
        app.sql,
        [
          completed(session),
          eventOf('checkout.session.async_payment_succeeded', paid, { created: T + 5 }),
          eventOf('refund.created', refund({ payment_intent: session.payment_intent }), { created: T + 9 }),
          eventOf('charge.dispute.closed', dispute({ payment_intent: newId('pi'), status: 'lost' })),
        ],
        async (sql) =>
          (
            await sql`select status, amount_undone::integer as undone from public.order_purchases where order_id::text = ${id}`
          )[0],
      )
      expect(distinct(ends)).toEqual([{ status: 'refunded', undone: 1000 }])
    })

    test('are not paid with cards of test mode once there are live payments', async () => {
      const live = checkoutSession({ livemode: true, payment_intent: newId('pi') })
      const id = await order()
      const session = await pay(id)
      await ingest(app.sql, eventOf('checkout.session.completed', live, { livemode: true }), 'live')
      await ingest(app.sql, completed(session))
      expect(await stateOf(id)).toMatchObject({ state: 'open', status: 'mismatched' })
      await app.sql`delete from payments.transactions where environment = 'live'`
    })
  })

  describe('credits', () => {
    const buyer = () => ({ type: 'user', id: app.id(7) })
    const balance = async (number = 7) => {
      const [row] = await app.sql.unsafe(`select public.credit_balance($1::${keyType})::integer as credits`, [
        app.id(number),
      ])
      return row?.credits
    }
    const call = async (text: string, ...values: unknown[]) => {
      const [row] = await app.sql.unsafe(`select ${text} as result`, values as never[])
      return row?.result
    }
    const spend = (credits: number, reference: string, number = 7) =>
      call(`public.spend_credits($1::${keyType}, $2::bigint, $3::text)`, app.id(number), credits, reference)
    const grant = (credits: number, reference: string, number: number, expires: string | null = null) =>
      call(
        `public.grant_credits($1::${keyType}, $2::bigint, $3::text, $4::timestamptz)`,
        app.id(number),
        credits,
        reference,
        expires,
      )

    beforeAll(async () => {
      await app.install(
        'credit-ledger',
        ...(keyType === 'text' ? ['--key-type', 'text'] : ['--key-type', keyType]),
      )
      await app.sql`insert into public.credit_packs (environment, price, credits, valid_days) values
        ('test', 'hundred', 100, null), ('test', 'price_ten', 10, 30), ('test', 'price_team', 50, null)`
      await ingest(app.sql, eventOf('price.created', price({ id: 'price_hundred', lookup_key: 'hundred' })))
    })

    test('come once with a paid purchase, by all its items, and go with its refund', async () => {
      const request = {
        subject: buyer(),
        lineItems: [{ priceId: 'price_hundred', quantity: 2 }, { priceId: 'price_other' }],
      }
      const session = await bought(app, user(app.id(7)), request)
      const event = completed(session)
      await ingestAll(app.sql, [event, event, completed(session, T + 1)])
      expect(await balance()).toBe(200)
      const mine = await asCaller(
        app.sql,
        user(app.id(7)),
        (sql) => sql`select user_id, credits::integer from public.my_credits`,
      )
      expect([...mine]).toEqual([{ user_id: app.id(7), credits: 200 }])
      expect([
        ...(await asCaller(app.sql, user(app.id(8)), (sql) => sql`select * from public.my_credits`)),
      ]).toEqual([])
      expect(await spend(150, 'a render')).toBe(true)
      expect(await spend(150, 'a render')).toBe(true)
      expect(await balance()).toBe(50)
      expect(await spend(51, 'too much')).toBe(false)
      const part = refund({ amount: 100, payment_intent: session.payment_intent })
      await ingest(app.sql, eventOf('refund.created', part, { created: T + 2 }))
      expect(await balance()).toBe(30)
      const rest = refund({ amount: 900, payment_intent: session.payment_intent })
      await ingest(app.sql, eventOf('refund.created', rest, { created: T + 3 }))
      expect(await balance()).toBe(-150)
      expect(await spend(1, 'in debt')).toBe(false)
      await ingest(app.sql, eventOf('refund.failed', { ...rest, status: 'failed' }, { created: T + 4 }))
      expect(await balance()).toBe(30)
      expect(await call(`public.return_credits($1::${keyType}, $2)`, app.id(7), 'a render')).toBe(true)
      expect(await call(`public.return_credits($1::${keyType}, $2)`, app.id(7), 'a render')).toBe(false)
      expect(await balance()).toBe(180)
    })

    test('come again with each renewal of a subscription, and not with a trial', async () => {
      const paid = (more: Json) =>
        eventOf(
          'invoice.paid',
          invoice({
            subscription: 'sub_credits',
            subscription_metadata: subjectMetadata('user', app.id(9)),
            customer: 'cus_credits',
            ...more,
          }),
        )
      await ingest(
        app.sql,
        paid({
          billing_reason: 'subscription_create',
          amount_paid: 0,
          amount_due: 0,
          lines: [invoiceLine({ amount: 0 })],
        }),
      )
      expect(await balance(9)).toBe(0)
      await ingestAll(app.sql, [
        paid({ billing_reason: 'subscription_cycle' }),
        paid({ billing_reason: 'subscription_cycle' }),
      ])
      expect(await balance(9)).toBe(100)
    })

    test('without a subject are for the user who bought them', async () => {
      const session = await bought(app, user(app.id(12)), { lineItems: [{ priceId: 'price_hundred' }] })
      await ingest(app.sql, completed(session))
      expect(await balance(12)).toBe(100)
      expect(
        await app.sql`select from public.unmatched_credit_purchases where purchase_id = ${String(session.id)}`,
      ).toHaveLength(0)
      await ingest(
        app.sql,
        eventOf('refund.created', refund({ payment_intent: session.payment_intent }), { created: T + 2 }),
      )
      expect(await balance(12)).toBe(0)
    })

    test('of nobody in the app are shown, until their owner is known', async () => {
      const lineItems = [{ priceId: 'price_hundred' }]
      const session = await bought(app, anonymous, { lineItems })
      const stranger = '9223372036854775808'
      const foreign = await bought(app, user(stranger), {
        lineItems,
        subject: { type: 'user', id: stranger },
      })
      const other = await bought(app, anonymous, { lineItems: [{ priceId: 'price_other' }] })
      await ingestAll(app.sql, [completed(session), completed(foreign), completed(other)])
      const unmatched = async () =>
        (
          await app.sql`select purchase_id, status from public.unmatched_credit_purchases order by subject_id nulls first`
        ).map(({ purchase_id, status }) => [purchase_id, status])
      const foreigners = keyType === 'text' ? [] : [[foreign.id, 'paid']]
      expect(await unmatched()).toEqual([[session.id, 'paid'], ...foreigners])
      const back = refund({ payment_intent: session.payment_intent })
      await ingest(app.sql, eventOf('refund.created', back, { created: T + 2 }))
      expect(await unmatched()).toEqual([[session.id, 'refunded'], ...foreigners])
      for (const claims of [anonymous, user(app.id(7))])
        await expect(
          asCaller(app.sql, claims, (sql) => sql`select from public.unmatched_credit_purchases`),
        ).rejects.toMatchObject({ code: '42501' })
    })

    test('expire, and those that expire first are spent first', async () => {
      expect(await grant(10, 'later', 20)).toBe(true)
      expect(await grant(10, 'later', 20)).toBe(false)
      expect(await grant(5, 'soon', 20, '2999-01-01')).toBe(true)
      expect(await grant(7, 'gone', 20, '2001-01-01')).toBe(true)
      expect(await balance(20)).toBe(15)
      expect(await spend(6, 'x', 20)).toBe(true)
      const left = await app.sql`
        select reference, (credits - spent)::integer as left from public.credit_grants where user_id::text = ${app.id(20)} order by id`
      expect([...left]).toEqual([
        { reference: 'later', left: 9 },
        { reference: 'soon', left: 0 },
        { reference: 'gone', left: 7 },
      ])
    })

    test('are spent exactly, by many at the same moment', async () => {
      await grant(10, 'ten', 30)
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, index) => spend(1, `one of ${index}`, 30)),
      )
      expect(answers.filter((answer) => answer)).toHaveLength(10)
      expect(await balance(30)).toBe(0)
      await grant(3, 'three', 31)
      const twice = await Promise.all(Array.from({ length: 8 }, () => spend(2, 'the same thing', 31)))
      expect(twice).toEqual(Array(8).fill(true))
      expect(await balance(31)).toBe(1)
    })

    test('are never spent twice: a second spend waits for the first, and finds too few', async () => {
      await grant(10, 'ten', 33)
      const first = await app.sql.reserve()
      try {
        await first`begin`
        await first.unsafe(`select public.spend_credits($1::${keyType}, 6, 'first')`, [app.id(33)])
        const second = spend(6, 'second', 33)
        await eventually(async () => {
          const [row] = await app.sql`
            select count(*)::integer as waiting from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'`
          return row?.waiting
        }).toBe(1)
        await first`commit`
        expect(await second).toBe(false)
      } finally {
        first.release()
      }
      expect(await balance(33)).toBe(4)
    })

    test('are refused without sense, and to app users', async () => {
      await expect(spend(0, 'nothing')).rejects.toMatchObject({ code: '22023' })
      await grant(10, 'ten', 40)
      await spend(1, 'one', 40)
      await expect(spend(2, 'one', 40)).rejects.toMatchObject({
        message: 'The reference one has spent 1 credits already, not 2.',
      })
      for (const claims of [anonymous, user(app.id(40))])
        await expect(
          asCaller(app.sql, claims, (sql) =>
            sql.unsafe(`select public.spend_credits($1::${keyType}, 1, 'mine')`, [app.id(40)]),
          ),
        ).rejects.toMatchObject({ code: '42501' })
    })
  })

  describe('purchases of guests', () => {
    beforeAll(() => app.install('guest-checkout', '--key-type', keyType))
    const claim = (claims: Claims, session: string) =>
      asCaller(
        app.sql,
        claims,
        (sql) => sql`select claimed_by::text from public.claim_guest_purchase(${session})`,
      )

    test('are taken over once, by the user who knows the session', async () => {
      const session = await bought(app, anonymous, {})
      await ingest(app.sql, completed(session))
      expect([...(await claim(user(app.id(50)), 'cs_of_nobody'))]).toEqual([])
      for (let times = 0; times < 2; times++)
        expect([...(await claim(user(app.id(50)), session.id))]).toEqual([{ claimed_by: app.id(50) }])
      expect([...(await claim(user(app.id(51)), session.id))]).toEqual([])
      const seen = (number: number) =>
        asCaller(app.sql, user(app.id(number)), (sql) => sql`select 1 as one from public.guest_purchases`)
      expect([(await seen(50)).length, (await seen(51)).length]).toEqual([1, 0])
      await expect(claim(anonymous, session.id)).rejects.toMatchObject({ code: '42501' })
    })

    test('of a signed-in user or without money are none', async () => {
      const own = await bought(app, user(app.id(60)), {})
      const unpaid = await bought(app, anonymous, {}, { payment_status: 'unpaid' })
      await ingestAll(app.sql, [completed(own), completed(unpaid)])
      for (const session of [own, unpaid])
        expect([...(await claim(user(app.id(61)), session.id))]).toEqual([])
    })
  })
})
