/*
 * Read access of app users: the catalogue, their own payments and subscriptions, the plan of their teams. Without this
 * file they read none of that: row level security is on everywhere, and pg-payments has no policy that lets a user in.
 *
 * How to use it: install it after team-billing-policies.sql and team-entitlements.sql, and again after each of them.
 * Then
 *   - every member of a team sees its plan in public.team_plans;
 *   - members who may bill a team see its payments, subscriptions, invoices and credit notes;
 *   - users see what was bought for them;
 *   - the server, which may read payments.stripe_subscriptions, sees everything as before.
 *
 *     select plan, seats, valid_until, ends_at from public.team_plans where team_id = '42';
 *     select status, amount, amount_refunded, currency, paid_at from payments.transactions where environment = 'live';
 *
 * Columns are granted one by one, so "select *" is refused. The columns that are left out (raw, metadata, email
 * addresses, versions) are not for browsers. PostgREST, and what is built on it, serves only the schemas in its
 * configuration. Do not add payments there: create a view in public "with (security_invoker = true)" over the columns
 * that you want.
 *
 * What you may change: who sees what, and the columns. Leave out the parts for which you have no table.
 */
create or replace function public.teams_of_caller()
  returns setof text
  language sql
  stable
  security definer -- crosses from the policy to the membership table, which app users may not be able to read
  set search_path = pg_catalog, pg_temp
as $$
  select m.team_id from public.team_members as m where m.user_id = payments.caller_id();
$$;
revoke all on function public.teams_of_caller() from public, anon, authenticated;
grant execute on function public.teams_of_caller() to authenticated;

-- show plans to members: the view runs with the rights of its owner, so its own filter decides. Supabase's linter
-- reports it (security_definer_view). With the rights of the reader, members would have to read all of the subscription
-- and its payments.
create or replace view public.team_plans
  with (security_invoker = false, security_barrier = true)
as
  select distinct on (e.team_id) e.team_id, e.plan, e.seats, e.valid_until, e.ends_at
  from (
    select a.*
    from public.team_entitlements as a
    where current_user not in ('anon', 'authenticated') and has_table_privilege('payments.stripe_subscriptions', 'select')
    union all
    select a.*
    from public.team_entitlements as a
    where (current_user in ('anon', 'authenticated') or not has_table_privilege('payments.stripe_subscriptions', 'select'))
      and a.team_id = any (array(select public.teams_of_caller()))
  ) as e
  order by e.team_id, e.rank desc, e.valid_until desc nulls last, e.subscription_id;
revoke all on public.team_plans from public, anon, authenticated;
grant select on public.team_plans to authenticated;

-- show payments and subscriptions to payers; each function runs once per statement, not once per row
drop policy if exists select_subject on payments.transactions;
create policy select_subject on payments.transactions for select to authenticated
  using (
    (subject_type = 'user' and subject_id = (select payments.caller_id()))
    or (subject_type = 'team' and subject_id = any (array(select public.teams_billed_by_caller())))
  );
grant select (
  id, environment, type, status, subject_type, subject_id, provider_object_type, provider_object_id,
  provider_parent_object_type, provider_parent_object_id, amount, amount_refunded, currency, description, paid_at,
  failed_at, refunded_at, provider_created_at, disputed_at, dispute_status, amount_disputed, receipt_url, card_brand,
  card_last4
) on payments.transactions to authenticated;

drop policy if exists select_subject on payments.stripe_subscriptions;
create policy select_subject on payments.stripe_subscriptions for select to authenticated
  using (
    (subject_type = 'user' and subject_id = (select payments.caller_id()))
    or (subject_type = 'team' and subject_id = any (array(select public.teams_billed_by_caller())))
  );
grant select (
  environment, subscription_id, subject_type, subject_id, status, current_period_start, current_period_end,
  cancel_at_period_end, cancel_at, canceled_at, trial_start, trial_end, pause_collection_behavior,
  pause_collection_resumes_at, schedule_id, next_phase_at, next_phase_items, pending_update_expires_at
) on payments.stripe_subscriptions to authenticated;

drop policy if exists select_subject on payments.stripe_invoices;
create policy select_subject on payments.stripe_invoices for select to authenticated
  using (
    (subject_type = 'user' and subject_id = (select payments.caller_id()))
    or (subject_type = 'team' and subject_id = any (array(select public.teams_billed_by_caller())))
  );
grant select (
  environment, invoice_id, number, status, subject_type, subject_id, subscription_id, billing_reason, currency, subtotal, tax,
  total, amount_due, amount_paid, amount_remaining, description, hosted_invoice_url, invoice_pdf, period_start, period_end,
  due_at, finalized_at, paid_at, voided_at, provider_created_at, deleted
) on payments.stripe_invoices to authenticated;

drop policy if exists select_subject on payments.stripe_credit_notes;
create policy select_subject on payments.stripe_credit_notes for select to authenticated
  using (
    (subject_type = 'user' and subject_id = (select payments.caller_id()))
    or (subject_type = 'team' and subject_id = any (array(select public.teams_billed_by_caller())))
  );
grant select (
  environment, credit_note_id, number, status, type, reason, invoice_id, subject_type, subject_id, currency, subtotal, tax,
  total, amount, memo, pdf, voided_at, provider_created_at
) on payments.stripe_credit_notes to authenticated;

-- show the catalogue to everyone: what is offered, and all of an environment without offers
drop policy if exists select_active on payments.stripe_products;
create policy select_active on payments.stripe_products for select to anon, authenticated
  using (product_id = any (array(select payments.offered_products())));
grant select (environment, product_id, name, description, active, default_price_id)
  on payments.stripe_products to anon, authenticated;
drop policy if exists select_active on payments.stripe_prices;
create policy select_active on payments.stripe_prices for select to anon, authenticated
  using (price_id = any (array(select payments.offered_prices())));
grant select (
  environment, price_id, product_id, active, currency, unit_amount, unit_amount_decimal, type, lookup_key, billing_scheme,
  tax_behavior, recurring_interval, recurring_interval_count
) on payments.stripe_prices to anon, authenticated;

-- show the offers that are open to the reader; what they force, for example a coupon, stays with the server
drop policy if exists select_open on payments.offers;
create policy select_open on payments.offers for select to anon, authenticated
  using (
    active
    and (roles is null or (select current_user) = any (roles))
    and (starts_at <= now()) is not false
    and (ends_at > now()) is not false
  );
grant select (
  environment, offer_id, price_id, lookup_key, product_id, mode, minimum_quantity, maximum_quantity, roles, subject_types,
  starts_at, ends_at, active, product_group
) on payments.offers to anon, authenticated;
