/*
 * The older names of tables and columns, for SQL that was written for them.
 *
 * These are views: payments.checkout_sessions, customer_portal_sessions, stripe_customer_mappings, products, prices,
 * subscriptions, subscription_items and stripe_connections. They read with the rights of the caller, so row level
 * security decides as before. A policy cannot stand on a view: write it for payments.stripe_checkout_sessions and
 * payments.stripe_customer_portal_sessions. An insert into the two views of sessions becomes one into these tables.
 *
 * payments.payment_history is a table, because a trigger of yours stands on it:
 *
 *     create trigger fulfil after insert or update on payments.payment_history for each row
 *       when (new.type = 'one_time_payment' and new.status = 'succeeded') execute function …;
 *
 * It fires once for each payment. A row is inserted when its Checkout Session or invoice is known. While it says
 * succeeded, it changes only if its status does. It fires again if a refund fails, because the payment then succeeded
 * after all.
 *
 * What it costs: each event of a payment reads its purchase once more and writes a second row, some 1 kB for each
 * payment. What a sync changed without an event shows after: select payments.refresh_payment_history();
 */
create or replace view payments.checkout_sessions
  with (security_invoker = true)
as
  select
    s.id, s.environment, s.mode, s.status, s.payment_status, s.subject_type, s.subject_id, s.customer_email,
    (
      select coalesce(jsonb_agg(
        case when i.item ? 'priceId' then i.item - 'priceId' || jsonb_build_object('stripePriceId', i.item -> 'priceId') else i.item end
        order by i.position
      ), '[]')
      from jsonb_array_elements(s.line_items) with ordinality as i (item, position)
    ) as line_items,
    s.success_url, s.cancel_url, s.idempotency_key, s.metadata, s.checkout_session_id as stripe_checkout_session_id,
    s.customer_id as stripe_customer_id, s.payment_intent_id as stripe_payment_intent_id,
    s.subscription_id as stripe_subscription_id, s.url, s.last_error, s.raw, s.created_at, s.updated_at
  from payments.stripe_checkout_sessions as s;

create or replace function payments.tg_checkout_sessions__insert()
  returns trigger
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_line_items jsonb := (
    select jsonb_agg(
      case when i.item ? 'stripePriceId' then i.item - 'stripePriceId' || jsonb_build_object('priceId', i.item -> 'stripePriceId') else i.item end
      order by i.position
    )
    from jsonb_array_elements(new.line_items) with ordinality as i (item, position)
  );
begin
  if new.environment is null or new.mode is null then
    raise exception 'A checkout session needs environment and mode.' using errcode = '23502';
  end if;
  insert into payments.stripe_checkout_sessions (
    environment, mode, subject_type, subject_id, customer_email, line_items, success_url, cancel_url, idempotency_key, metadata
  )
  values (
    new.environment, new.mode, new.subject_type, new.subject_id, new.customer_email, coalesce(v_line_items, '[]'), new.success_url,
    new.cancel_url, new.idempotency_key, coalesce(new.metadata, '{}')
  );
  return new;
end;
$$;
revoke all on function payments.tg_checkout_sessions__insert() from public, anon, authenticated;
create or replace trigger _100_insert instead of insert on payments.checkout_sessions
  for each row execute function payments.tg_checkout_sessions__insert();

create or replace view payments.customer_portal_sessions
  with (security_invoker = true)
as
  select
    s.id, s.environment, s.status, s.subject_type, s.subject_id, s.customer_id as stripe_customer_id, s.return_url,
    s.configuration_id, s.url, s.last_error, s.raw, s.created_at, s.updated_at
  from payments.stripe_customer_portal_sessions as s;

create or replace view payments.stripe_customer_mappings
  with (security_invoker = true)
as
  select m.id, m.environment, m.subject_type, m.subject_id, m.provider_customer_id as stripe_customer_id, m.created_at, m.updated_at
  from payments.customer_mappings as m
  where m.provider = 'stripe';

create or replace view payments.products
  with (security_invoker = true)
as
  select
    p.id, p.environment, p.product_id as stripe_product_id, p.name, p.description, p.active, p.default_price_id, p.metadata, p.raw,
    p.synced_at, p.created_at, p.updated_at
  from payments.stripe_products as p
  where not p.deleted;

create or replace view payments.prices
  with (security_invoker = true)
as
  select
    p.id, p.environment, p.price_id as stripe_price_id, p.product_id as stripe_product_id, p.active, p.currency, p.unit_amount,
    p.unit_amount_decimal, p.type, p.lookup_key, p.billing_scheme, p.tax_behavior, p.recurring_interval,
    p.recurring_interval_count, p.metadata, p.raw, p.synced_at, p.created_at, p.updated_at
  from payments.stripe_prices as p
  where not p.deleted;

create or replace view payments.subscriptions
  with (security_invoker = true)
