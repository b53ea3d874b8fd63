/** Rights that no release has given: the doctor finds them, and `migrate --again` revokes them. */
import { rm } from 'node:fs/promises'
import type postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { migrate } from '../../scripts/cli/commands/migrate.ts'
import { type EmbeddedPostgres, FAST_SETTINGS, startEmbeddedPostgres } from '../../scripts/dev/postgres.ts'
import { runCli } from '../cli/support.ts'
import { open, withDatabase } from '../setup/server.ts'
import { workingTreeMigrations } from './support/working-tree.ts'

type Finding = { check: string; status: string; message: string; next: string | null }

let server: EmbeddedPostgres
let admin: postgres.Sql
let app: postgres.Sql
let url: string
let directory: string

beforeAll(async () => {
  directory = await workingTreeMigrations()
  server = await startEmbeddedPostgres({ settings: FAST_SETTINGS })
  admin = open(server.url)
  await admin.unsafe(
    'create role service_role nologin; create role web_anon nologin; create role appdev nologin',
  )
  await admin`create database template_app`
  await migrate({ databaseUrl: withDatabase(server.url, 'template_app'), directory })
})
afterAll(async () => {
  await admin?.end()
  await server?.stop()
  await rm(directory, { recursive: true, force: true })
})
beforeEach(async () => {
  await admin`create database app template template_app`
  url = withDatabase(server.url, 'app')
  app = open(url)
})
afterEach(async () => {
  await app.end({ timeout: 1 })
  await admin`drop database app with (force)`
})

async function findings(check: string): Promise<Finding[]> {
  const outcome = await runCli(['doctor', '--json'], { env: { DATABASE_URL: url } })
  return outcome.json<{ findings: Finding[] }>().findings.filter((finding) => finding.check === check)
}

async function again(): Promise<string[]> {
  const lines: string[] = []
  await migrate({ databaseUrl: url, directory, again: true, log: (line) => lines.push(line) })
  return lines
}

const GREEN = [{ check: 'rights', status: 'ok', message: 'none beyond those of this release', next: null }]

test('a new installation has no rights beyond those of the release, also where there is a service_role', async () => {
  expect(await findings('rights')).toEqual(GREEN)
})

test('a restore that lost its grants is not up to date: migrate says what to run', async () => {
  const lines: string[] = []
  const log = (line: string) => lines.push(line)
  await migrate({ databaseUrl: url, directory, log })
  expect(lines).toEqual([])
  await app.unsafe('grant execute on all functions in schema payments, payments_private to public')
  await migrate({ databaseUrl: url, directory, log })
  expect(lines.join()).toMatch(
    /^Rights are not those of this version: grant execute on function payments\.\w+\(.*\) to public and \d+ more\. .* Run: pg-payments migrate --again$/,
  )
  await again()
  lines.length = 0
  await migrate({ databaseUrl: url, directory, log })
  expect(lines).toEqual([])
})

