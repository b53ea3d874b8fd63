/*
 * Credits of a {{subject}}: bought, spent, taken back with a refund, and expired. Exact under concurrency.
 *
 * How to use it: {{schema}}.credit_packs says how many credits a price gives. price is a price id, a lookup key or a
 * product id; a price that is not in it gives nothing. A renewal of a subscription gives its credits again; a trial
 * gives none.
 *
 *     insert into {{schema}}.credit_packs (environment, price, credits, valid_days) values ('live', 'credits_100', 100, 365);
 *     select {{schema}}.spend_credits({{example_key}}, 5, 'render 17'); -- false if there are too few
 *
 * Each grant knows what was spent of it and what was taken back. The balance is the sum of what is left of the grants
 * that have not expired. A refund takes back its share of the grant. If that was spent already, the balance is below
 * zero, and the next grant pays it. Every change locks the account, so two spends at the same moment cannot use the
 * same credit.
 *
 * The checkout names whom it is for: subject {"type": "{{subject}}", "id": "<id>"}.{{#is_user}} Without a subject, the
 * credits are for the signed-in user who began the checkout.{{/is_user}}
 *
 * {{schema}}.unmatched_credit_purchases has packs that were paid for somebody who is no {{subject}} of the app. It is
 * another type of subject, a guest, or an id that is no {{key_type}}. Refund it; or give the credits with
 * grant_credits, and delete the row.
 *
 * Only the server may spend: app users have no right to execute these functions. To let them, write a function of your
 * own that checks what the caller pays for.
 */
{{#is_group}}
{{> members}}

{{/is_group}}
create table if not exists {{schema}}.credit_packs (
  environment text not null check (environment in ('test', 'live')),
  price text not null, -- a price id, a lookup key or a product id
  credits bigint not null check (credits > 0),
  valid_days integer check (valid_days > 0), -- null: they never expire
  primary key (price, environment)
);
create table if not exists {{schema}}.credit_accounts (
  {{subject}}_id {{key_type}} primary key -- one row to lock for each {{subject}}
);
create table if not exists {{schema}}.credit_grants (
  id bigint generated always as identity primary key,
  {{subject}}_id {{key_type}} not null references {{schema}}.credit_accounts,
  reference text not null, -- an item of a purchase, or yours
  environment text,
  purchase_id text,
  credits bigint not null check (credits > 0),
  spent bigint not null default 0 check (spent between 0 and credits),
  taken_back bigint not null default 0 check (taken_back between 0 and credits),
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  unique ({{subject}}_id, reference)
);
create index if not exists credit_grants_subject_idx on {{schema}}.credit_grants ({{subject}}_id, expires_at);
create index if not exists credit_grants_purchase_idx on {{schema}}.credit_grants (purchase_id, environment);
create table if not exists {{schema}}.credit_entries ( -- what happened; never changed
  id bigint generated always as identity primary key,
  {{subject}}_id {{key_type}} not null references {{schema}}.credit_accounts,
  kind text not null check (kind in ('grant', 'spend', 'return', 'refund')),
  credits bigint not null, -- below zero if they went away
  reference text not null,
  parts jsonb not null default '[]', -- of a spend: [{grant, credits}]
  created_at timestamptz not null default now()
);
create index if not exists credit_entries_subject_idx on {{schema}}.credit_entries ({{subject}}_id, id);
create unique index if not exists credit_entries_once_idx
  on {{schema}}.credit_entries ({{subject}}_id, kind, reference) where kind in ('spend', 'return');
create table if not exists {{schema}}.unmatched_credit_purchases (
  purchase_id text not null,
  environment text not null,
  subject_type text,
  subject_id text,
  items jsonb not null,
  amount bigint,
  currency text,
  status text not null, -- paid, refunded or charged_back
  paid_at timestamptz,
  primary key (purchase_id, environment)
);
revoke all on
  {{schema}}.credit_packs, {{schema}}.credit_accounts, {{schema}}.credit_grants, {{schema}}.credit_entries,
  {{schema}}.unmatched_credit_purchases
  from public, anon, authenticated; -- platforms such as Supabase grant new tables to everyone
alter table {{schema}}.credit_packs enable row level security;
alter table {{schema}}.credit_accounts enable row level security;
alter table {{schema}}.credit_grants enable row level security;
alter table {{schema}}.credit_entries enable row level security;
alter table {{schema}}.unmatched_credit_purchases enable row level security;

create or replace function {{schema}}.credit_balance({{subject}}_id {{key_type}})
  returns bigint
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(sum(g.credits - g.taken_back - g.spent), 0)::bigint
  from {{schema}}.credit_grants as g
  where g.{{subject}}_id = credit_balance.{{subject}}_id
    and (g.expires_at is null or g.expires_at > now() or g.credits < g.taken_back + g.spent);
$$;
revoke all on function {{schema}}.credit_balance({{key_type}}) from public, anon, authenticated;

create or replace function {{schema}}.lock_credits({{subject}}_id {{key_type}})
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into {{schema}}.credit_accounts values (lock_credits.{{subject}}_id) on conflict do nothing;
  perform from {{schema}}.credit_accounts as a where a.{{subject}}_id = lock_credits.{{subject}}_id for update;
end;
$$;
revoke all on function {{schema}}.lock_credits({{key_type}}) from public, anon, authenticated;

-- Gives credits, once for each reference of a {{subject}}. False if the reference was there.
create or replace function {{schema}}.grant_credits(
  {{subject}}_id {{key_type}}, credits bigint, reference text, expires_at timestamptz default null,
  environment text default null, purchase_id text default null
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform {{schema}}.lock_credits(grant_credits.{{subject}}_id);
  insert into {{schema}}.credit_grants ({{subject}}_id, reference, environment, purchase_id, credits, expires_at)
  values (
    grant_credits.{{subject}}_id, grant_credits.reference, grant_credits.environment, grant_credits.purchase_id,
    grant_credits.credits, grant_credits.expires_at
  )
  on conflict do nothing;
  if not found then
    return false;
  end if;
  insert into {{schema}}.credit_entries ({{subject}}_id, kind, credits, reference)
  values (grant_credits.{{subject}}_id, 'grant', grant_credits.credits, grant_credits.reference);
  return true;
end;
$$;
revoke all on function {{schema}}.grant_credits({{key_type}}, bigint, text, timestamptz, text, text) from public, anon, authenticated;

-- Spends credits, those first that expire first, once for each reference. False if there are too few, and nothing is
-- spent.
create or replace function {{schema}}.spend_credits({{subject}}_id {{key_type}}, credits bigint, reference text)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_left bigint := spend_credits.credits;
  v_spent bigint;
  v_parts jsonb := '[]';
  v_grant record;
begin
  if spend_credits.credits is null or spend_credits.credits <= 0 or spend_credits.reference is null then
    raise exception 'spend_credits needs a number of credits above zero and a reference.' using errcode = '22023';
  end if;
  perform {{schema}}.lock_credits(spend_credits.{{subject}}_id);
  select -e.credits into v_spent
  from {{schema}}.credit_entries as e
  where e.{{subject}}_id = spend_credits.{{subject}}_id and e.kind = 'spend' and e.reference = spend_credits.reference;
  if found then
    if v_spent <> spend_credits.credits then
      raise exception 'The reference % has spent % credits already, not %.', spend_credits.reference, v_spent, spend_credits.credits
        using errcode = '22023', hint = 'Use one reference for each thing that is paid for.';
    end if;
    return true;
  end if;
  if {{schema}}.credit_balance(spend_credits.{{subject}}_id) < v_left then
    return false;
  end if;
  for v_grant in
    select g.id, g.credits - g.taken_back - g.spent as free
    from {{schema}}.credit_grants as g
    where g.{{subject}}_id = spend_credits.{{subject}}_id
      and (g.expires_at is null or g.expires_at > now())
      and g.credits > g.taken_back + g.spent
    order by g.expires_at nulls last, g.id
  loop
    v_spent := least(v_left, v_grant.free);
    update {{schema}}.credit_grants as g set spent = g.spent + v_spent where g.id = v_grant.id;
    v_parts := v_parts || jsonb_build_object('grant', v_grant.id, 'credits', v_spent);
    v_left := v_left - v_spent;
    exit when v_left = 0;
  end loop;
  insert into {{schema}}.credit_entries ({{subject}}_id, kind, credits, reference, parts)
  values (spend_credits.{{subject}}_id, 'spend', -spend_credits.credits, spend_credits.reference, v_parts);
  return true;
end;
$$;
revoke all on function {{schema}}.spend_credits({{key_type}}, bigint, text) from public, anon, authenticated;

-- Gives back what a reference has spent, once. False if it has spent nothing, or has it back. Credits keep their
-- expiry.
create or replace function {{schema}}.return_credits({{subject}}_id {{key_type}}, reference text)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_entry {{schema}}.credit_entries;
begin
  perform {{schema}}.lock_credits(return_credits.{{subject}}_id);
  select e.* into v_entry
  from {{schema}}.credit_entries as e
  where e.{{subject}}_id = return_credits.{{subject}}_id and e.kind = 'spend' and e.reference = return_credits.reference;
  if not found then
    return false;
  end if;
  insert into {{schema}}.credit_entries ({{subject}}_id, kind, credits, reference)
  values (v_entry.{{subject}}_id, 'return', -v_entry.credits, v_entry.reference)
  on conflict do nothing;
  if not found then
    return false;
  end if;
  update {{schema}}.credit_grants as g
  set spent = g.spent - (p.part ->> 'credits')::bigint
  from jsonb_array_elements(v_entry.parts) as p (part)
  where g.id = (p.part ->> 'grant')::bigint;
  return true;
end;
$$;
revoke all on function {{schema}}.return_credits({{key_type}}, text) from public, anon, authenticated;

-- Records a pack that nobody of the app gets, and what becomes of its money.
create or replace function {{schema}}.record_unmatched_credits(purchase payments.purchase)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into {{schema}}.unmatched_credit_purchases as u (
    purchase_id, environment, subject_type, subject_id, items, amount, currency, status, paid_at
  )
  select
    purchase.id, purchase.environment, purchase.subject_type, purchase.subject_id, purchase.items, purchase.amount,
    purchase.currency, purchase.status, purchase.paid_at
  where purchase.is_paid
    and purchase.amount > 0
    and exists (
      select
      from jsonb_array_elements(purchase.items) as i (item)
      join {{schema}}.credit_packs as p
        on p.environment = purchase.environment
        and p.price in (i.item ->> 'price_id', i.item ->> 'lookup_key', i.item ->> 'product_id')
    )
  on conflict (purchase_id, environment) do nothing;
  update {{schema}}.unmatched_credit_purchases as u
  set status = purchase.status
  where u.purchase_id = purchase.id and u.environment = purchase.environment and u.status <> purchase.status;
end;
$$;
revoke all on function {{schema}}.record_unmatched_credits(payments.purchase) from public, anon, authenticated;

create or replace function {{schema}}.tg_webhook_events__credits()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the ledger to the app's tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_purchase payments.purchase := payments.purchase_of(new);
  v_{{subject}}_id {{key_type}};
  v_grant record;
begin
  if v_purchase.id is null then
    return null;
  end if;
  v_{{subject}}_id := case
    when v_purchase.subject_type = '{{subject}}' then {{key v_purchase.subject_id}}
{{#is_user}}
    when v_purchase.subject_type is null then {{key v_purchase.caller_id}}
{{/is_user}}
  end;
  if v_{{subject}}_id is null then
    perform {{schema}}.record_unmatched_credits(v_purchase);
    return null;
  end if;
  delete from {{schema}}.unmatched_credit_purchases as u where u.purchase_id = v_purchase.id and u.environment = new.environment;
  perform {{schema}}.lock_credits(v_{{subject}}_id);
  v_purchase := payments.purchase_of(new); -- as it is now: another event may have held the lock

  -- give the credits of each item
  if v_purchase.is_paid and (v_purchase.amount > 0 or v_purchase.kind = 'one_time') then
    perform {{schema}}.grant_credits(
      v_{{subject}}_id, p.credits * i.quantity, new.environment || ' ' || v_purchase.id || ' ' || i.position,
      v_purchase.paid_at + make_interval(days => p.valid_days), new.environment, v_purchase.id
    )
    from (
      select i.item, (i.item ->> 'quantity')::bigint as quantity, i.position
      from jsonb_array_elements(v_purchase.items) with ordinality as i (item, position)
    ) as i
    cross join lateral (
      select p.*
      from {{schema}}.credit_packs as p
      where p.environment = new.environment
        and p.price in (i.item ->> 'price_id', i.item ->> 'lookup_key', i.item ->> 'product_id')
      order by array_position(array[i.item ->> 'price_id', i.item ->> 'lookup_key'], p.price)
      limit 1
    ) as p
    where i.quantity > 0;
  end if;

  -- take back the share that went back to the buyer
  for v_grant in
    select
      g.*,
      case
        when v_purchase.status = 'refunded' then g.credits
        when v_purchase.amount > 0 then floor(g.credits::numeric * v_purchase.amount_undone / v_purchase.amount)::bigint
        else 0
      end as target
    from {{schema}}.credit_grants as g
    where g.purchase_id = v_purchase.id and g.environment = new.environment
    order by g.id
    for update
  loop
    if v_grant.target <> v_grant.taken_back then
      update {{schema}}.credit_grants as g set taken_back = v_grant.target where g.id = v_grant.id;
      insert into {{schema}}.credit_entries ({{subject}}_id, kind, credits, reference)
      values (v_grant.{{subject}}_id, 'refund', v_grant.taken_back - v_grant.target, v_grant.reference);
    end if;
  end loop;
  return null;
end;
$$;
revoke all on function {{schema}}.tg_webhook_events__credits() from public, anon, authenticated;

create or replace trigger _500_credits
  after insert or update of processing_status on payments.webhook_events
  for each row
  when (
    new.processing_status = 'processed'
    and new.event_type like any (array['checkout.session.%', 'invoice%', 'payment_intent.%', 'charge.%', 'refund.%'])
  )
  execute function {{schema}}.tg_webhook_events__credits();

create or replace view {{schema}}.my_credits
  with (security_invoker = false, security_barrier = true)
as
  select a.{{subject}}_id, coalesce(sum(g.credits - g.taken_back - g.spent), 0)::bigint as credits, min(g.expires_at)
    filter (where g.credits > g.taken_back + g.spent) as first_expires_at
  from {{schema}}.credit_accounts as a
  left join {{schema}}.credit_grants as g
    on g.{{subject}}_id = a.{{subject}}_id
    and (g.expires_at is null or g.expires_at > now() or g.credits < g.taken_back + g.spent)
  where {{mine a.}}
  group by a.{{subject}}_id;
revoke all on {{schema}}.my_credits from public, anon, authenticated;
grant select on {{schema}}.my_credits to authenticated;

-- Down
drop trigger if exists _500_credits on payments.webhook_events;
drop view if exists {{schema}}.my_credits;
drop function if exists {{schema}}.tg_webhook_events__credits();
drop function if exists {{schema}}.record_unmatched_credits(payments.purchase);
drop function if exists {{schema}}.return_credits({{key_type}}, text);
drop function if exists {{schema}}.spend_credits({{key_type}}, bigint, text);
drop function if exists {{schema}}.grant_credits({{key_type}}, bigint, text, timestamptz, text, text);
drop function if exists {{schema}}.lock_credits({{key_type}});
drop function if exists {{schema}}.credit_balance({{key_type}});
