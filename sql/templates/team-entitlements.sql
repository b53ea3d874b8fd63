/*
 * Entitlements of teams from their subscriptions: granted, changed and taken away.
 *
 * How to use it: public.plans maps Stripe prices to plans. A price that is not in it gives nothing, so a browser cannot choose
 * its own plan. Prices in test mode have ids of their own: leave them out where real access is at stake.
 *
 * Each subscription that gives access has one row in public.team_entitlements, for the team that payments.stripe_subscriptions
 * names now. Every event of a subscription derives this row again, and so does every checkout that names its owner.
 * payments.stripe_subscriptions is right in every order of events, so this table is too. A subscription that moves to another
 * team takes its plan along.
 *
 * The app reads public.team_plans: one row for each team that has a plan. A team may have several subscriptions, for example if
 * two admins buy at the same moment. Only the plan with the highest rank counts; when it ends, the next one counts.
 *
 * After a change of public.plans, and after a sync that changed subscriptions, derive all rows again:
 *
 *     select public.derive_team_entitlement(s.environment, s.subscription_id)
 *     from (
 *       select environment, subscription_id from payments.stripe_subscriptions
 *       union
 *       select environment, subscription_id from public.team_entitlements
 *     ) as s;
 *
 * App users read none of this until you allow it: read-access.sql does.
 *
 * What you may change: the subject type, the statuses that give access, what else a plan gives.
 */
create table if not exists public.plans (
  price_id text primary key,
  plan text not null,
  rank integer not null default 0 -- the highest wins when a team has several
);
alter table public.plans enable row level security;

create table if not exists public.team_entitlements (
  environment text not null,
  subscription_id text not null,
  team_id text not null,
  plan text not null,
  rank integer not null,
  seats bigint,
  valid_until timestamptz, -- end of the paid period
  ends_at timestamptz, -- set when the subscription will not renew
  updated_at timestamptz not null default now(),
  primary key (subscription_id, environment)
);
create index if not exists team_entitlements_team_id_idx on public.team_entitlements (team_id);
alter table public.team_entitlements enable row level security;

create or replace view public.team_plans
  with (security_invoker = true)
as
  select distinct on (e.team_id) e.team_id, e.plan, e.seats, e.valid_until, e.ends_at
  from public.team_entitlements as e
  order by e.team_id, e.rank desc, e.valid_until desc nulls last, e.subscription_id;
revoke all on public.team_plans from public;

create or replace function public.derive_team_entitlement(environment text, subscription_id text)
  returns void
  language plpgsql
  volatile
  security definer -- crosses from the ledger to the app's tables
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- wait for uncommitted changes of the subscription
  perform
  from payments.stripe_subscriptions as s
  where s.environment = derive_team_entitlement.environment
    and s.subscription_id = derive_team_entitlement.subscription_id
  for no key update;

  delete from public.team_entitlements as e
  where e.environment = derive_team_entitlement.environment
    and e.subscription_id = derive_team_entitlement.subscription_id;

  insert into public.team_entitlements (
    environment, subscription_id, team_id, plan, rank, seats, valid_until, ends_at
  )
  select
    s.environment,
    s.subscription_id,
    s.subject_id,
    p.plan,
    p.rank,
    i.quantity,
    s.current_period_end,
    coalesce(s.cancel_at, case when s.cancel_at_period_end then s.current_period_end end)
  from payments.stripe_subscriptions as s
  join payments.stripe_subscription_items as i
    on i.environment = s.environment and i.subscription_id = s.subscription_id
  join public.plans as p on p.price_id = i.price_id
  where s.environment = derive_team_entitlement.environment
    and s.subscription_id = derive_team_entitlement.subscription_id
    and s.subject_type = 'team'
    and s.status in ('active', 'trialing', 'past_due')
  order by p.rank desc, i.subscription_item_id
  limit 1;
end;
$$;
revoke all on function public.derive_team_entitlement(text, text) from public;

create or replace function public.tg_webhook_events__team_entitlements()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the ledger to the app's tables
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- derive all subscriptions of the customer: the event may name the customer's owner, who then also owns subscriptions
  -- that name no subject
  perform public.derive_team_entitlement(s.environment, s.subscription_id)
  from payments.stripe_subscriptions as s
  where s.environment = new.environment
    and s.customer_id = new.payload -> 'data' -> 'object' ->> 'customer'
  order by s.subscription_id;
  return null;
end;
$$;
revoke all on function public.tg_webhook_events__team_entitlements() from public;

create or replace trigger _500_team_entitlements
  after insert or update of processing_status on payments.webhook_events
  for each row
  when (
    new.processing_status = 'processed'
    and new.event_type like any (array['customer.subscription.%', 'checkout.session.%'])
  )
  execute function public.tg_webhook_events__team_entitlements();
