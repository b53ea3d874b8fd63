/*
 * Team billing: which members may start a checkout for a team, see its checkouts, and open its billing portal.
 *
 * How to use it: public.team_members lists the members of each team. Only owners and admins may bill a team.
 * The SELECT policy lets a retry with an idempotency key find the row of the first request.
 *
 * The policies ask once per statement for all teams that the caller may bill. Keep this form: a function that is called
 * with a column runs once per row.
 *
 * Supabase's linter reports multiple_permissive_policies here. These policies stand beside the defaults (insert_own,
 * insert_guest, select_own, select_guest), so that you can drop each of them by its name. All of them are cheap. To
 * satisfy the linter, drop the defaults of a table and write their conditions, with "or" between them, into the
 * policies below.
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
revoke all on public.team_members from public, anon, authenticated; -- platforms such as Supabase grant new tables to everyone

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
revoke all on function public.may_bill_team(text) from public, anon, authenticated;
grant execute on function public.may_bill_team(text) to authenticated;

create or replace function public.teams_billed_by_caller()
  returns setof text
  language sql
  stable
  security definer -- crosses from the policy to the membership table, which app users may not be able to read
  set search_path = pg_catalog, pg_temp
as $$
  select m.team_id
  from public.team_members as m
  where m.user_id = payments.caller_id() and m.role in ('owner', 'admin');
$$;
revoke all on function public.teams_billed_by_caller() from public, anon, authenticated;
grant execute on function public.teams_billed_by_caller() to authenticated;

drop policy if exists insert_team on payments.stripe_checkout_sessions;
create policy insert_team on payments.stripe_checkout_sessions for insert to authenticated
  with check (subject_type = 'team' and subject_id = any (array(select public.teams_billed_by_caller())));
drop policy if exists select_team on payments.stripe_checkout_sessions;
create policy select_team on payments.stripe_checkout_sessions for select to authenticated
  using (subject_type = 'team' and subject_id = any (array(select public.teams_billed_by_caller())));
drop policy if exists insert_team on payments.stripe_customer_portal_sessions;
create policy insert_team on payments.stripe_customer_portal_sessions for insert to authenticated
  with check (subject_type = 'team' and subject_id = any (array(select public.teams_billed_by_caller())));
drop policy if exists select_team on payments.stripe_customer_portal_sessions;
create policy select_team on payments.stripe_customer_portal_sessions for select to authenticated
  using (subject_type = 'team' and subject_id = any (array(select public.teams_billed_by_caller())));
