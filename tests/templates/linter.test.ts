/** What all templates have in common: how fast their policies are, and what they leave to nobody but the server. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asCaller, createTestDatabase, type TestDatabase, user } from '../setup/database.ts'
import { undone } from '../sql/support/calls.ts'
import { installTwice } from './support/install.ts'

let database: TestDatabase
const TEMPLATES = ['one-time-orders', 'team-billing-policies', 'team-entitlements', 'read-access']

beforeAll(async () => {
  database = await createTestDatabase()
  // as Supabase does: what is made in public is for everyone
  await database.sql.unsafe(`
    alter default privileges in schema public grant all on tables to anon, authenticated;
    alter default privileges in schema public grant all on functions to anon, authenticated;
    alter default privileges in schema public grant all on sequences to anon, authenticated;`)
  for (const name of TEMPLATES) await installTwice(database.sql, name)
})
afterAll(() => database.close())

describe('Supabase’s linter', () => {
  test('finds no policy that calls a function of the session for each row (auth_rls_initplan)', async () => {
    const rows = await database.sql`
      with policy as (
        select
          p.polrelid::regclass || ' ' || p.polname as name,
          coalesce(pg_get_expr(p.polqual, p.polrelid), '') || ' ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') as text
        from pg_policy as p
      )
      select name
      from policy
      where regexp_count(text, '(auth\\.(uid|jwt|role|email)|current_setting|caller_id)\\(')
        > regexp_count(text, 'select\\s+([a-z_]+\\.)?(uid|jwt|role|email|current_setting|caller_id)\\(', 1, 'i')`
    expect([...rows]).toEqual([])
  })

  test('finds several permissive policies only where the defaults stand beside those of an app (multiple_permissive_policies)', async () => {
    const rows = await database.sql`
      select p.polrelid::regclass::text as table, r.rolname as role, a.action, array_agg(p.polname::text order by p.polname) as policies
      from pg_policy as p
      join pg_roles as r on r.oid = any (p.polroles) or p.polroles = array[0::oid]
      cross join lateral unnest(
        case p.polcmd when 'r' then '{select}' when 'a' then '{insert}' when 'w' then '{update}' when 'd' then '{delete}'
          else '{select,insert,update,delete}' end::text[]
      ) as a (action)
      where p.polpermissive and not r.rolbypassrls and r.rolname not like 'pg\\_%'
      group by 1, 2, 3
      having count(*) > 1
      order by 1, 2, 3`
    const table = (name: string, action: string, policies: string[]) => ({
      table: `payments.stripe_${name}`,
      role: 'authenticated',
      action,
      policies: policies.map((policy) => `${action}_${policy}`),
    })
    expect([...rows]).toEqual([
      table('checkout_sessions', 'insert', ['guest', 'own', 'team']),
      table('checkout_sessions', 'select', ['guest', 'own', 'team']),
      table('customer_portal_sessions', 'insert', ['own', 'team']),
      table('customer_portal_sessions', 'select', ['own', 'team']),
    ])
  })
})

describe('a policy', () => {
  test('calls no function of the database with a column, so none runs once per row', async () => {
    const rows = await undone(database.sql, async (sql) => {
      await sql`set local search_path = ''` // names every function with its schema
      return await sql`
        select p.polrelid::regclass || ' ' || p.polname as name
        from pg_policy as p
        cross join lateral regexp_matches(
          coalesce(pg_get_expr(p.polqual, p.polrelid), '') || ' ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''),
          '(payments|public|payments_private)\\.[a-z_]+\\(([^)]*)\\)', 'g'
        ) as call
        where call[2] <> ''`
    })
    expect([...rows]).toEqual([])
  })

  test.each([
    ['transactions', 'select id from payments.transactions'],
    ['transactions', 'select id from payments.transactions order by provider_created_at desc limit 20'],
    ['stripe_subscriptions', 'select subscription_id from payments.stripe_subscriptions'],
    ['stripe_checkout_sessions', 'select id from payments.stripe_checkout_sessions'],
    ['stripe_customer_portal_sessions', 'select id from payments.stripe_customer_portal_sessions'],
    ['stripe_subscriptions', 'select plan from public.team_plans'],
  ])('of %s asks for the teams of the caller once: %s', async (_, query) => {
    const lines = await asCaller(database.sql, user('u1'), async (sql) =>
      (await sql.unsafe(`explain (verbose, costs off) ${query}`)).map((row) => row['QUERY PLAN'] as string),
    )
    const calls = lines.filter((line) => /\w*(team|caller)\w*\(/.test(line))
    expect(calls.length).toBeGreaterThan(0)
    // each call is the output of an InitPlan, which runs once, and no filter calls a function of ours
    for (const line of calls) expect(line).toMatch(/^\s*Output: /)
    if (/payments\./.test(query)) expect(lines.filter((line) => /^\s*SubPlan/.test(line))).toEqual([])
  })

  test('reaches the rows of the caller’s teams by an index', async () => {
    const lines = await asCaller(database.sql, user('u1'), async (sql) => {
      await sql`set local enable_seqscan = off`
      return (await sql.unsafe('explain (costs off) select id from payments.transactions')).map(
        (row) => row['QUERY PLAN'] as string,
      )
    })
    // Postgres 18 writes the result of an InitPlan as (InitPlan 1).col1, Postgres 15 as $0
    const conditions = lines.flatMap((line) => line.match(/Index Cond: (.*)/)?.[1] ?? [])
    expect(conditions).toEqual([
      expect.stringMatching(/subject_id = (\(InitPlan \d+\)\.col1|\$\d+)\) AND \(subject_type = 'user'/),
      expect.stringMatching(
        /subject_id = ANY \((\(InitPlan \d+\)\.col1|\$\d+)\)\) AND \(subject_type = 'team'/,
      ),
    ])
    expect(lines.filter((line) => /Seq Scan/.test(line))).toEqual([])
  })
})

describe('on a database that grants everything in public to everyone', () => {
  test('app users may do no more with the tables and views than the templates say', async () => {
    const rows = await database.sql`
      select c.relname || ' ' || string_agg(r.role || ' ' || lower(a.privilege_type), ', ' order by r.role) as granted
      from pg_class as c
      cross join lateral aclexplode(c.relacl) as a
      join lateral (select case when a.grantee = 0 then 'public' else a.grantee::regrole::text end as role) as r on true
      where c.relnamespace = 'public'::regnamespace and r.role in ('public', 'anon', 'authenticated')
      group by c.relname
      order by 1`
    expect(rows.map((row) => row.granted)).toEqual([
      'order_lines authenticated select',
      'orders authenticated select',
      'team_plans authenticated select',
    ])
  })

  test('app users may call only what policies call', async () => {
    const rows = await database.sql`
      select r.role || ' ' || p.proname as granted
      from pg_proc as p
      cross join unnest('{anon,authenticated}'::text[]) as r (role)
      where p.pronamespace = 'public'::regnamespace and has_function_privilege(r.role, p.oid, 'execute')
      order by 1`
    expect(rows.map((row) => row.granted)).toEqual([
      'authenticated may_bill_team',
      'authenticated teams_billed_by_caller',
      'authenticated teams_of_caller',
    ])
  })

  test('every table has row level security', async () => {
    const rows = await database.sql`
      select relname from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity`
    expect([...rows]).toEqual([])
  })
})
