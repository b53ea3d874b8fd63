/*
 * Who may bill a {{subject}}, open its billing portal, and see its checkouts: the members that {{members}}
 * lists{{#roles}} with one of the roles {{roles_text}}{{/roles}}.
 *
 * Each policy asks once per statement for all that the caller may bill. Keep this form: a function that is called with
 * a column runs once per row. To let others pay, change the two functions; the policies stay.
 */
{{> members}}

drop policy if exists insert_{{subject}} on payments.stripe_checkout_sessions;
create policy insert_{{subject}} on payments.stripe_checkout_sessions for insert to authenticated
  with check (subject_type = '{{subject}}' and subject_id = any (array(select {{schema}}.{{subject}}_ids_billed_by_caller())));
drop policy if exists select_{{subject}} on payments.stripe_checkout_sessions;
create policy select_{{subject}} on payments.stripe_checkout_sessions for select to authenticated
  using (subject_type = '{{subject}}' and subject_id = any (array(select {{schema}}.{{subject}}_ids_billed_by_caller())));
drop policy if exists insert_{{subject}} on payments.stripe_customer_portal_sessions;
create policy insert_{{subject}} on payments.stripe_customer_portal_sessions for insert to authenticated
  with check (subject_type = '{{subject}}' and subject_id = any (array(select {{schema}}.{{subject}}_ids_billed_by_caller())));
drop policy if exists select_{{subject}} on payments.stripe_customer_portal_sessions;
create policy select_{{subject}} on payments.stripe_customer_portal_sessions for select to authenticated
  using (subject_type = '{{subject}}' and subject_id = any (array(select {{schema}}.{{subject}}_ids_billed_by_caller())));

-- Down
drop policy if exists insert_{{subject}} on payments.stripe_checkout_sessions;
drop policy if exists select_{{subject}} on payments.stripe_checkout_sessions;
drop policy if exists insert_{{subject}} on payments.stripe_customer_portal_sessions;
drop policy if exists select_{{subject}} on payments.stripe_customer_portal_sessions;
drop function if exists {{schema}}.{{subject}}_ids_billed_by_caller();
drop function if exists {{schema}}.{{subject}}_ids_of_caller();
