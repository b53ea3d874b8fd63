/** What a transaction of the app that holds a row does to the webhooks: it holds up the event about that row. */
import type postgres from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDatabases } from '../../../functions/core/database.ts'
import { createIngest } from '../../../functions/events/ingest.ts'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { open } from '../../setup/server.ts'
import { eventOf, newId, paymentIntent } from '../../sql/support/stripe.ts'
import type { RunningServer } from '../conformance.ts'
import { signatureOf } from '../support/events.ts'
import { eventually } from '../support/eventually.ts'
import { startNode } from '../support/server.ts'
import { WEBHOOK_SECRET } from '../support/system.ts'

const POOL_SIZE = 5

let test: TestDatabase
let server: RunningServer
let app: postgres.Sql

beforeAll(async () => {
  test = await createTestDatabase()
  await test.sql.unsafe(`
    create table public.orders (id text primary key, is_paid boolean not null default false);
    create function public.fulfil() returns trigger language plpgsql as $$
    begin
      update public.orders set is_paid = true where id = new.object_id;
      return null;
    end $$;
    create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed') execute function public.fulfil();`)
  server = await startNode({
    DATABASE_URL: test.url,
    PAYMENTS_POOL_SIZE: String(POOL_SIZE),
    STRIPE_TEST_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_LIVE_WEBHOOK_SECRET: WEBHOOK_SECRET,
  })
  app = open(test.url, { idle_timeout: 0, max_lifetime: null })
})
afterAll(async () => {
  await app.end({ timeout: 5 })
  await server.stop()
  await test.close()
})
afterEach(() => app`rollback`.catch(() => {}))

type OrderEvent = { id: string; livemode: boolean; order: string }

/** An event about the payment of an order; the order has the id of the payment. */
async function orderEvent({ livemode = false, id = newId('pi') } = {}): Promise<OrderEvent> {
  await test.sql`insert into public.orders values (${id}) on conflict do nothing`
  const intent = paymentIntent({ id, status: 'succeeded', livemode, customer: newId('cus') })
  const event = eventOf('payment_intent.succeeded', intent, { livemode }) as Omit<OrderEvent, 'order'>
  return { ...event, order: id }
}
const orderEvents = (count: number, livemode = false) =>
  Promise.all(Array.from({ length: count }, () => orderEvent({ livemode })))

async function deliver({ order: _, ...event }: OrderEvent): Promise<number> {
  const body = JSON.stringify(event)
  const response = await fetch(`${server.url}/api/webhooks/stripe/${event.livemode ? 'live' : 'test'}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'stripe-signature': signatureOf(body) },
    body,
  })
  return response.status
}

/** A transaction of the app takes the row of the order, and keeps it until `commit` or the end of the test. */
async function holdOrder({ order }: OrderEvent): Promise<void> {
  await app`begin`
  await app`select from public.orders where id = ${order} for update`
}

/** How many connections of the handlers wait for the transaction of the app, also one behind the other. */
const waiting = async () => {
  const [row] = await test.sql<{ n: number }[]>`
    select count(*)::integer as n from pg_stat_activity
    where application_name = 'pg-payments' and datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`
  return row?.n ?? 0
}

const statuses = async (events: OrderEvent[]) => {
  const rows = await test.sql<{ id: string; status: string }[]>`
    select provider_event_id as id, processing_status as status from payments.webhook_events
    where provider_event_id in ${test.sql(events.map(({ id }) => id))}`
  return events.map(({ id }) => rows.find((row) => row.id === id)?.status)
}

const times = <T>(count: number, value: T) => Array.from({ length: count }, () => value)

describe('while a transaction of the app holds the row of one order', () => {
  it('twenty events about other orders are processed, and the other environment goes on', async () => {
    const locked = await orderEvent()
    const [others, live] = [await orderEvents(20), await orderEvents(3, true)]
    await holdOrder(locked)
    const delivered = deliver(locked)
    await eventually(waiting).toBe(1)

    expect(await Promise.all(others.map(deliver))).toEqual(times(20, 200))
    expect(await Promise.all(live.map(deliver))).toEqual(times(3, 200))
    expect(await statuses([...others, ...live])).toEqual(times(23, 'processed'))
    expect(await statuses([locked])).not.toEqual(['processed'])

    await app`commit`
    // The event was processed when the row was free, or kept as failed before, and Stripe delivers it again.
    if ((await delivered) !== 200) expect(await deliver(locked)).toBe(200)
    expect(await statuses([locked])).toEqual(['processed'])
    expect(await test.sql`select id from public.orders where not is_paid`).toEqual([])
  })

  it('more events about that order wait for the first, so that they take up no connection', async () => {
    const locked = await orderEvent()
    const same = await Promise.all(times(10, locked.order).map((id) => orderEvent({ id })))
    const others = await orderEvents(20)
    await holdOrder(locked)
    const delivered = [deliver(locked)]
    await eventually(waiting).toBe(1)
    delivered.push(...same.map(deliver))

    expect(await Promise.all(others.map(deliver))).toEqual(times(20, 200))
    expect(await waiting()).toBeLessThanOrEqual(1)

    await app`commit`
    await Promise.all(delivered)
    for (const event of [locked, ...same]) await deliver(event)
    expect(await statuses([locked, ...same])).toEqual(times(11, 'processed'))
  })

  it('the events that share a call with its event wait, and those that come later do not', async () => {
    const events = await orderEvents(30)
    const locked = events[12] as OrderEvent
    const later = await orderEvents(20)
    await holdOrder(locked)
    const burst = Promise.all(events.map(deliver))
    await eventually(waiting).toBe(1)

    expect(await Promise.all(later.map(deliver))).toEqual(times(20, 200))
    expect(await statuses([locked])).not.toEqual(['processed'])

    await app`commit`
    await burst
    await deliver(locked)
    expect(await statuses(events)).toEqual(times(30, 'processed'))
  })
})

it('a burst in both environments uses no more connections than the pool has', async () => {
  const burst = [...(await orderEvents(100)), ...(await orderEvents(100, true))]
  expect(await Promise.all(burst.map(deliver))).toEqual(times(200, 200))
  const [row] = await test.sql`
    select count(*)::integer as n from pg_stat_activity
    where application_name = 'pg-payments' and datname = current_database()`
  expect(row?.n).toBeLessThanOrEqual(POOL_SIZE)
})

it('events for which there is no memory are refused with 503, so that Stripe delivers them again', async () => {
  const { databases, end } = createDatabases({ url: test.url, poolSize: 2 }, [
    { name: 'test' },
    { name: 'live' },
  ])
  const [first, second, third] = (await orderEvents(3)) as [OrderEvent, OrderEvent, OrderEvent]
  const payload = ({ order: _, ...event }: OrderEvent) => JSON.stringify(event)
  const waitingCharactersMax = payload(second).length
  const ingest = createIngest(databases, { waitingCharactersMax })
  const send = (event: OrderEvent) => ingest({ environment: 'test', payload: payload(event) })
  await holdOrder(first)
  const ends = [send(first), send(second)]
  await expect(send(third)).rejects.toMatchObject({
    status: 503,
    message: 'Too many events wait for the database; Stripe will deliver this one again.',
  })
  await app`commit`
  expect((await Promise.all(ends)).map(({ status }) => status)).toEqual(['processed', 'processed'])
  expect((await send(third)).status).toBe('processed')
  await end()
})
