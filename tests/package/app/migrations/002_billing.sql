-- Owners bill for their team. The token's subject is the user's id.
grant select on public.team_members to authenticated;

create policy owner_may_bill on payments.stripe_checkout_sessions for insert to authenticated
  with check (
    subject_type = 'team'
    and exists (
      select from public.team_members as m
      where m.team_id::text = subject_id and m.user_id::text = payments.caller_id() and m.role = 'owner'
    )
  );
create policy owner_may_see on payments.stripe_checkout_sessions for select to authenticated
  using (
    subject_type = 'team'
    and exists (
      select from public.team_members as m
      where m.team_id::text = subject_id and m.user_id::text = payments.caller_id() and m.role = 'owner'
    )
  );

-- A team has the plan while one of its subscriptions runs.
create function public.refresh_plan() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update public.teams as t
  set plan = case
      when exists (
        select from payments.stripe_subscriptions as s
        where s.subject_type = 'team' and s.subject_id = t.id::text and s.status in ('active', 'trialing')
      ) then 'pro'
    end
  where t.id::text = new.subject_id;
  return null;
end
$$;
create trigger _500_refresh_plan after insert or update on payments.stripe_subscriptions
  for each row execute function public.refresh_plan();