describe.each<[string, string, string]>([
  [
    'the guide of Supabase for exposing a schema',
    `grant usage on schema payments to anon, authenticated, service_role;
     grant all on all tables in schema payments to anon, authenticated, service_role;
     grant all on all routines in schema payments to anon, authenticated, service_role;
     grant all on all sequences in schema payments to anon, authenticated, service_role`,
    'grant delete on payments.customer_mappings to anon',
  ],
  [
    'default privileges in the schema',
    `alter default privileges in schema payments grant all on tables to anon;
     alter default privileges in schema payments grant all on routines to service_role;
     alter default privileges in schema payments_private grant select on tables to web_anon`,
    'default privilege execute on functions in schema payments of postgres to service_role',
  ],
  [
    'a function that is granted to public',
    'grant execute on function payments.ingest_webhook_event to public',
    'grant execute on function payments.ingest_webhook_event(environment text, payload jsonb) to public',
  ],
  [
    'a function that is granted to another anonymous role',
    'grant execute on function payments.retry_webhook_events to web_anon',
    'grant execute on function payments.retry_webhook_events(max integer) to web_anon',
  ],
  [
    'an internal function that is granted to the handlers',
    'grant execute on function payments_private.ingest_events to payments_service',
    'grant execute on function payments_private.ingest_events(environment text, payloads jsonb[]) to payments_service',
  ],
  [
    'usage of the private schema',
    'grant usage on schema payments_private to authenticated',
    'grant usage on schema payments_private to authenticated',
  ],
  [
    'the right to create something in the schema',
    'grant create on schema payments to web_anon',
    'grant create on schema payments to web_anon',
  ],
  [
    'a private table that is readable',
    'grant select on payments_private.secrets to anon',
    'grant select on payments_private.secrets to anon',
  ],
  [
    'a column of a private table that is readable',
    'grant select (ciphertext) on payments_private.secrets to web_anon',
    'grant select (ciphertext) on payments_private.secrets to web_anon',
  ],
  [
    'a policy on a private table',
    'create policy project_admin_policy on payments_private.secrets for all to appdev using (true) with check (true)',
    'policy project_admin_policy on payments_private.secrets',
  ],
  [
    'a column that users may write',
    'grant insert (status, payment_status) on payments.stripe_checkout_sessions to anon',
    'grant insert (payment_status) on payments.stripe_checkout_sessions to anon',
  ],
  [
    'a table that another role may write',
    'grant update on payments.transactions to appdev',
    'grant update on payments.transactions to appdev',
  ],
  [
    'a table that the handlers may write',
    'grant insert on payments.transactions to payments_service',
    'grant insert on payments.transactions to payments_service',
  ],
  [
    'triggers of app users',
    'grant trigger on payments.webhook_events to authenticated',
    'grant trigger on payments.webhook_events to authenticated',
  ],
])('%s', (_, grants, right) => {
  test('is a failure of the doctor until migrate --again has revoked it', async () => {
    await app.unsafe(grants)
    const [finding, ...others] = await findings('rights')
    expect(others).toEqual([])
    expect(finding).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(/^These rights are not of pg-payments, and let others change payments/),
      next: expect.stringContaining('Run: pg-payments migrate --again'),
    })
    const lines = await again()
    expect(lines).toContain(`Revoked, because this version does not give it: ${right}`)
    expect(await findings('rights')).toEqual(GREEN)
    expect((await findings('schema')).map(({ message }) => message)).toEqual(['the same as in this release'])
  })
})

test('what an app grants its users to read is its own choice, and stays', async () => {
  await app.unsafe(`
    grant select on payments.transactions to authenticated;
    grant select (price_id, unit_amount) on payments.stripe_prices to anon;
    create policy select_mine on payments.transactions for select to authenticated using (subject_id = '1');
    grant trigger on payments.webhook_events to appdev;
    create function public.mine() returns int language sql as 'select 1'; grant execute on function public.mine to anon`)
  expect(await findings('rights')).toEqual(GREEN)
  expect((await again()).filter((line) => line.startsWith('Revoked'))).toEqual([])
  const [row] = await app`
    select has_table_privilege('authenticated', 'payments.transactions', 'select') as transactions,
      has_column_privilege('anon', 'payments.stripe_prices', 'unit_amount', 'select') as prices,
      has_table_privilege('appdev', 'payments.webhook_events', 'trigger') as triggers`
  expect(row).toEqual({ transactions: true, prices: true, triggers: true })
  expect(await app`select from pg_policies where policyname = 'select_mine'`).toHaveLength(1)
})

test('app users who are members of the handlers’ role are a failure, with the statement that ends it', async () => {
  await app`grant payments_service to authenticated`
  try {
    expect(await findings('rights')).toEqual([
      {
        check: 'rights',
        status: 'failed',
        message:
          'The role authenticated is a member of payments_service, which lets app users past the grants.',
        next: 'Run in psql: revoke payments_service from authenticated;',
      },
    ])
  } finally {
    await app`revoke payments_service from authenticated`
  }
})

