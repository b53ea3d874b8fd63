/*
 * Entitlements of teams from their subscriptions: granted, changed and taken away.
 *
 * How it is used: public.plans says which Stripe prices give which plan; a price that is not in it gives nothing, whatever
 * a browser asked for. Prices of test mode have ids of their own: leave them out where real access is at stake. Whenever
 * Stripe tells of a subscription, or of the checkout that says whose it is, the entitlement of its team is derived anew
 * from all the team's subscriptions as payments.stripe_subscriptions shows them. That table is right in every order of
 * events, so this is too.
 *
 * What you may change: the subject type, the statuses that give access, what else hangs on a plan.
 */
create table if not exists public.plans (
  price_id text primary key,
  plan text not null,
  rank integer not null default 0 -- the highest wins when a team has several
);
alter table public.plans enable row level security;

create table if not exists public.team_entitlements (
  team_id text primary key,
  plan text not null,
  seats bigint,
  valid_until timestamptz, -- end of the paid period
  ends_at timestamptz, -- set when the subscription will not renew
  updated_at timestamptz not null default now()
);
alter table public.team_entitlements enable row level security;

create or replace function public.tg_webhook_events__team_entitlements()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the ledger to the app's tables
  set search_path = ''
as $$
declare
  v_subject payments.billing_subject := payments.event_subject(new);
begin
  if v_subject.type is distinct from 'team' then
    return null;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('team_entitlements ' || v_subject.id, 0));

  delete from public.team_entitlements as e where e.team_id = v_subject.id;
  insert into public.team_entitlements (team_id, plan, seats, valid_until, ends_at)
  select
    s.subject_id,
    p.plan,
    i.quantity,
    s.current_period_end,
    coalesce(s.cancel_at, case when s.cancel_at_period_end then s.current_period_end end)
  from payments.stripe_subscriptions as s
  join payments.stripe_subscription_items as i
    on i.environment = s.environment and i.subscription_id = s.subscription_id
  join public.plans as p on p.price_id = i.price_id
  where s.subject_type = v_subject.type
    and s.subject_id = v_subject.id
    and s.status in ('active', 'trialing', 'past_due')
  order by p.rank desc, s.current_period_end desc
  limit 1;
  return null;
end;
$$;
revoke all on function public.tg_webhook_events__team_entitlements() from public;

create or replace trigger _500_team_entitlements
  after insert or update of processing_status on payments.webhook_events
  for each row
  when (
    new.processing_status = 'processed'
    and (new.event_type like 'customer.subscription.%' or new.event_type = 'checkout.session.completed')
  )
  execute function public.tg_webhook_events__team_entitlements();
