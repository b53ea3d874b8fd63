/**
 * The floors: what an event costs without any decision about it.
 *
 * The floor writes the same rows as the handler. Each kind of event is one statement that writes all its rows and
 * the ledger, for one event or for a list. It reads nothing, locks nothing, and compares no versions.
 *
 * The public floor writes the rows of the schema `payments` alone, and none of `payments_private`. No other shape of
 * the private tables can be cheaper.
 *
 * The reading floor also locks the ids and reads what a decision needs, in the same statement, and uses none of it:
 * whether something was assigned or erased, the rows of the objects, the other objects of the payment, the claims.
 */

/** The events of some kinds of object. */
const eventsOf = (kinds: string) => `
  e as (
    select p.event, p.event -> 'data' -> 'object' as o, to_timestamp((p.event -> 'created')::double precision) as at
    from unnest(floor.payloads) as p (event)
    where p.event -> 'data' -> 'object' ->> 'object' = any ('{${kinds}}')
  )`

const ledger = (condition: string) => `
  insert into payments.webhook_events as w (
    environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
    processing_status, attempt_count, processed_at
  )
  select 'test', event ->> 'id', event ->> 'type', false, o ->> 'object', o ->> 'id', at, event, 'processed', 1, now()
  from e ${condition}
  returning
    w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
    w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
    w.provider_account_id, w.provider_created_at, w.next_attempt_at`

/** The event's object and the one that it names first; `payment` is what they have in common. */
const objectsOf = (payment: string, linked: string) => `
  objects as (
    insert into payments_private.payment_objects as t (
      environment, object_id, object_type, payment_id, version, state, status, amount, currency, customer_id,
      customer_email, description, subject_type, subject_id, provider_created_at, succeeded_at
    )
    select distinct on (i.id)
      'test', i.id, i.type, md5(${payment})::uuid, i.version, 'succeeded', 'succeeded', (o ->> 'amount')::bigint,
      o ->> 'currency', o ->> 'customer', o ->> 'receipt_email', o ->> 'description',
      o -> 'metadata' ->> 'payments_subject_type', o -> 'metadata' ->> 'payments_subject_id', at, at
    from e
    cross join lateral (
      values (o ->> 'id', replace(o ->> 'object', '.', '_'), 1), (${linked}, 'charge', 0)
    ) as i (id, type, version)
    where i.id is not null
    order by i.id, i.version desc
    on conflict on constraint payment_objects_pkey do update set version = excluded.version where t.version < excluded.version
  ),`

/** The transaction of a payment. */
const transactionOf = (payment: string, linked: string) => `
  money as (
    insert into payments.transactions as t (
      id, environment, type, status, subject_type, subject_id, provider_customer_id, customer_email_snapshot,
      provider_object_type, provider_object_id, related_object_ids, amount, currency, description, paid_at,
      provider_created_at
    )
    select distinct on (${payment})
      md5(${payment})::uuid, 'test', 'one_time_payment', 'succeeded', o -> 'metadata' ->> 'payments_subject_type',
      o -> 'metadata' ->> 'payments_subject_id', o ->> 'customer', o ->> 'receipt_email', 'payment_intent', ${payment},
      jsonb_build_object('payment_intent', ${payment}, 'charge', ${linked}), (o ->> 'amount')::bigint, o ->> 'currency',
      o ->> 'description', at, at
    from e
    on conflict on constraint transactions_pkey do update set paid_at = least(t.paid_at, excluded.paid_at)
    where t.paid_at > excluded.paid_at
  )`

const CUSTOMERS = `
  rows as (
    insert into payments.customers (
      environment, provider_customer_id, email, name, phone, metadata, raw, provider_created_at, version
    )
    select distinct on (o ->> 'id')
      'test', o ->> 'id', o ->> 'email', o ->> 'name', o ->> 'phone', o -> 'metadata', o, at, 1
    from e
    on conflict on constraint customers_provider_customer_id_key do update set
      email = excluded.email, name = excluded.name, phone = excluded.phone, metadata = excluded.metadata, raw = excluded.raw
  )`

const SUBSCRIPTIONS = `
  items as (
    insert into payments.stripe_subscription_items (
      environment, subscription_item_id, subscription_id, product_id, price_id, quantity, raw
    )
    select distinct on (i.item ->> 'id')
      'test', i.item ->> 'id', o ->> 'id', i.item -> 'price' ->> 'product', i.item -> 'price' ->> 'id', 1, i.item
    from e
    cross join lateral (select o -> 'items' -> 'data' -> 0) as i (item)
    on conflict on constraint stripe_subscription_items_subscription_item_id_key do nothing
  ),
  rows as (
    insert into payments.stripe_subscriptions (
      environment, subscription_id, customer_id, subject_type, subject_id, status, latest_invoice_id, metadata, raw,
      version
    )
    select distinct on (o ->> 'id')
      'test', o ->> 'id', o ->> 'customer', o -> 'metadata' ->> 'payments_subject_type',
      o -> 'metadata' ->> 'payments_subject_id', o ->> 'status', o ->> 'latest_invoice', o -> 'metadata', o, 1
    from e
    on conflict on constraint stripe_subscriptions_subscription_id_key do update
    set status = excluded.status, metadata = excluded.metadata, raw = excluded.raw, synced_at = now()
  )`

const INVOICES = `
  rows as (
    insert into payments.stripe_invoices (
      environment, invoice_id, number, status, customer_id, billing_reason, currency, total, amount_due, amount_paid,
      hosted_invoice_url, provider_created_at, metadata, version
    )
    select
      'test', o ->> 'id', o ->> 'number', o ->> 'status', o ->> 'customer', o ->> 'billing_reason', o ->> 'currency',
      (o ->> 'total')::bigint, (o ->> 'amount_due')::bigint, (o ->> 'amount_paid')::bigint, o ->> 'hosted_invoice_url', at,
      '{}', 1
    from e
    on conflict on constraint stripe_invoices_invoice_id_key do nothing
  )`

