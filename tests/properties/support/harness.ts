/**
 * A database in which a log is told in some order, and what is there afterwards. The messages of a life cycle are
 * stored once; a run names them by number, happens in one transaction inside Postgres, and is rolled back.
 */
import type postgres from 'postgres'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { undone } from '../../sql/support/calls.ts'
import type { Json, StripeEvent } from './recording.ts'

/** A delivery of Stripe, or an answer of the API that was true at `at` (seconds since 1970). */
export type Message = { event: StripeEvent } | { snapshot: Json[]; at: number }

export type Rows = Record<string, Json[]>

export type Outcome = {
  /** How many events were answered how. */
  statuses: Record<string, number>
  /** The errors of events that failed. */
  errors: string[]
  /** Objects that the database asked to be read from Stripe. */
  fetches: string[]
  /** Rows of every projection, without their raw objects, when everything was told. */
  rows: Rows
  /** How often the app's trigger ran, by event. */
  effects: Record<string, number>
  /** The rows after a rebuild; null when they are the same, ids included. */
  rebuilt: Rows | null
  /** How many rows the rebuild has deleted or inserted, by table, for example to insert again what it had deleted. */
  moved: Record<string, number>
  /** The rows after a rebuild from nothing; null when none was asked for. */
  remade: Rows | null
  /** Customers and subscriptions with a row of no owner that unowned_objects does not know. */
  overlooked: string[]
}

/** The ids that unowned_objects lacks. A short path would leave their rows without the owner that it names. */
export const OVERLOOKED = `
  select distinct o.id
  from (
    select t.environment, coalesce(t.provider_customer_id, t.related_object_ids ->> 'subscription') as id
    from payments.transactions as t where t.subject_type is null
    union all
    select t.environment, coalesce(t.customer_id, t.subscription_id)
    from payments.stripe_invoices as t where t.subject_type is null
    union all
    select t.environment, t.customer_id from payments.stripe_subscriptions as t where t.subject_type is null
    union all
    select t.environment, t.customer_id from payments.stripe_credit_notes as t where t.subject_type is null
  ) as o
  where o.id is not null
    and not exists (
      select from payments_private.unowned_objects as u where u.object_id = o.id and u.environment = o.environment
    )`

const TABLES: [table: string, key: string][] = [
  ['payments.stripe_products', 'product_id'],
  ['payments.stripe_prices', 'price_id'],
  ['payments.customers', 'provider_customer_id'],
  ['payments.customer_mappings', 'subject_type, t.subject_id'],
  ['payments.stripe_checkout_sessions', 'checkout_session_id'],
  ['payments.stripe_subscriptions', 'subscription_id'],
  ['payments.stripe_subscription_items', 'subscription_item_id'],
  ['payments.stripe_invoices', 'invoice_id'],
  ['payments.stripe_credit_notes', 'credit_note_id'],
  ['payments.transactions', 'provider_object_type, t.provider_object_id'],
]

