/** The short path of an ordinary event and the general path of every event lead to the same. */
import * as fc from 'fast-check'
import type postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import {
  charge,
  checkoutSession,
  creditNote,
  customer,
  dispute,
  eventOf,
  invoice,
  paymentIntent,
  refund,
  subjectMetadata,
  subscription,
  subscriptionItem,
  T,
} from '../sql/support/stripe.ts'
import { lifeCycles } from './support/life-cycles.ts'
import { type ApiVersion, type Json, olderVersions, pressed, record } from './support/recording.ts'
import { RUNS, SEED, type Telling, tellings } from './support/runs.ts'

const runs = RUNS ?? 4
const timeout = 60_000 + runs * 2_000
const SECOND = 1_790_000_000
const VERSIONS: ApiVersion[] = [null, ...olderVersions]

/** How each way of taking events ended, without ids that are random. */
type Way = { answers: Json[]; rows: Json }

/** What an event writes, and what each row is named by. */
const WRITTEN = [
  ['payments.stripe_products', 'product_id'],
  ['payments.stripe_prices', 'price_id'],
  ['payments.customers', 'provider_customer_id'],
  ['payments.customer_mappings', 'subject_id'],
  ['payments.stripe_checkout_sessions', 'checkout_session_id'],
  ['payments.stripe_subscriptions', 'subscription_id'],
  ['payments.stripe_subscription_items', 'subscription_item_id'],
  ['payments.stripe_invoices', 'invoice_id'],
  ['payments.stripe_credit_notes', 'credit_note_id'],
  ['payments.transactions', 'provider_object_id'],
  ['payments_private.payment_objects', 'object_id'],
  ['payments_private.customer_owners', 'customer_id'],
  ['payments.webhook_events', 'provider_event_id'],
] as const

const WAYS = `
  create schema ways;

  -- every row, without random ids; a payment is named by the first of its objects
  create function ways.rows() returns jsonb language sql volatile as $$
    select jsonb_build_object(${WRITTEN.map(
      ([table, key]) => `'${table}', (
          select coalesce(jsonb_agg(x.entry order by x.key, x.entry::text), '[]')
          from (
            select t.${key} as key, to_jsonb(t) - 'id' - 'payment_id' - 'next_attempt_at' as entry from ${table} as t
          ) as x)`,
    ).join(', ')},
      'ids', (select coalesce(jsonb_agg(t.id order by t.id), '[]') from payments.stripe_subscription_items as t),
      'payments', (
        select coalesce(jsonb_agg(to_jsonb(p) order by p.name), '[]')
        from (
          select
            min(o.object_id) as name, array_agg(o.object_id order by o.object_id) as objects,
            (select t.provider_object_id from payments.transactions as t where t.id = o.payment_id) as transaction
          from payments_private.payment_objects as o group by o.payment_id
        ) as p))
  $$;

  -- what comes of the events if each goes the short way where it can ('short'), each the general way ('general'), or
  -- those after the first ones in one list ('list'); all of it is undone
  create function ways.tell(events jsonb, way text, first integer) returns jsonb language plpgsql as $$
  declare
    v_event jsonb;
    v_told integer := 0;
    v_answers jsonb := '[]';
    v_rows jsonb;
  begin
    for v_event in select e.event from jsonb_array_elements(events) as e (event) loop
      if way = 'list' and v_told = first then
        v_answers := v_answers || payments.ingest_webhook_events('test', (
          select jsonb_agg(e.event order by e.place)
          from jsonb_array_elements(events) with ordinality as e (event, place) where e.place > first));
        exit;
      end if;
      v_told := v_told + 1;
      v_answers := v_answers || jsonb_build_array(case
        when way = 'general' then (payments_private.ingest_events('test', array[v_event]))[1]
        else payments.ingest_webhook_event('test', v_event)
      end);
    end loop;
    v_answers := (
      select jsonb_agg(a.answer || jsonb_build_object('event', (a.answer -> 'event') - 'id' - 'next_attempt_at') order by a.place)
      from jsonb_array_elements(v_answers) with ordinality as a (answer, place));
    v_rows := ways.rows();
    raise exception using errcode = 'UNDO0';
  exception
    when sqlstate 'UNDO0' then return jsonb_build_object('answers', v_answers, 'rows', v_rows);
  end $$;

  -- how many of the events a short path takes
  create function ways.count_short(events jsonb) returns integer language plpgsql as $$
  declare
    v_event jsonb;
    v_result jsonb;
    v_count integer := 0;
  begin
    for v_event in select e.event from jsonb_array_elements(events) as e (event) loop
      begin
        v_result := payments_private.take_event('test', v_event, v_event -> 'data' -> 'object');
        raise exception using errcode = 'UNDO0';
      exception
        when sqlstate 'UNDO0' then v_count := v_count + (v_result is not null)::integer;
        when sqlstate 'SP040' then null;
      end;
      perform payments.ingest_webhook_event('test', v_event);
    end loop;
    raise exception using errcode = 'UNDO0';
  exception
    when sqlstate 'UNDO0' then return v_count;
  end $$;
`