describe('service_role', () => {
  const as = <T>(work: (sql: postgres.TransactionSql) => Promise<T>) =>
    app.begin(async (sql) => {
      await sql`set local role service_role`
      return work(sql)
    })

  test('reads the projections, every row of them, without bypassing row level security', async () => {
    await app`insert into payments.stripe_products (environment, product_id, name, active) values ('test', 'prod_1', 'Mug', true)`
    expect(await as((sql) => sql`select product_id from payments.stripe_products`)).toEqual([
      { product_id: 'prod_1' },
    ])
    for (const name of [
      'stripe_prices',
      'customers',
      'customer_mappings',
      'stripe_checkout_sessions',
      'stripe_subscriptions',
      'stripe_subscription_items',
      'transactions',
      'customer_totals',
    ])
      expect(await as((sql) => sql`select * from payments.${sql(name)}`)).toEqual([])
  })

  test.each([
    `select * from payments.webhook_events`,
    `select * from payments.provider_connections`,
    `select * from payments_private.secrets`,
    `insert into payments.stripe_checkout_sessions (environment, mode, line_items, success_url, cancel_url) values ('test', 'payment', '[]', 'https://a', 'https://a')`,
    `delete from payments.transactions`,
    `select payments.ingest_webhook_event('test', '{}')`,
    `select payments.prune_webhook_events('1 year')`,
  ])('may not: %s', async (statement) => {
    await expect(as((sql) => sql.unsafe(statement))).rejects.toMatchObject({ code: '42501' })
  })
})

describe('the owner', () => {
  test('is a warning when it is a superuser, because fulfilment runs with its rights', async () => {
    expect(await findings('owner')).toEqual([
      {
        check: 'owner',
        status: 'warning',
        message:
          'The functions belong to postgres, a superuser. Fulfilment triggers run with its rights, whoever wrote them.',
        next: 'Grant the right to create triggers on payments.webhook_events to nobody whom you would not make a superuser. In production, migrate as a role that is none.',
      },
    ])
  })

  test.each([
    ['schema payments_private', 'alter schema payments_private owner to appdev'],
    [
      'function payments_private.id_of(jsonb)',
      'alter function payments_private.id_of(jsonb) owner to appdev',
    ],
    ['table payments.transactions', 'alter table payments.transactions owner to appdev'],
  ])('is a failure when another role owns the %s', async (name, statement) => {
    await app.unsafe(statement)
    const [finding] = await findings('owner')
    expect(finding).toMatchObject({
      status: 'failed',
      message: `Other roles than postgres, who owns the functions, own ${name} of appdev: they could replace what runs with its rights.`,
      next: `Check what they contain, then run in psql: alter ${name} owner to "postgres";`,
    })
  })
})

test('InsForge, whose event trigger gives its admin a policy on every table, installs without rights of others', async () => {
  await admin`create database insforge`
  const insforge = withDatabase(server.url, 'insforge')
  const before = url
  const sql = open(insforge)
  try {
    await sql.unsafe(`
      create function public.create_default_policies() returns event_trigger language plpgsql as $$
      declare t record;
      begin
        for t in select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where c.relkind = 'r' and c.relrowsecurity and n.nspname like 'payments%'
            and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'project_admin_policy')
        loop
          execute format('create policy project_admin_policy on %I.%I for all to appdev using (true) with check (true)',
            t.nspname, t.relname);
        end loop;
      end $$;
      create event trigger policies on ddl_command_end when tag in ('CREATE TABLE', 'ALTER TABLE')
        execute function public.create_default_policies()`)
    await migrate({ databaseUrl: insforge, directory })
    expect(
      await sql`select tablename from pg_policies where policyname = 'project_admin_policy'`,
    ).toContainEqual({
      tablename: 'transactions',
    })
    url = insforge
    expect(await findings('rights')).toEqual(GREEN)
    await again()
    expect(await findings('rights')).toEqual(GREEN)
    expect((await findings('schema')).map(({ message }) => message)).toEqual(['the same as in this release'])
  } finally {
    url = before
    await sql.end()
    await admin`drop database insforge with (force)`
  }
})

test('a schema payments of another product is named by the doctor, who recommends nothing that would change it', async () => {
  await app.unsafe(
    `drop schema payments cascade; create schema payments; create table payments.webhook_events (id int)`,
  )
  const [finding, ...others] = await findings('schema')
  expect(others).toEqual([])
  expect(finding).toMatchObject({
    status: 'failed',
    message: 'The schema payments in this database is that of another product, for example InsForge.',
  })
  expect(finding?.next).not.toContain('--again')
})
