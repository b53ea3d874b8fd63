/*
 * Which plan each {{subject}} has, by its subscriptions.
 *
 * How to use it: {{schema}}.payment_plans maps prices to plans. A price that is not in it gives nothing, so a browser
 * cannot choose its own plan. price is a price id, a lookup key or a product id. Leave out the rows of test where real
 * access is at stake, because cards of test mode cost nothing:
 *
 *     insert into {{schema}}.payment_plans (environment, price, plan, rank) values ('live', 'pro_monthly', 'pro', 10);
 *
 * {{schema}}.{{subject}}_entitlements has one row for each {{subject}} that has a plan. It may have several
 * subscriptions: the plan with the highest rank counts. {{schema}}.{{subject}}_billing_status has one row for each
 * {{subject}} that ever subscribed, also without access. Both are views: what an event, a sync or a change of the plans
 * changed shows at once. payments.subscription_access says when a subscription gives access.
 *
 * {{schema}}.unmatched_{{subject}}_subscriptions has the subscriptions to a plan that give nobody access: they name no
 * subject{{#is_user}}, or an id that is no {{key_type}}{{/is_user}}{{#is_group}}, or a {{subject}} without
 * members{{/is_group}}. Say whose they are (pg-payments stripe assign), or cancel them at Stripe.
 *
 * App users read my_{{subject}}_entitlements and my_{{subject}}_billing_status: {{#is_user}}their own
 * row{{/is_user}}{{#is_group}}the rows of each {{subject}} they are a member of{{/is_group}}.
 */
{{#is_group}}
{{> members}}

{{/is_group}}
create table if not exists {{schema}}.payment_plans (
  environment text not null check (environment in ('test', 'live')),
  price text not null, -- a price id, a lookup key or a product id
  plan text not null,
  rank integer not null default 0, -- the highest wins
  primary key (price, environment)
);
alter table {{schema}}.payment_plans enable row level security;
revoke all on {{schema}}.payment_plans from public, anon, authenticated; -- platforms such as Supabase grant new tables to everyone

create or replace view {{schema}}.{{subject}}_entitlements
  with (security_invoker = true)
as
  select distinct on (a.subject_id)
    {{key a.subject_id}} as {{subject}}_id, p.plan, a.quantity as seats, a.valid_until, a.ends_at, a.subscription_id, a.environment
  from payments.subscription_access as a
  join {{schema}}.payment_plans as p on p.environment = a.environment and p.price in (a.price_id, a.lookup_key, a.product_id)
  where a.subject_type = '{{subject}}' and {{key a.subject_id}} is not null
  order by a.subject_id, p.rank desc, a.valid_until desc nulls last, a.subscription_id;
revoke all on {{schema}}.{{subject}}_entitlements from public, anon, authenticated;

create or replace view {{schema}}.{{subject}}_billing_status
  with (security_invoker = true)
as
  select distinct on (s.subject_id)
    {{key s.subject_id}} as {{subject}}_id, e.plan is not null as has_access, e.plan, s.status, s.current_period_end,
    s.cancel_at_period_end, coalesce(s.cancel_at, case when s.cancel_at_period_end then s.current_period_end end) as ends_at,
    s.trial_end, s.subscription_id, s.environment
  from payments.stripe_subscriptions as s
  left join {{schema}}.{{subject}}_entitlements as e on e.{{subject}}_id = {{key s.subject_id}}
  where s.subject_type = '{{subject}}'
    and {{key s.subject_id}} is not null
    and s.environment in (select p.environment from {{schema}}.payment_plans as p)
  order by s.subject_id, (s.subscription_id = e.subscription_id) desc nulls last, s.current_period_end desc nulls last, s.subscription_id;
revoke all on {{schema}}.{{subject}}_billing_status from public, anon, authenticated;

create or replace view {{schema}}.unmatched_{{subject}}_subscriptions
  with (security_invoker = true)
as
  select s.environment, s.subscription_id, s.customer_id, s.subject_type, s.subject_id, p.plan, i.price_id, s.status
  from payments.stripe_subscriptions as s
  join payments.stripe_subscription_items as i on i.subscription_id = s.subscription_id and i.environment = s.environment
  left join payments.stripe_prices as r on r.price_id = i.price_id and r.environment = i.environment
  join {{schema}}.payment_plans as p on p.environment = i.environment and p.price in (i.price_id, r.lookup_key, i.product_id)
  where s.status in ('trialing', 'active', 'past_due')
    and (
      s.subject_type is null
      or (
        s.subject_type = '{{subject}}'
{{#is_user}}
        and {{key s.subject_id}} is null
{{/is_user}}
{{#is_group}}
        and not exists (select from {{members}} as m where m.{{member_subject}}::text = s.subject_id)
{{/is_group}}
      )
    );
revoke all on {{schema}}.unmatched_{{subject}}_subscriptions from public, anon, authenticated;

create or replace function {{schema}}.{{subject}}_entitlements_of_caller()
  returns setof {{schema}}.{{subject}}_entitlements
  language sql
  stable
  security definer -- crosses from the caller to subscriptions and payments, which app users may not be able to read
  set search_path = pg_catalog, pg_temp
as $$
  select r.* from {{schema}}.{{subject}}_entitlements as r where {{mine r.}};
$$;
revoke all on function {{schema}}.{{subject}}_entitlements_of_caller() from public, anon, authenticated;
grant execute on function {{schema}}.{{subject}}_entitlements_of_caller() to authenticated;
create or replace view {{schema}}.my_{{subject}}_entitlements
  with (security_invoker = true)
as
  select r.* from {{schema}}.{{subject}}_entitlements_of_caller() as r;
revoke all on {{schema}}.my_{{subject}}_entitlements from public, anon, authenticated;
grant select on {{schema}}.my_{{subject}}_entitlements to authenticated;

create or replace function {{schema}}.{{subject}}_billing_status_of_caller()
  returns setof {{schema}}.{{subject}}_billing_status
  language sql
  stable
  security definer -- crosses from the caller to subscriptions and payments, which app users may not be able to read
  set search_path = pg_catalog, pg_temp
as $$
  select r.* from {{schema}}.{{subject}}_billing_status as r where {{mine r.}};
$$;
revoke all on function {{schema}}.{{subject}}_billing_status_of_caller() from public, anon, authenticated;
grant execute on function {{schema}}.{{subject}}_billing_status_of_caller() to authenticated;
create or replace view {{schema}}.my_{{subject}}_billing_status
  with (security_invoker = true)
as
  select r.* from {{schema}}.{{subject}}_billing_status_of_caller() as r;
revoke all on {{schema}}.my_{{subject}}_billing_status from public, anon, authenticated;
grant select on {{schema}}.my_{{subject}}_billing_status to authenticated;

-- Down
drop view if exists {{schema}}.my_{{subject}}_billing_status;
drop view if exists {{schema}}.my_{{subject}}_entitlements;
drop function if exists {{schema}}.{{subject}}_billing_status_of_caller();
drop function if exists {{schema}}.{{subject}}_entitlements_of_caller();
drop view if exists {{schema}}.unmatched_{{subject}}_subscriptions;
drop view if exists {{schema}}.{{subject}}_billing_status;
drop view if exists {{schema}}.{{subject}}_entitlements;