let database: TestDatabase
let sql: postgres.Sql

beforeAll(async () => {
  database = await createTestDatabase()
  sql = database.sql
  await sql.unsafe(WAYS)
})
afterAll(() => database.close())

const textOf = (events: Json[]) => sql.json(events as never)

/** How events end. Each telling has one transaction, so only the instant at which it began differs. */
async function way(events: Json[], name: 'short' | 'general' | 'list', first = 0): Promise<Way> {
  const [row] = await sql<{ way: Way }[]>`select ways.tell(${textOf(events)}, ${name}, ${first}) as way`
  if (!row) throw new Error('nothing was told')
  const [event] = row.way.rows['payments.webhook_events'] as Json[]
  return JSON.parse(JSON.stringify(row.way).replaceAll(String(event?.received_at), 'now'))
}

/** Rows that were undone take their place until their table is emptied, and each telling reads past them. */
const TELLINGS_UNTIL_EMPTIED = 20
let toldBefore = 0

async function emptyOften(): Promise<void> {
  toldBefore += 1
  if (toldBefore % TELLINGS_UNTIL_EMPTIED > 0) return
  const tables = [...WRITTEN.map(([table]) => table), 'payments_private.unowned_objects']
  await sql.unsafe(`truncate ${tables.join(', ')}`)
}

const toldAs = (events: Json[]) => events.map(({ id, type }) => `${type} ${id}`).join('\n')

/** Tells the same events both ways. */
async function expectSame(events: Json[]): Promise<void> {
  await emptyOften()
  const short = await way(events, 'short')
  expect(short, toldAs(events)).toEqual(await way(events, 'general'))
  expect(short.answers.filter(({ status }) => status === 'failed')).toEqual([])
}

/** So many events that a list takes the general path. */
const LIST = 7
const strangers = Array.from({ length: LIST }, (_, number) =>
  eventOf('customer.created', customer({ id: `cus_stranger_${number}` })),
)

/** Tells the same events alone, and those after the first ones in one list, which strangers make long enough. */
async function expectSameInList(events: Json[], first: number): Promise<void> {
  await emptyOften()
  const all = [...events, ...strangers.slice(events.length - first)]
  const together = await way(all, 'list', first)
  const alone = await way(all, 'general')
  expect(together.rows, `the first ${first} alone of\n${toldAs(all)}`).toEqual(alone.rows)
  expect(together.answers.map(({ status }) => status)).toEqual(alone.answers.map(({ status }) => status))
}

const [pi, ch, cs, re, by] = ['pi_u', 'ch_u', 'cs_u', 're_u', { customer: 'cus_u' }]
const paid = (more: Json = {}) =>
  eventOf('payment_intent.succeeded', paymentIntent({ id: pi, latest_charge: ch, ...by, ...more }))
const back = (id: string, amount: number, at: number, more: Json = {}) =>
  eventOf('refund.created', refund({ id, payment_intent: pi, charge: ch, amount, ...more }), {
    created: T + at,
  })
