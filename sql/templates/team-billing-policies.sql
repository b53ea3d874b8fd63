/*
 * Team billing: which members may start a checkout for a team, see its checkouts, and open its billing portal.
 *
 * How to use it: public.team_members lists the members of each team. Only owners and admins may bill a team.
 * The SELECT policy lets a retry with an idempotency key find the row of the first request.
 *
 * What you may change: the table, the roles, and one policy for each subject type of your own.
 */
create table if not exists public.team_members (
  team_id text not null,
  user_id text not null,
  role text not null default 'member' check (role in ('owner', 'admin', 'member')),
  primary key (team_id, user_id)
);
create index if not exists team_members_user_id_idx on public.team_members (user_id);
alter table public.team_members enable row level security;

create or replace function public.may_bill_team(team_id text)
  returns boolean
  language sql
  stable
  security definer -- crosses from the policy to the membership table, which app users may not be able to read
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from public.team_members as m
    where m.team_id = may_bill_team.team_id
      and m.user_id = payments.caller_id()
      and m.role in ('owner', 'admin')
  );
$$;
revoke all on function public.may_bill_team(text) from public;
grant execute on function public.may_bill_team(text) to authenticated;

drop policy if exists insert_team on payments.stripe_checkout_sessions;
create policy insert_team on payments.stripe_checkout_sessions for insert to authenticated
  with check (subject_type = 'team' and public.may_bill_team(subject_id));
drop policy if exists select_team on payments.stripe_checkout_sessions;
create policy select_team on payments.stripe_checkout_sessions for select to authenticated
  using (subject_type = 'team' and public.may_bill_team(subject_id));
drop policy if exists insert_team on payments.stripe_customer_portal_sessions;
create policy insert_team on payments.stripe_customer_portal_sessions for insert to authenticated
  with check (subject_type = 'team' and public.may_bill_team(subject_id));
drop policy if exists select_team on payments.stripe_customer_portal_sessions;
create policy select_team on payments.stripe_customer_portal_sessions for select to authenticated
  using (subject_type = 'team' and public.may_bill_team(subject_id));
