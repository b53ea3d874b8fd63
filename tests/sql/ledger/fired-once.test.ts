/** A fulfilment trigger fires once for an event, also when it raises and when the short path gives way. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { ingest } from '../support/calls.ts'
import {
  checkoutSession,
  customer,
  eventOf,
  invoice,
  type Json,
  newId,
  paymentIntent,
  price,
  product,
  subjectMetadata,
  subscription,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  // A sequence counts what is rolled back, too.
  await database.sql.unsafe(`
    create sequence public.fired;
    create table public.outage ();
    insert into public.outage default values;
    create function public.fulfil() returns trigger language plpgsql as $$
    begin
      perform nextval('public.fired');
      if new.payload -> 'data' -> 'object' -> 'metadata' ? 'broken' and exists (select from public.outage) then
        raise exception 'no such order';
      end if;
      return null;
    end $$;
    create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed') execute function public.fulfil();`)
})
afterAll(() => database.close())

/** How often the trigger fires while the event is taken. */
async function firings(event: Json): Promise<{ times: number; status: string; error: string | null }> {
  await database.sql`select setval('public.fired', 1, false)`
  const { status, event: row } = await ingest(database.sql, event)
  const [sequence] = await database.sql<{ times: number }[]>`
    select case when is_called then last_value else 0 end::integer as times from public.fired`
  return { times: sequence?.times ?? 0, status, error: row.last_error }
}

const broken = { ...subjectMetadata('team', '42'), broken: 'yes' }
const ordinary = (metadata: Json): [string, Json][] => [
  ['customer.created', customer({ metadata })],
  ['product.created', product({ metadata })],
  ['price.created', price({ metadata })],
  ['customer.subscription.created', subscription({ customer: newId('cus'), metadata })],
  ['invoice.paid', invoice({ customer: newId('cus'), metadata })],
  ['payment_intent.succeeded', paymentIntent({ metadata })],
  ['checkout.session.completed', checkoutSession({ payment_intent: newId('pi'), metadata })],
]

test.each(ordinary(broken))(
  'a trigger that raises for an ordinary %s fires once, and the event is kept as failed with its projection',
  async (type, object) => {
    expect(await firings(eventOf(type, object))).toEqual({
      times: 1,
      status: 'failed',
      error: 'no such order (P0001)',
    })
  },
)

test.each(ordinary({}))('a trigger fires once for an ordinary %s', async (type, object) => {
  expect(await firings(eventOf(type, object))).toEqual({ times: 1, status: 'processed', error: null })
})

test('a trigger fires once for an event that the short path gives back: one that is late, one of the same second, and one that is known as failed', async () => {
  const anna = customer()
  await ingest(database.sql, eventOf('customer.updated', anna, { created: T + 5 }))
  const processed = { times: 1, status: 'processed', error: null }
  expect(await firings(eventOf('customer.created', anna, { created: T }))).toEqual(processed)
  expect(await firings(eventOf('customer.updated', { ...anna, name: 'Anna' }, { created: T + 5 }))).toEqual(
    processed,
  )
  const event = eventOf('customer.created', customer({ metadata: broken }))
  await ingest(database.sql, event)
  await database.sql`delete from public.outage`
  expect(await firings(event)).toEqual(processed)
  expect((await firings(event)).times).toBe(0)
})