const heard = (amount_refunded: number, at: number, more: Json = {}) =>
  eventOf('charge.refunded', charge({ id: ch, payment_intent: pi, ...by, amount_refunded, ...more }), {
    created: T + at,
  })

const [sub, inv] = ['sub_u', 'in_u']
const owner = { metadata: subjectMetadata('team', 'acme') }
const plan = (more: Json = {}) =>
  eventOf(
    'customer.subscription.created',
    subscription({ id: sub, ...by, status: 'active', items: [subscriptionItem({ id: 'si_u' })], ...more }),
  )
const billed = (type: string, more: Json = {}) => eventOf(type, invoice({ id: inv, ...by, ...more }))
const bought = (more: Json = {}) =>
  eventOf('checkout.session.completed', checkoutSession({ id: cs, payment_intent: 'pi_v', ...by, ...more }))

/** What is rare in a life, or in one told in order. */
const unusual: [title: string, events: Json[]][] = [
  [
    'a PaymentIntent that names two invoices',
    [paid({ invoice: 'in_00000000000001', payment_details: { order_reference: 'in_000000000000002' } })],
  ],
  ['a PaymentIntent of which a part was released', [paid({ amount_received: 600 }), back(re, 400, 1)]],
  ['a PaymentIntent that was declined before', [paid({ last_payment_error: { charge: 'ch_declined' } })]],
  [
    'a payment whose receipt came first',
    [
      eventOf(
        'charge.succeeded',
        charge({ id: ch, payment_intent: pi, ...by, receipt_url: 'https://pay.example/r' }),
      ),
      paid(),
    ],
  ],
  ['a charge of which a part was paid back', [heard(400, 1)]],
  ['a charge of which a part was captured and the rest released', [heard(400, 1, { amount_captured: 600 })]],
  ['a charge of which a part was paid back, and then all', [heard(400, 1), heard(1000, 2)]],
  ['refunds of which the charge says more', [paid(), heard(900, 1), back(re, 300, 2), back('re_v', 400, 3)]],
  [
    'a refund that names a charge of a payment anew',
    [
      eventOf('checkout.session.completed', checkoutSession({ id: cs, payment_intent: pi, ...by })),
      back(re, 300, 1),
      paid({ latest_charge: null }),
    ],
  ],
  [
    'a refund that is updated, with its payment',
    [
      back(re, 300, 1),
      eventOf(
        'refund.updated',
        refund({ id: re, payment_intent: pi, charge: ch, amount: 300, description: 'late' }),
        { created: T + 2 },
      ),
      paid(),
    ],
  ],
  ['a refund of a payment that is not heard of', [back(re, 300, 1)]],
  ['a refund that names no payment', [back(re, 300, 1, { payment_intent: null, charge: null })]],
  ['a refund that names a charge alone', [back(re, 300, 1, { payment_intent: null }), paid()]],
  [
    'a refund of a payment in dispute',
    [
      paid(),
      eventOf('charge.dispute.created', dispute({ id: 'dp_u', charge: ch, payment_intent: pi })),
      back(re, 300, 1),
    ],
  ],
  ['a refund of nothing', [paid(), back(re, 0, 1)]],
  ['a payment of a customer whose subscription names an owner', [paid(), plan(owner)]],
  ['a refund of a customer whose session names an owner', [paid(), back(re, 300, 1), bought(owner)]],
  [
    'an open invoice of a subscription that names an owner',
    [billed('invoice.created', { status: 'open', subscription: sub }), plan(owner)],
  ],
  [
    'a paid invoice of a subscription that names an owner',
    [billed('invoice.paid', { subscription: sub }), plan(owner)],
  ],
  [
    'a credit note of a customer whose subscription names an owner',
    [
      eventOf('credit_note.created', creditNote({ id: 'cn_u', invoice: inv, ...by })),
      billed('invoice.paid'),
      plan(owner),
    ],
  ],
  [
    'a paid invoice of a subscription that names an owner, and of no customer',
    [billed('invoice.paid', { customer: null, subscription: sub }), plan(owner)],
  ],
  ['a subscription of no owner, and a session of its customer that names one', [plan(), bought(owner)]],
  [
    'a payment that names another owner than the subscription of its customer',
    [
      paid({ metadata: subjectMetadata('user', 'ada') }),
      billed('invoice.paid', { subscription: sub }),
      plan(owner),
    ],
  ],
  [
    'an invoice of a subscription whose customer belongs to another owner',
    [
      bought({ metadata: subjectMetadata('user', 'ada') }),
      billed('invoice.paid', { subscription: sub }),
      plan(owner),
    ],
  ],
  [
    'an owner whom an older object names after a younger one',
    [
      bought({ created: T + 10, metadata: subjectMetadata('user', 'ada') }),
      plan({ created: T + 20, ...owner }),
      bought({ id: 'cs_v', payment_intent: 'pi_w', ...owner }),
    ],
  ],
  [
    'a customer of an owner whom an older object names after another customer',
    [
      bought({ created: T + 10, ...owner }),
      bought({ id: 'cs_v', payment_intent: 'pi_w', customer: 'cus_w', created: T + 20, ...owner }),
      bought({ id: 'cs_w', payment_intent: 'pi_x', customer: 'cus_w', ...owner }),
    ],
  ],
  [
    'two customers of one owner',
    [bought(owner), plan({ customer: 'cus_w', ...owner }), paid({ customer: 'cus_w' })],
  ],
  [
    'two sessions and a subscription of one customer that name different owners',
    [paid(), bought({ metadata: subjectMetadata('user', 'ada') }), plan(owner)],
  ],
]

