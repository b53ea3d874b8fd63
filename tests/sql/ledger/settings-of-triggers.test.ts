/** What the app's fulfilment trigger meets: the settings of its own session. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { ingest } from '../support/calls.ts'
import { checkoutSession, customer, eventOf, invoice, type Json, subscription } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await database.sql.unsafe(`
    create table public.met (event_id text, settings jsonb);
    create function public.meet() returns trigger language plpgsql as $$
    begin
      insert into public.met values (new.provider_event_id, (
        select jsonb_object_agg(s.name, s.setting) from pg_settings as s
        where s.name like 'enable_%' or s.name in ('plan_cache_mode', 'jit', 'from_collapse_limit', 'work_mem')));
      return null;
    end $$;
    create trigger _500_meet after insert or update on payments.webhook_events
      for each row execute function public.meet();`)
})
afterAll(() => database.close())

const settings = async () => {
  const [row] = await database.sql<{ settings: Json }[]>`
    select jsonb_object_agg(s.name, s.setting) as settings from pg_settings as s
    where s.name like 'enable_%' or s.name in ('plan_cache_mode', 'jit', 'from_collapse_limit', 'work_mem')`
  return row?.settings
}

const events = (): Json[] => [
  eventOf('customer.created', customer()),
  eventOf('customer.subscription.created', subscription()),
  eventOf('invoice.paid', invoice({ status: 'paid' })),
  eventOf('checkout.session.completed', checkoutSession()),
  eventOf('customer.deleted', customer({ deleted: true })),
  eventOf('charge.captured', { id: 'ch_ignored', object: 'charge' }),
]

test('no setting of the planner reaches the trigger, whether events come alone or in a list, are retried or replayed', async () => {
  const { sql } = database
  for (const event of events()) await ingest(sql, event)
  await sql`select payments.ingest_webhook_events('test', ${sql.json(events() as never)})`
  await sql`select from payments.replay_webhook_events('test', include_processed => true)`
  const met = await sql<{ settings: Json }[]>`select settings from public.met`
  expect(met.length).toBeGreaterThan(events().length * 2)
  const own = await settings()
  for (const row of met) expect(row.settings).toEqual(own)
})
