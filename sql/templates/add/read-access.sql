/*
 * What app users may read in the schema payments: the catalogue, and the payments, subscriptions, invoices and credit
 * notes of what they may bill. Without this they read nothing: row level security is on everywhere, and pg-payments has
 * no policy that lets a user in.
 *
 * Reads go through row level security, by columns: metadata, raw objects and e-mail addresses stay with the server.
 */
{{#is_group}}
{{> members}}

{{/is_group}}
drop policy if exists select_subject_{{subject}} on payments.transactions;
create policy select_subject_{{subject}} on payments.transactions for select to authenticated
  using (subject_type = '{{subject}}' and {{billed subject_id}});
grant select (
  id, environment, type, status, subject_type, subject_id, provider_object_type, provider_object_id,
  provider_parent_object_type, provider_parent_object_id, amount, amount_refunded, currency, description, paid_at,
  failed_at, refunded_at, provider_created_at, disputed_at, dispute_status, amount_disputed, receipt_url, card_brand,
  card_last4
) on payments.transactions to authenticated;

drop policy if exists select_subject_{{subject}} on payments.stripe_subscriptions;
create policy select_subject_{{subject}} on payments.stripe_subscriptions for select to authenticated
  using (subject_type = '{{subject}}' and {{billed subject_id}});
grant select (
  environment, subscription_id, subject_type, subject_id, status, current_period_start, current_period_end,
  cancel_at_period_end, cancel_at, canceled_at, trial_start, trial_end, pause_collection_behavior,
  pause_collection_resumes_at, schedule_id, next_phase_at, next_phase_items, pending_update_expires_at
) on payments.stripe_subscriptions to authenticated;

drop policy if exists select_subject_{{subject}} on payments.stripe_invoices;
create policy select_subject_{{subject}} on payments.stripe_invoices for select to authenticated
  using (subject_type = '{{subject}}' and {{billed subject_id}});
grant select (
  environment, invoice_id, number, status, subject_type, subject_id, subscription_id, billing_reason, currency, subtotal, tax,
  total, amount_due, amount_paid, amount_remaining, description, hosted_invoice_url, invoice_pdf, period_start, period_end,
  due_at, finalized_at, paid_at, voided_at, provider_created_at, deleted
) on payments.stripe_invoices to authenticated;

drop policy if exists select_subject_{{subject}} on payments.stripe_credit_notes;
create policy select_subject_{{subject}} on payments.stripe_credit_notes for select to authenticated
  using (subject_type = '{{subject}}' and {{billed subject_id}});
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

-- Down
drop policy if exists select_subject_{{subject}} on payments.transactions;
drop policy if exists select_subject_{{subject}} on payments.stripe_subscriptions;
drop policy if exists select_subject_{{subject}} on payments.stripe_invoices;
drop policy if exists select_subject_{{subject}} on payments.stripe_credit_notes;
drop policy if exists select_open on payments.offers;