const ordersOf = (events: Json[]): Json[][] =>
  events.length < 2
    ? [events]
    : events.flatMap((first) =>
        ordersOf(events.filter((event) => event !== first)).map((rest) => [first, ...rest]),
      )

describe('A short path and the general path give the same rows, ledger and answers', () => {
  const recordings = lifeCycles.map((cycle) => record(cycle))

  test.each(recordings)(
    '$name: in any order, with repetitions, at the true times and in one second',
    async ({ events }) => {
      const bodies = events.map((told) => VERSIONS.map((version) => told.in(version) as unknown as Json))
      const body = (event: number, version: number) =>
        bodies[event % events.length]?.[version % VERSIONS.length] as Json
      const listOf = ({ order, again, versions }: Telling) => {
        const list = order.map((event) => body(event, versions[event] ?? 0))
        for (const { event, at, version } of again)
          list.splice(at % (list.length + 1), 0, body(event, version))
        return list
      }
      await expectSame(bodies.map(([pinned]) => pinned as Json))
      await fc.assert(
        fc.asyncProperty(
          tellings(events.length, { versions: true }),
          fc.constantFrom(false, true),
          fc.boolean(),
          async (telling, inOneSecond, isPinned) => {
            const { again } = telling
            const list = listOf(isPinned ? { ...telling, versions: [], again: [] } : telling)
            await expectSame(inOneSecond ? pressed(list, SECOND) : list)
            if (!inOneSecond) await expectSameInList(list, again.length % list.length)
          },
        ),
        { seed: SEED, numRuns: runs },
      )
    },
    timeout,
  )

  test.each(unusual)('%s, in every order', async (_, events) => {
    for (const order of ordersOf(events)) await expectSame(order)
  })

  test.each(unusual)('%s, in every order, in lists', async (_, events) => {
    for (const order of ordersOf(events))
      for (const first of order.keys()) await expectSameInList(order, first)
  })

  test('and most events of a life that is told in order are ordinary', async () => {
    let all = 0
    let short = 0
    for (const { events } of recordings) {
      const bodies = events.map(({ event }) => event as unknown as Json)
      const [row] = await sql<{ count: number }[]>`select ways.count_short(${textOf(bodies)}) as count`
      all += bodies.length
      short += row?.count ?? 0
    }
    expect(short / all).toBeGreaterThan(0.4)
  })
})