const SESSIONS = `
  rows as (
    insert into payments.stripe_checkout_sessions (
      environment, mode, status, payment_status, subject_type, subject_id, customer_email, success_url, cancel_url, metadata,
      checkout_session_id, customer_id, payment_intent_id, raw, version
    )
    select
      'test', o ->> 'mode', 'completed', o ->> 'payment_status', o -> 'metadata' ->> 'payments_subject_type',
      o -> 'metadata' ->> 'payments_subject_id', o ->> 'customer_email', '', '',
      o -> 'metadata', o ->> 'id', o ->> 'customer', o ->> 'payment_intent', o, 1
    from e
  )`

const ID = `o ->> 'id'`
const PAYMENT = `coalesce(o ->> 'payment_intent', o ->> 'id')`
const CHARGE = `coalesce(o ->> 'latest_charge', o ->> 'charge')`

/** The locks of a list, and the sum of what was read, so that nothing is left out; `read` adds to it. */
const readsOf = (read: string[]) => `
  ids as materialized (
    select distinct id
    from e
    cross join lateral (
      values (o ->> 'id'), (o ->> 'customer'), (o ->> 'payment_intent'), (o ->> 'latest_charge'), (o ->> 'charge'),
        (o ->> 'subscription'), (o ->> 'client_reference_id')
    ) as i (id)
    where id is not null
  ),
  locked as materialized (
    select count(pg_advisory_xact_lock(hash)) as n
    from (select hashtextextended('test ' || id, 0) as hash from ids order by hash) as h
  ),
  list as materialized (select array(select id from ids) as ids from locked where n >= 0),
  known as materialized (
    select ${[ASSIGNED_OR_ERASED, ...read].join(' + ')} as n
    from list
  )`

const counted = (table: string, column: string, value: string) => `
      (select count(${value}) from ${table} where environment = 'test' and ${column} = any (list.ids))`
const ASSIGNED_OR_ERASED = [
  counted('payments_private.subject_assignments', 'object_id', 'subject_id'),
  counted('payments_private.erased_objects', 'object_id', 'object_id'),
].join(' + ')
const CLAIMS = counted('payments_private.customer_owners', 'customer_id', 'named_at')
const MAPPINGS = counted('payments.customer_mappings', 'provider_customer_id', 'subject_id')
const RECEIPTS = counted('payments_private.charge_details', 'charge_id', 'card_brand')
const SESSION_ROWS = counted('payments.stripe_checkout_sessions', 'checkout_session_id', 'version')
const SUBSCRIPTION_ROWS = counted('payments.stripe_subscriptions', 'subscription_id', 'version')
const OBJECTS_OF_PAYMENTS = `
      (
        select count(version)
        from payments_private.payment_objects
        where payment_id = any (array(
          select payment_id from payments_private.payment_objects where environment = 'test' and object_id = any (list.ids)
        ))
      )`

/** What is written and read for each kind; `payment` has the payment of an event and the object that it links to. */
type Kind = { rows?: string; payment?: [id: string, linked: string]; read: string[] }
const KINDS: Record<string, Kind> = {
  customer: { rows: CUSTOMERS, read: [] },
  subscription: { rows: SUBSCRIPTIONS, read: [CLAIMS, SUBSCRIPTION_ROWS] },
  invoice: { rows: INVOICES, payment: [ID, 'null'], read: [OBJECTS_OF_PAYMENTS, MAPPINGS, RECEIPTS] },
  'checkout.session': {
    rows: SESSIONS,
    payment: [PAYMENT, 'null'],
    read: [OBJECTS_OF_PAYMENTS, CLAIMS, SESSION_ROWS],
  },
  'payment_intent,charge,refund': {
    payment: [PAYMENT, CHARGE],
    read: [OBJECTS_OF_PAYMENTS, MAPPINGS, RECEIPTS],
  },
}

type Options = { reads: boolean; writesObjects: boolean }

const steps = ({ reads, writesObjects }: Options) =>
  Object.entries(KINDS).map(
    ([kinds, { rows, payment, read }]) => `
  if v_kinds && '{${kinds}}' then
    with ${eventsOf(kinds)},
    ${reads ? `${readsOf(read)},` : ''}
    ${rows ? `${rows},` : ''}
    ${payment && writesObjects ? objectsOf(...payment) : ''}
    ${payment ? `${transactionOf(...payment)},` : ''}
    recorded as (${ledger(reads ? 'where (select n from known) >= 0' : '')})
    select v_results || array_agg(jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb))
    into v_results
    from recorded as r;
  end if;`,
  )

/** Replaces the two functions that take events, in a database of its own. */
export const floorSql = (options: Options) => `
create function payments_private.floor(payloads jsonb[]) returns jsonb[] language plpgsql as $$
#variable_conflict use_column
declare
  v_kinds text[] := array(select p.event -> 'data' -> 'object' ->> 'object' from unnest(payloads) as p (event));
  v_results jsonb[] := '{}';
begin
  ${steps(options).join('\n')}
  return v_results;
end;
$$;
create or replace function payments.ingest_webhook_event(environment text, payload jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  return (payments_private.floor(array[payload]))[1];
end;
$$;
create or replace function payments.ingest_webhook_events(environment text, payloads jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  return to_jsonb(payments_private.floor(array(select jsonb_array_elements(payloads))));
end;
$$;`
