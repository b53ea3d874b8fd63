create or replace function {{schema}}.{{subject}}_ids_of_caller()
  returns setof text
  language sql
  stable
  security definer -- crosses from the policy to the membership table, which app users may not be able to read
  set search_path = pg_catalog, pg_temp
as $$
  select m.{{member_subject}}::text from {{members}} as m where m.{{member_user}} = {{user_key payments.caller_id()}};
$$;
revoke all on function {{schema}}.{{subject}}_ids_of_caller() from public, anon, authenticated;
grant execute on function {{schema}}.{{subject}}_ids_of_caller() to authenticated;

create or replace function {{schema}}.{{subject}}_ids_billed_by_caller()
  returns setof text
  language sql
  stable
  security definer -- crosses from the policy to the membership table, which app users may not be able to read
  set search_path = pg_catalog, pg_temp
as $$
  select m.{{member_subject}}::text
  from {{members}} as m
  where m.{{member_user}} = {{user_key payments.caller_id()}}
{{#roles}}
    and m.{{member_role}}::text in ({{roles_list}})
{{/roles}}
  ;
$$;
revoke all on function {{schema}}.{{subject}}_ids_billed_by_caller() from public, anon, authenticated;
grant execute on function {{schema}}.{{subject}}_ids_billed_by_caller() to authenticated;