/** The counting trigger of an app, and functions that tell and read; for any migrated database. */
export const HARNESS = `
  create schema property;
  create table property.messages (number integer primary key, payload jsonb not null, told_at timestamptz);
  create table property.ends (id text primary key, object jsonb not null);
  create table property.effects (event_id text not null);

  create function property.tg_count() returns trigger language plpgsql security definer as $$
  begin
    insert into property.effects values (new.provider_event_id);
    return new;
  end $$;
  create trigger _500_count after insert or update of processing_status on payments.webhook_events
    for each row when (new.processing_status = 'processed') execute function property.tg_count();

  create function property.rows() returns jsonb language sql stable as $$
    select jsonb_build_object(${TABLES.map(
      ([table, key]) => `'${table.split('.')[1]}', (
        select coalesce(jsonb_agg(to_jsonb(t) - '{synced_at,updated_at,raw}'::text[]
          || jsonb_build_object('raw', md5(to_jsonb(t) ->> 'raw')) order by t.${key}), '[]')
        from ${table} as t)`,
    ).join(', ')})
  $$;

  create function property.forget() returns void language sql as $$
    ${TABLES.map(([table]) => `delete from ${table};`).join('\n')}
    delete from payments_private.payment_objects;
    delete from payments_private.charge_details;
    delete from payments_private.subscription_schedules;
    delete from payments_private.customer_owners;
    delete from payments_private.unowned_objects;
  $$;

  -- what a handler does: hands over what came, and reads from Stripe what it is asked to
  create function property.tell(numbers integer[], read_at timestamptz) returns jsonb language plpgsql as $$
  declare
    v_answers jsonb := '[]';
    v_answer jsonb;
    v_snapshot record;
  begin
    select m.payload, m.told_at into v_snapshot from property.messages as m where m.number = numbers[1];
    if v_snapshot.told_at is not null then
      perform payments.project_stripe_objects('test', v_snapshot.payload, v_snapshot.told_at);
      return v_answers;
    end if;
    if cardinality(numbers) = 1 then
      v_answers := jsonb_build_array(payments.ingest_webhook_event('test', v_snapshot.payload));
    else
      v_answers := payments.ingest_webhook_events('test', (
        select jsonb_agg(m.payload order by n.place)
        from unnest(numbers) with ordinality as n (number, place) join property.messages as m using (number)));
    end if;
    perform payments.project_stripe_objects('test', jsonb_agg(e.object), read_at)
    from jsonb_array_elements(v_answers) as a (answer)
    cross join jsonb_array_elements(a.answer -> 'fetch') as f (ref)
    join property.ends as e on e.id = f.ref ->> 'id'
    where read_at is not null
    having count(*) > 0;
    return v_answers;
  end $$;

  create function property.run(batches jsonb, read_at timestamptz, rebuild boolean) returns jsonb language plpgsql as $$
  declare
    v_answers jsonb := '[]';
    v_batch jsonb;
  begin
    for v_batch in select b.batch from jsonb_array_elements(batches) as b (batch) loop
      v_answers := v_answers || property.tell(array(select jsonb_array_elements_text(v_batch)::integer), read_at);
    end loop;
    return property.outcome(v_answers, rebuild);
  end $$;

  -- every order of the messages in left, after those in told: what two orders begin with alike is told once for both,
  -- and a subtransaction takes back what one of them goes on with. Rebuilds where the last four messages are in
  -- ascending order.
  create function property.run_orders(told integer[], remaining integer[], answers jsonb, read_at timestamptz)
    returns jsonb[] language plpgsql as $$
  declare
    v_outcomes jsonb[] := '{}';
    v_number integer;
  begin
    if remaining = '{}' then
      return array[property.outcome(answers, (
        select array_agg(t.number order by t.number) = array_agg(t.number order by t.place)
        from unnest(told) with ordinality as t (number, place)
        where t.place > cardinality(told) - 4))];
    end if;
    foreach v_number in array remaining loop
      begin
        v_outcomes := v_outcomes || property.run_orders(told || v_number, array_remove(remaining, v_number),
          answers || property.tell(array[v_number], read_at), read_at);
        raise exception using errcode = 'PT000', message = 'undo';
      exception when sqlstate 'PT000' then null;
      end;
    end loop;
    return v_outcomes;
  end $$;

  -- how many rows this transaction has inserted into each table and deleted from it
  create function property.inserted_and_deleted() returns jsonb language sql volatile as $$
    select jsonb_object_agg(relname, n_tup_ins + n_tup_del) from pg_stat_xact_user_tables
    where schemaname || '.' || relname in (${TABLES.map(([table]) => `'${table}'`).join(', ')})
  $$;

  create function property.outcome(answers jsonb, rebuild boolean) returns jsonb language plpgsql as $$
  declare
    v_answers constant jsonb := answers;
    v_rows jsonb;
    v_rebuilt jsonb;
    v_moved jsonb;
  begin
    v_rows := property.rows();
    if rebuild then
      v_moved := property.inserted_and_deleted();
      perform payments.rebuild_projections('test');
      v_moved := (
        select jsonb_object_agg(n.key, n.value::bigint - (v_moved ->> n.key)::bigint)
        from jsonb_each_text(property.inserted_and_deleted()) as n where n.value <> v_moved ->> n.key);
      v_rebuilt := property.rows();
      perform property.forget();
      perform payments.rebuild_projections('test');
    end if;
    return jsonb_build_object(
      'statuses', (
        select coalesce(jsonb_object_agg(s.status, s.count), '{}')
        from (select a.answer ->> 'status' as status, count(*) as count
          from jsonb_array_elements(v_answers) as a (answer) group by 1) as s),
      'errors', (
        select coalesce(jsonb_agg(a.answer #>> '{event,last_error}'), '[]')
        from jsonb_array_elements(v_answers) as a (answer) where a.answer ->> 'status' = 'failed'),
      'fetches', (
        select coalesce(jsonb_agg(f.ref ->> 'id'), '[]')
        from jsonb_array_elements(v_answers) as a (answer), jsonb_array_elements(a.answer -> 'fetch') as f (ref)),
      'rows', v_rows,
      'effects', (
        select coalesce(jsonb_object_agg(e.event_id, e.count), '{}')
        from (select event_id, count(*) from property.effects group by 1) as e),
      'rebuilt', case when v_rebuilt <> v_rows then v_rebuilt end,
      'moved', coalesce(v_moved, '{}'),
      'overlooked', array(${OVERLOOKED}),
      'remade', case when rebuild then property.rows() end);
  end $$;
`