as
  select
    s.id, s.environment, s.subscription_id as stripe_subscription_id, s.customer_id as stripe_customer_id, s.subject_type,
    s.subject_id, s.status, s.current_period_start, s.current_period_end, s.cancel_at_period_end, s.cancel_at, s.canceled_at,
    s.trial_start, s.trial_end, s.latest_invoice_id, s.metadata, s.raw, s.synced_at, s.created_at, s.updated_at
  from payments.stripe_subscriptions as s;

create or replace view payments.subscription_items
  with (security_invoker = true)
as
  select
    i.id, i.environment, i.subscription_item_id as stripe_subscription_item_id, i.subscription_id as stripe_subscription_id,
    i.product_id as stripe_product_id, i.price_id as stripe_price_id, i.quantity, i.metadata, i.raw, i.created_at, i.updated_at
  from payments.stripe_subscription_items as i;

create or replace view payments.stripe_connections
  with (security_invoker = true)
as
  select
    c.id, c.environment, c.provider_account_id as stripe_account_id, c.account_email as stripe_account_email, c.account_livemode,
    c.status, c.webhook_endpoint_id, c.webhook_endpoint_url, c.webhook_configured_at, c.last_synced_at, c.last_sync_status,
    c.last_sync_error, c.last_sync_counts, c.raw, c.created_at, c.updated_at
  from payments.provider_connections as c
  where c.provider = 'stripe';

revoke all on
  payments.checkout_sessions, payments.customer_portal_sessions, payments.stripe_customer_mappings, payments.products,
  payments.prices, payments.subscriptions, payments.subscription_items, payments.stripe_connections
  from public, anon, authenticated;
grant select, insert on payments.checkout_sessions, payments.customer_portal_sessions to anon, authenticated;

