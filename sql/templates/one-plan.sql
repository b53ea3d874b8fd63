/*
 * One plan at a time, without offers: a subject that has a living subscription of one of these products cannot start
 * another one. The answer is 409 PAYMENT_PLAN_ALREADY_EXISTS, and it names the Billing Portal.
 *
 * With payments.offers you do not need this file: set product_group and one_plan on the offers of your plans.
 *
 * How to use it: list your plans in public.plan_products. It is a trigger and not a policy, because it must fire after
 * the policies. A caller whom they refuse must not learn that a subject has a plan.
 *
 * Two checkouts that are begun at the same moment are both allowed, as long as none of them is paid. Offers do more:
 * the newer checkout expires the older one.
 *
 * What you may change: the table, and which statuses count as living. Count a word that you do not know as living.
 */
create table if not exists public.plan_products (
  product_id text primary key
);
alter table public.plan_products enable row level security;
revoke all on public.plan_products from public, anon, authenticated; -- platforms such as Supabase grant new tables to everyone

create or replace function public.tg_checkout_sessions__one_plan()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to the subscriptions of the subject
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_subscription text;
begin
  if not exists (
    select
    from jsonb_array_elements(new.line_items) as i (item)
    join payments.stripe_prices as p on p.price_id = i.item ->> 'priceId' and p.environment = new.environment
    join public.plan_products as w on w.product_id = p.product_id
  ) then
    return null;
  end if;
  perform pg_advisory_xact_lock(
    hashtextextended(format('%s plan %s %s', new.environment, new.subject_type, new.subject_id), 0)
  );
  select s.subscription_id
  into v_subscription
  from payments.stripe_subscriptions as s
  join payments.stripe_subscription_items as i on i.subscription_id = s.subscription_id and i.environment = s.environment
  join public.plan_products as w on w.product_id = i.product_id
  where s.subject_id = new.subject_id
    and s.subject_type = new.subject_type
    and s.environment = new.environment
    and s.status not in ('incomplete', 'incomplete_expired', 'canceled')
  limit 1;
  if v_subscription is not null then
    raise exception 'This subject has a plan already: %.', v_subscription
      using errcode = 'SP059',
            hint = 'Change it in the Billing Portal: create a customer portal session with the flow subscription_update.';
  end if;
  return null;
end;
$$;
revoke all on function public.tg_checkout_sessions__one_plan() from public, anon, authenticated;

create or replace trigger _500_one_plan after insert on payments.stripe_checkout_sessions
  for each row when (new.checkout_session_id is null and new.mode = 'subscription')
  execute function public.tg_checkout_sessions__one_plan();
