/*
 * Purchases of guests, who can take them over once they sign in.
 *
 * How to use it: a guest starts a checkout without a token and without a subject. The success page has the id of the
 * Checkout Session: put {CHECKOUT_SESSION_ID} into successUrl. When the guest signs in or up, the page calls, with the
 * user's token:
 *
 *     select * from {{schema}}.claim_guest_purchase('cs_live_…');
 *
 * Only who paid knows that id, so it proves more than an e-mail address, which anybody can type. A purchase is claimed
 * once; the same user gets it again. {{schema}}.guest_purchases has all, also unclaimed ones, with the address for your
 * mail.
 */
create table if not exists {{schema}}.guest_purchases (
  purchase_id text not null,
  environment text not null,
  checkout_session_id text not null,
  customer_email text,
  items jsonb not null,
  amount bigint,
  amount_undone bigint,
  currency text,
  status text not null,
  metadata jsonb not null,
  paid_at timestamptz,
  claimed_by {{user_key_type}},
  claimed_at timestamptz,
  primary key (purchase_id, environment)
);
create unique index if not exists guest_purchases_session_idx on {{schema}}.guest_purchases (checkout_session_id, environment);
create index if not exists guest_purchases_claimed_by_idx on {{schema}}.guest_purchases (claimed_by);
revoke all on {{schema}}.guest_purchases from public, anon, authenticated; -- platforms such as Supabase grant new tables to everyone
alter table {{schema}}.guest_purchases enable row level security;
drop policy if exists select_claimed on {{schema}}.guest_purchases;
create policy select_claimed on {{schema}}.guest_purchases for select to authenticated
  using (claimed_by = (select {{user_key payments.caller_id()}}));
grant select on {{schema}}.guest_purchases to authenticated;

create or replace function {{schema}}.claim_guest_purchase(checkout_session_id text)
  returns setof {{schema}}.guest_purchases
  language plpgsql
  volatile
  security definer -- crosses from the caller to the purchases of guests
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_caller {{user_key_type}} := {{user_key payments.caller_id()}};
begin
  if v_caller is null then
    raise exception 'Only a signed-in user can take over a purchase.' using errcode = '42501';
  end if;
  update {{schema}}.guest_purchases as p
  set claimed_by = v_caller, claimed_at = now()
  where p.checkout_session_id = claim_guest_purchase.checkout_session_id and p.claimed_by is null and p.status = 'paid';
  return query
  select p.*
  from {{schema}}.guest_purchases as p
  where p.checkout_session_id = claim_guest_purchase.checkout_session_id and p.claimed_by = v_caller;
end;
$$;
revoke all on function {{schema}}.claim_guest_purchase(text) from public, anon, authenticated;
grant execute on function {{schema}}.claim_guest_purchase(text) to authenticated;

create or replace function {{schema}}.tg_webhook_events__guest_purchases()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the ledger to the app's tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_purchase payments.purchase := payments.purchase_of(new);
begin
  if v_purchase.id is null or v_purchase.kind <> 'one_time' or v_purchase.checkout_session_id is null
    or v_purchase.subject_type is not null or v_purchase.caller_id is not null
  then
    return null;
  end if;
  insert into {{schema}}.guest_purchases (
    purchase_id, environment, checkout_session_id, customer_email, items, amount, amount_undone, currency, status, metadata, paid_at
  )
  values (
    v_purchase.id, new.environment, v_purchase.checkout_session_id, v_purchase.customer_email, v_purchase.items,
    v_purchase.amount, v_purchase.amount_undone, v_purchase.currency, v_purchase.status, v_purchase.metadata, v_purchase.paid_at
  )
  on conflict (purchase_id, environment) do update
  set status = excluded.status,
      amount_undone = excluded.amount_undone,
      paid_at = coalesce(excluded.paid_at, guest_purchases.paid_at);
  return null;
end;
$$;
revoke all on function {{schema}}.tg_webhook_events__guest_purchases() from public, anon, authenticated;

create or replace trigger _500_guest_purchases
  after insert or update of processing_status on payments.webhook_events
  for each row
  when (
    new.processing_status = 'processed'
    and new.event_type like any (array['checkout.session.%', 'payment_intent.%', 'charge.%', 'refund.%'])
  )
  execute function {{schema}}.tg_webhook_events__guest_purchases();

-- Down
drop trigger if exists _500_guest_purchases on payments.webhook_events;
drop function if exists {{schema}}.tg_webhook_events__guest_purchases();
drop function if exists {{schema}}.claim_guest_purchase(text);