create table if not exists payments.payment_history (
  id uuid primary key default gen_random_uuid(),
  environment text not null,
  type text not null,
  status text not null,
  subject_type text,
  subject_id text,
  stripe_customer_id text,
  customer_email_snapshot text,
  stripe_checkout_session_id text,
  stripe_payment_intent_id text,
  stripe_invoice_id text,
  stripe_charge_id text,
  stripe_refund_id text,
  stripe_subscription_id text,
  stripe_product_id text,
  stripe_price_id text,
  amount bigint,
  amount_refunded bigint,
  currency text,
  description text,
  paid_at timestamptz,
  failed_at timestamptz,
  refunded_at timestamptz,
  stripe_created_at timestamptz,
  raw jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index if not exists payment_history_checkout_session_idx
  on payments.payment_history (stripe_checkout_session_id, environment)
  where stripe_checkout_session_id is not null and type <> 'refund';
create unique index if not exists payment_history_invoice_idx
  on payments.payment_history (stripe_invoice_id, environment) where stripe_invoice_id is not null and type <> 'refund';
create unique index if not exists payment_history_payment_intent_idx
  on payments.payment_history (stripe_payment_intent_id, environment)
  where stripe_payment_intent_id is not null and type <> 'refund';
create unique index if not exists payment_history_refund_idx
  on payments.payment_history (stripe_refund_id, environment) where stripe_refund_id is not null;
create index if not exists payment_history_created_idx on payments.payment_history (environment, stripe_created_at desc);
create index if not exists payment_history_customer_idx
  on payments.payment_history (stripe_customer_id, environment) where stripe_customer_id is not null;
create index if not exists payment_history_subject_idx on payments.payment_history (subject_id, subject_type, environment);
revoke all on payments.payment_history from public, anon, authenticated;
alter table payments.payment_history enable row level security;

-- Writes the row of a payment or a refund. A payment without Checkout Session and invoice has none yet.
create or replace function payments.put_payment_history(transaction payments.transactions)
  returns void
  language plpgsql
  volatile
  security definer -- crosses from a trigger to the table
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids jsonb := transaction.related_object_ids;
  v_is_refund boolean := transaction.type = 'refund';
  v_refund_id text := case when v_is_refund then transaction.provider_object_id end;
  v_id uuid;
begin
  if not v_is_refund and not v_ids ?| array['checkout_session', 'invoice'] then
    return;
  end if;
  select h.id
  into v_id
  from payments.payment_history as h
  where h.environment = transaction.environment
    and case
      when v_is_refund then h.stripe_refund_id = v_refund_id
      else h.type <> 'refund'
        and (
          h.stripe_checkout_session_id = v_ids ->> 'checkout_session'
          or h.stripe_invoice_id = v_ids ->> 'invoice'
          or h.stripe_payment_intent_id = v_ids ->> 'payment_intent'
        )
    end
  limit 1;
  if v_id is null then
    insert into payments.payment_history (
      environment, type, status, subject_type, subject_id, stripe_customer_id, customer_email_snapshot,
      stripe_checkout_session_id, stripe_payment_intent_id, stripe_invoice_id, stripe_charge_id, stripe_refund_id,
      stripe_subscription_id, stripe_product_id, stripe_price_id, amount, amount_refunded, currency, description, paid_at,
      failed_at, refunded_at, stripe_created_at, raw
    )
    values (
      transaction.environment, transaction.type, transaction.status, transaction.subject_type, transaction.subject_id,
      transaction.provider_customer_id, transaction.customer_email_snapshot, v_ids ->> 'checkout_session',
      v_ids ->> 'payment_intent', v_ids ->> 'invoice', v_ids ->> 'charge', v_refund_id, v_ids ->> 'subscription',
      v_ids ->> 'product', v_ids ->> 'price', transaction.amount, transaction.amount_refunded, transaction.currency,
      transaction.description, transaction.paid_at, transaction.failed_at, transaction.refunded_at,
      transaction.provider_created_at, transaction.raw
    );
    return;
  end if;
  update payments.payment_history as h
  set type = transaction.type,
      status = transaction.status,
      subject_type = coalesce(h.subject_type, transaction.subject_type),
      subject_id = coalesce(h.subject_id, transaction.subject_id),
      stripe_customer_id = coalesce(transaction.provider_customer_id, h.stripe_customer_id),
      customer_email_snapshot = coalesce(transaction.customer_email_snapshot, h.customer_email_snapshot),
      stripe_checkout_session_id = coalesce(v_ids ->> 'checkout_session', h.stripe_checkout_session_id),
      stripe_payment_intent_id = coalesce(v_ids ->> 'payment_intent', h.stripe_payment_intent_id),
      stripe_invoice_id = coalesce(v_ids ->> 'invoice', h.stripe_invoice_id),
      stripe_charge_id = coalesce(v_ids ->> 'charge', h.stripe_charge_id),
      stripe_subscription_id = coalesce(v_ids ->> 'subscription', h.stripe_subscription_id),
      stripe_product_id = coalesce(v_ids ->> 'product', h.stripe_product_id),
      stripe_price_id = coalesce(v_ids ->> 'price', h.stripe_price_id),
      amount = transaction.amount,
      amount_refunded = transaction.amount_refunded,
      currency = transaction.currency,
      paid_at = transaction.paid_at,
      failed_at = transaction.failed_at,
      refunded_at = transaction.refunded_at,
      updated_at = now()
  where h.id = v_id
    and (h.type, h.status, h.amount_refunded) is distinct from (transaction.type, transaction.status, transaction.amount_refunded);
end;
$$;
revoke all on function payments.put_payment_history(payments.transactions) from public, anon, authenticated;

-- Brings all rows in line with payments.transactions, for example after a sync. Returns how many payments and refunds
-- there are.
create or replace function payments.refresh_payment_history()
  returns bigint
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with put as materialized (
    select payments.put_payment_history(t) from payments.transactions as t where t.provider = 'stripe'
  )
  select count(*) from put;
$$;
revoke all on function payments.refresh_payment_history() from public, anon, authenticated;

create or replace function payments.tg_webhook_events__payment_history()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the ledger to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_purchase payments.purchase := payments.purchase_of(new);
  v_payment payments.transactions;
begin
  if v_purchase.id is null then
    return null;
  end if;
  select t.*
  into v_payment
  from payments.transactions as t
  where t.environment = new.environment
    and t.type <> 'refund'
    and t.related_object_ids @> case
      when v_purchase.invoice_id is not null then jsonb_build_object('invoice', v_purchase.invoice_id)
      else jsonb_build_object('checkout_session', v_purchase.checkout_session_id)
    end
  limit 1;
  if not found then
    return null;
  end if;
  perform payments.put_payment_history(v_payment);
  perform payments.put_payment_history(r)
  from payments.transactions as r
  where r.environment = new.environment
    and r.type = 'refund'
    and r.provider_parent_object_type = v_payment.provider_object_type
    and r.provider_parent_object_id = v_payment.provider_object_id;
  return null;
end;
$$;
revoke all on function payments.tg_webhook_events__payment_history() from public, anon, authenticated;

create or replace trigger _500_payment_history
  after insert or update of processing_status on payments.webhook_events
  for each row
  when (
    new.processing_status = 'processed'
    and new.event_type like any (array['checkout.session.%', 'invoice%', 'payment_intent.%', 'charge.%', 'refund.%'])
  )
  execute function payments.tg_webhook_events__payment_history();

select payments.refresh_payment_history();

-- Down
drop trigger if exists _500_payment_history on payments.webhook_events;
drop function if exists payments.tg_webhook_events__payment_history();
drop function if exists payments.refresh_payment_history();
drop function if exists payments.put_payment_history(payments.transactions);
drop view if exists
  payments.checkout_sessions, payments.customer_portal_sessions, payments.stripe_customer_mappings, payments.products,
  payments.prices, payments.subscriptions, payments.subscription_items, payments.stripe_connections;
drop function if exists payments.tg_checkout_sessions__insert();
