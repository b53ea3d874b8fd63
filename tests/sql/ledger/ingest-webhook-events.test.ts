/** Several events in one call: they are independent of each other. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { asCaller, createTestDatabase, service, type TestDatabase, user } from '../../setup/database.ts'
import { begin, customerRow, eventRow, ingest, type Sql, sessionRow } from '../support/calls.ts'
import {
  checkoutSession,
  customer,
  eventOf,
  type Json,
  newId,
  subjectMetadata,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

async function ingestTogether(events: Json[], sql: Sql = database.sql): Promise<Json[]> {
  const [row] = await sql`select payments.ingest_webhook_events('test', ${sql.json(events)}) as results`
  return row?.results
}
const statuses = (results: Json[]) => results.map(({ status }) => status)
const made = () => eventOf('customer.created', customer())

test('a checkout that was begun here is completed, whatever comes before it in the list', async () => {
  const begun = await asCaller(database.sql, service, (sql) =>
    begin(sql, user('u1'), { subject: { type: 'user', id: 'u1' } }),
  )
  const own = checkoutSession({ client_reference_id: begun.session.id, metadata: begun.params.metadata })
  const events = [
    eventOf('checkout.session.completed', checkoutSession()),
    made(),
    eventOf('checkout.session.completed', own),
  ]
  expect(statuses(await ingestTogether(events))).toEqual(['processed', 'processed', 'processed'])
  expect(await sessionRow(database.sql, begun.session.id)).toMatchObject({
    checkout_session_id: own.id,
    status: 'completed',
    subject_id: 'u1',
  })
  expect(
    await database.sql`select from payments.stripe_checkout_sessions where checkout_session_id = ${own.id}`,
  ).toHaveLength(1)
})

test('a list of nothing is answered with nothing, and one of refused events with their refusals', async () => {
  expect(await ingestTogether([])).toEqual([])
  const foreign = { ...made(), livemode: true }
  expect(await ingestTogether([foreign])).toMatchObject([{ status: 'refused', code: 'SP005' }])
})

test.each<[string, (event: Json) => Json]>([
  ['an id that no index takes', (event) => ({ ...event, id: long() })],
  [
    'an object with such an id',
    (event) => ({ ...event, data: { object: { ...event.data.object, id: long() } } }),
  ],
  ['a type without end', (event) => ({ ...event, type: long() })],
  ['an instant after the end of the calendar', (event) => ({ ...event, created: 1e20 })],
  ['an instant before its beginning', (event) => ({ ...event, created: -1e15 })],
])('%s is refused, and its neighbours are processed', async (_, spoil) => {
  const [first, last] = [made(), made()]
  const results = await ingestTogether([first, spoil(made()), last])
  expect(statuses(results)).toEqual(['processed', 'refused', 'processed'])
  expect(results[1]?.error).toBe(
    'The body is not a Stripe event: an id is longer than 255 characters, or created is out of range.',
  )
})
const long = () => Array.from({ length: 300 }, () => newId('evt')).join('')

test('an invoice whose payments are no list is kept, and its neighbours are processed', async () => {
  const odd = eventOf('invoice.paid', { id: newId('in'), object: 'invoice', payments: { data: 'none' } })
  const results = await ingestTogether([made(), odd, made()])
  expect(statuses(results)[0]).toBe('processed')
  expect(statuses(results)[2]).toBe('processed')
  expect(await eventRow(database.sql, odd.id)).toMatchObject({ provider_event_id: odd.id })
})

describe('what fulfilment does not survive is kept as failed, and its neighbours are fulfilled:', () => {
  beforeEach(async () => {
    await database.sql.unsafe(`
      drop table if exists public.fulfilled, public.spoiled cascade;
      create table public.spoiled (event_id text primary key, how text);
      create table public.fulfilled (
        event_id text, parcel text not null, unique (parcel) deferrable initially deferred
      );
      create or replace function public.fulfil() returns trigger language plpgsql as $$
      declare
        v_how text := (select s.how from public.spoiled as s where s.event_id = new.provider_event_id);
      begin
        assert v_how is distinct from 'assert', 'it does not hold';
        if v_how = 'cancel' then
          raise exception 'canceling statement due to statement timeout' using errcode = 'query_canceled';
        end if;
        insert into public.fulfilled values (new.provider_event_id, case when v_how = 'deferred' then 'same' else new.provider_event_id end);
        return null;
      end $$;
      insert into public.fulfilled values ('before', 'same');
      drop trigger if exists _500_fulfil on payments.webhook_events;
      create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
        for each row when (new.processing_status = 'processed') execute function public.fulfil();`)
  })
  const spoil = (event: Json, how: string) =>
    database.sql`insert into public.spoiled values (${event.id}, ${how})`

  for (const [how, code] of [
    ['assert', 'P0004'],
    ['deferred', '23505'],
  ] as const) {
    test(`${how}`, async () => {
      const events = Array.from({ length: 8 }, made)
      await spoil(events[4] as Json, how)
      const results = await ingestTogether(events)
      expect(statuses(results)).toEqual(events.map((_, place) => (place === 4 ? 'failed' : 'processed')))
      expect((await eventRow(database.sql, events[4]?.id)).last_error).toContain(`(${code})`)
      expect(await customerRow(database.sql, events[4]?.data.object.id)).toBeDefined()
      expect(await database.sql`select from public.fulfilled`).toHaveLength(8)
    })
  }

  test('a time-out, of an event alone; a list is given up, so that each gets its own time', async () => {
    const events = [made(), made()]
    await spoil(events[1] as Json, 'cancel')
    await expect(ingestTogether(events)).rejects.toMatchObject({ code: '57014' })
    const alone = await Promise.all(events.map((event) => ingest(database.sql, event)))
    expect(statuses(alone)).toEqual(['processed', 'failed'])
  })

  test('it does not keep the others from being tried again', async () => {
    const events = Array.from({ length: 4 }, made)
    for (const event of events) await spoil(event, 'assert')
    expect(statuses(await ingestTogether(events))).toEqual(Array(4).fill('failed'))
    await database.sql`delete from public.spoiled where event_id <> ${events[1]?.id}`
    const ids = events.map(({ id }) => id)
    await database.sql`
      update payments.webhook_events set next_attempt_at = now() where provider_event_id in ${database.sql(ids)}`
    const retried = await database.sql`select * from payments.retry_webhook_events()`
    expect(retried.filter(({ processing_status }) => processing_status === 'processed')).toHaveLength(3)
    expect(await eventRow(database.sql, events[1]?.id)).toMatchObject({
      processing_status: 'failed',
      attempt_count: 2,
    })
  })
})

test('an event on whose failure a trigger raises as well does not keep the others from being tried again', async () => {
  const { sql } = database
  const [poison, other] = [made(), made()]
  for (const event of [poison, other]) await ingest(sql, event)
  await sql`
    update payments.webhook_events 
    set processing_status = 'failed', processed_at = null,
        next_attempt_at = now() - case provider_event_id when ${poison.id} then interval '1 minute' else '0' end
    where provider_event_id in ${sql([poison.id, other.id])}`
  await sql.unsafe(`
    drop trigger if exists _500_fulfil on payments.webhook_events;
    create function public.alarm() returns trigger language plpgsql as $$ begin raise 'no alarm to be had'; end $$;
    create trigger _900_alarm after insert or update of processing_status on payments.webhook_events
      for each row when (new.provider_event_id = '${poison.id}') execute function public.alarm()`)
  const tried = (rows: Json[]) => rows.map(({ provider_event_id, ...row }) => [provider_event_id, row])
  expect(
    tried(await sql`select * from payments.retry_webhook_events()`).filter(([id]) =>
      [poison.id, other.id].includes(id),
    ),
  ).toEqual([
    [
      poison.id,
      { environment: 'test', last_error: 'no alarm to be had (P0001)', processing_status: 'failed' },
    ],
    [other.id, { environment: 'test', last_error: null, processing_status: 'processed' }],
  ])
  expect(await eventRow(sql, poison.id)).toMatchObject({
    attempt_count: 2,
    last_error: 'no alarm to be had (P0001)',
  })
  const [replayed] = await sql`select * from payments.replay_webhook_events('test', ${poison.id})`
  expect(replayed).toMatchObject({ last_error: 'no alarm to be had (P0001)', processing_status: 'failed' })
  await sql.unsafe('drop trigger _900_alarm on payments.webhook_events; drop function public.alarm()')
})

test.each(['repeatable read', 'serializable'])(
  'isolation level %s is refused: a lock would not show what others did',
  async (level) => {
    const work = database.sql.begin(`isolation level ${level}`, (sql) => ingest(sql, made()))
    await expect(work).rejects.toMatchObject({
      code: 'SP011',
      hint: "Use read committed, or: alter role <login> set default_transaction_isolation = 'read committed'.",
    })
  },
)

test('a caller cannot put types of its own in the place of those that the functions cast to', async () => {
  const { sql } = database
  await sql.begin(async (mine) => {
    await mine.unsafe(`
      grant payments_service to current_user;
      create function pg_temp.gain(value pg_catalog.text) returns boolean language plpgsql as
        $$ begin raise 'ran as %', current_user; end $$;
      create domain pg_temp.text as pg_catalog.text check (pg_temp.gain(value))`)
    await mine`set local role payments_service`
    expect((await ingest(mine, made())).status).toBe('processed')
  })
})

describe('metadata of a session that was open when it named its subject', () => {
  test('reaches what was paid, and the customer, when it arrives late', async () => {
    const [id, customerId] = [newId('cs'), newId('cus')]
    const open = checkoutSession({
      id,
      customer: null,
      metadata: subjectMetadata('team', 'first'),
      payment_status: 'unpaid',
      status: 'open',
    })
    const completed = eventOf(
      'checkout.session.completed',
      checkoutSession({ id, customer: customerId, metadata: subjectMetadata('team', 'second') }),
      { created: T + 20 },
    )
    const answer = (sql: Sql) =>
      sql`select payments.project_stripe_objects('test', ${sql.json([open])}, to_timestamp(${T + 5}))`
    const ends: unknown[] = []
    for (const isLate of [true, false]) {
      const { sql, close } = await createTestDatabase()
      if (!isLate) await answer(sql)
      await ingest(sql, completed)
      if (isLate) await answer(sql)
      ends.push(
        (
          await sql`
          select s.subject_id as session, t.subject_id as payment, m.subject_id as mapping
          from payments.stripe_checkout_sessions as s, payments.transactions as t, payments.customer_mappings as m`
        )[0],
      )
      await close()
    }
    expect(ends).toEqual([1, 2].map(() => ({ session: 'first', payment: 'first', mapping: 'first' })))
  })
})
