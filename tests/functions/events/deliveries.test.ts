/** Deliveries that wait for each other share a call: each ends as it would have alone. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDatabase, type Database } from '../../../functions/core/database.ts'
import { createIngest } from '../../../functions/events/ingest.ts'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { productEvent } from '../support/events.ts'

let test: TestDatabase
let database: Database & { end(): Promise<void> }

beforeAll(async () => {
  test = await createTestDatabase()
  database = createDatabase({ url: test.url, poolSize: 1 })
  await test.sql.unsafe(`
    create table public.spoiled (event_id text primary key, code text);
    create function public.fulfil() returns trigger language plpgsql as $$
    declare
      v_code text := (select s.code from public.spoiled as s where s.event_id = new.provider_event_id);
    begin
      if v_code is not null then raise exception 'It is spoiled.' using errcode = v_code; end if;
      return null;
    end $$;
    create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed') execute function public.fulfil();`)
})
afterAll(async () => {
  await database.end()
  await test.close()
})

it.each([
  ['raises', 'P0001'],
  ['asserts what does not hold', 'P0004'],
  ['runs out of time, which ends a whole call', '57014'],
])('whose fulfilment %s is kept as failed, and those beside it are processed', async (_, code) => {
  const ingest = createIngest({ test: database, live: database })
  const events = Array.from({ length: 20 }, (__, n) => productEvent(`prod_${code}_${n}`, 'Cap'))
  const [spoiled, foreign] = [events[7], events[11]]
  if (!spoiled || !foreign) throw new Error('There are 20 events.')
  await test.sql`insert into public.spoiled values (${spoiled.id}, ${code})`
  foreign.livemode = true
  const ends = await Promise.allSettled(
    events.map((event) => ingest({ environment: 'test', payload: JSON.stringify(event) })),
  )
  expect(ends.map((end) => (end.status === 'fulfilled' ? end.value.status : end.reason.code))).toEqual(
    events.map((event) => (event === spoiled ? 'failed' : event === foreign ? 'INVALID_INPUT' : 'processed')),
  )
  const [kept] = await test.sql`
    select processing_status, last_error from payments.webhook_events where provider_event_id = ${spoiled.id}`
  expect(kept).toEqual({ processing_status: 'failed', last_error: `It is spoiled. (${code})` })
})