export type Harness = {
  database: TestDatabase
  /** Forgets everything and takes in the messages of a life cycle, and what Stripe answers when it is asked. */
  load(messages: Message[], end: Iterable<[string, Json]>): Promise<void>
  /** Whose messages are loaded. */
  loaded: unknown
  /** Tells messages, those of one inner list in one call, and undoes it. Stripe is asked at `readAt`, or never. */
  run(batches: number[][], readAt: number | null, rebuild?: boolean): Promise<Outcome>
  /**
   * Tells messages in every order, each in a call of its own, and undoes it. The orders are those of `permutations`, in
   * turn.
   */
  runOrders(numbers: number[], readAt: number | null): Promise<Outcome[]>
  /** The rows that are there now. */
  rows(): Promise<Rows>
  close(): Promise<void>
}

export async function createHarness(): Promise<Harness> {
  const database = await createTestDatabase()
  const { sql } = database
  await sql.unsafe(HARNESS)
  return {
    database,
    async load(messages, end) {
      await empty(sql)
      const ends = [...end].map(([id, object]) => ({ id, object }))
      const stored = messages.map((message, number) =>
        'event' in message
          ? { number, payload: message.event, told_at: null }
          : { number, payload: message.snapshot, told_at: new Date(message.at * 1000) },
      )
      await sql`
        insert into property.messages select * from jsonb_populate_recordset(null::property.messages, ${sql.json(stored as never)})`
      await sql`
        insert into property.ends select * from jsonb_populate_recordset(null::property.ends, ${sql.json(ends as never)})`
    },
    loaded: undefined,
    run: (batches, readAt, rebuild = true) =>
      undone(sql, async (transaction) => {
        const [row] = await transaction<{ outcome: Outcome }[]>`
          select property.run(${transaction.json(batches)}, ${instant(readAt)}, ${rebuild}) as outcome`
        if (!row) throw new Error('the run answered nothing')
        return row.outcome
      }),
    runOrders: (numbers, readAt) =>
      undone(sql, async (transaction) => {
        const rows = await transaction<{ outcome: Outcome }[]>`
          select outcome from unnest(property.run_orders('{}', ${numbers}::integer[], '[]', ${instant(readAt)})) as outcome`
        return rows.map(({ outcome }) => outcome)
      }),
    rows: () => rowsOf(sql),
    close: database.close,
  }
}

const instant = (seconds: number | null) => (seconds === null ? null : new Date(seconds * 1000))

/** The rows of every projection, where the harness is installed. */
export async function rowsOf(sql: postgres.Sql): Promise<Rows> {
  const [row] = await sql<{ rows: Rows }[]>`select property.rows() as rows`
  return row?.rows ?? {}
}

/** Empties every table, so that what was rolled back takes no place either. */
export async function empty(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`truncate property.messages, property.ends, property.effects, payments.webhook_events,
    payments_private.payment_objects, payments_private.charge_details, payments_private.subscription_schedules, payments_private.customer_owners, payments_private.unowned_objects, ${TABLES.map(([table]) => table).join(', ')}`)
}
