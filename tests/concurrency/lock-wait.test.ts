/** An event that cannot get a lock: it waits a few seconds, is recorded as failed, and holds up no other. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { eventRow, ingest, paymentRow } from '../sql/support/calls.ts'
import { customer, eventOf, invoice, type Json, newId, paymentIntent } from '../sql/support/stripe.ts'
import { type Connection, connect } from './support/connections.ts'

let database: TestDatabase
let connections: Connection[]
let close: () => Promise<unknown>

beforeAll(async () => {
  database = await createTestDatabase()
  ;({ connections, close } = await connect(database.url, 4))
  await database.sql.unsafe(`
    create table public.orders (id text primary key, paid integer not null default 0);
    create function public.fulfil() returns trigger language plpgsql as $$
    begin
      update public.orders set paid = paid + 1 where id = new.payload -> 'data' -> 'object' -> 'metadata' ->> 'order';
      return null;
    end $$;
    create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed') execute function public.fulfil();`)
})
afterAll(async () => {
  await close()
  await database.close()
})

const pick = (i: number) => connections[i] as Connection
const paid = async (id: string) =>
  (await database.sql`select paid from public.orders where id = ${id}`)[0]?.paid
const about = (order: string): Json => eventOf('customer.created', customer({ metadata: { order } }))

/** Makes every failed event due, and retries them. */
async function retry(): Promise<string[]> {
  await database.sql`update payments.webhook_events set next_attempt_at = now() where processing_status = 'failed'`
  const rows = await database.sql<{ processing_status: string }[]>`
    select processing_status from payments.retry_webhook_events(10)`
  return rows.map((row) => row.processing_status)
}

test('an event whose trigger waits for an order that another transaction has locked is kept as failed with who may hold it, events about other orders are processed meanwhile, and a retry fulfils it once', async () => {
  const [holder, waiting, other] = [pick(0), pick(1), pick(2)]
  await database.sql`insert into public.orders (id) values ('locked'), ('free')`
  await holder.sql`set application_name = 'nightly report'`
  await holder.sql`begin`
  await holder.sql`update public.orders set paid = paid where id = 'locked'`
  const event = about('locked')
  const blocked = ingest(waiting.sql, event)
  for (let i = 0; i < 5; i++) expect((await ingest(other.sql, about('free'))).status).toBe('processed')
  const { status, event: row } = await blocked
  expect(status).toBe('failed')
  expect(row.last_error).toMatch(
    new RegExp(
      `lock timeout \\(55P03\\)\\. Process ${holder.pid} \\(nightly report\\) may hold the lock; its transaction has been open for \\d+ s\\.$`,
    ),
  )
  const [customerRow] = await database.sql`
    select provider_customer_id from payments.customers where provider_customer_id = ${(event.data as { object: Json }).object.id}`
  expect(customerRow, 'its projection is there all the same').toBeDefined()
  await holder.sql`commit`
  expect(await retry()).toEqual(['processed'])
  expect(await paid('locked')).toBe(1)
  expect(await paid('free')).toBe(5)
})

test('an event whose payment another transaction holds is kept in the ledger as failed, and a retry projects it', async () => {
  const [holder, waiting] = [pick(0), pick(1)]
  const id = newId('pi')
  const first = eventOf('payment_intent.succeeded', paymentIntent({ id, latest_charge: newId('ch') }))
  const second = eventOf('payment_intent.succeeded', paymentIntent({ id, latest_charge: null }))
  await holder.sql`begin`
  await ingest(holder.sql, first)
  const { status, event: row } = await ingest(waiting.sql, second)
  expect(status).toBe('failed')
  expect(row.last_error).toMatch(new RegExp(`\\(55P03\\)\\. Process ${holder.pid} .*may hold the lock`))
  await holder.sql`rollback`
  expect(await retry()).toEqual(['processed'])
  expect((await eventRow(database.sql, second.id)).processing_status).toBe('processed')
  expect((await paymentRow(database.sql, id)).status).toBe('succeeded')
})

test('in a list, an event that waits in vain is kept as failed and the others are processed', async () => {
  const [holder, waiting] = [pick(0), pick(1)]
  const locked = invoice({ status: 'paid' })
  await holder.sql`begin`
  await ingest(holder.sql, eventOf('invoice.paid', locked))
  const events = [
    eventOf('customer.created', customer()),
    eventOf('invoice.paid', locked),
    eventOf('customer.created', customer()),
  ]
  const [answer] = await waiting.sql<{ results: { status: string }[] }[]>`
    select payments.ingest_webhook_events('test', ${waiting.sql.json(events as never)}) as results`
  expect(answer?.results.map(({ status }) => status)).toEqual(['processed', 'failed', 'processed'])
  await holder.sql`rollback`
  expect(await retry()).toEqual(['processed'])
})

test('the limit is over when the call is', async () => {
  const { sql } = pick(3)
  const before = (await sql`show lock_timeout`)[0]?.lock_timeout
  await sql`begin`
  await ingest(sql, about('none'))
  expect((await sql`show lock_timeout`)[0]?.lock_timeout).toBe(before)
  await sql`commit`
})
