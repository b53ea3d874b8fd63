/** Databases that the migrations refuse: each as it was, whatever applies the files. */

import type postgres from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { migrate } from '../../scripts/cli/commands/migrate.ts'
import { committedMigrations, fixtures, type Migration } from '../../scripts/dev/generators/sources.ts'
import { type EmbeddedPostgres, FAST_SETTINGS, startEmbeddedPostgres } from '../../scripts/dev/postgres.ts'
import { statements } from '../setup/psql.ts'
import { open, withDatabase } from '../setup/server.ts'

let server: EmbeddedPostgres
let admin: postgres.Sql
let files: Migration[]
let app: postgres.Sql

beforeAll(async () => {
  server = await startEmbeddedPostgres({ settings: FAST_SETTINGS })
  admin = open(server.url)
  files = await committedMigrations()
})
afterAll(async () => {
  await admin?.end()
  await server?.stop()
})

/** Makes a database `app` with this content. */
async function appWith(content: string, options = ''): Promise<string> {
  await admin.unsafe(`create database app ${options}`)
  const url = withDatabase(server.url, 'app')
  app = open(url)
  await app.unsafe(content)
  return url
}
afterEach(async () => {
  await app?.end({ timeout: 1 })
  await admin`drop database if exists app with (force)`
  await admin`drop role if exists anon, authenticated, payments_service, project_admin, lowpriv, owner`
})

/** Everything that the files could have changed, as one text. */
async function contents(): Promise<unknown> {
  return app`
    select n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relacl::text,
      (select array_agg(attname::text order by attnum) from pg_attribute where attrelid = c.oid and attnum > 0) as columns,
      (select array_agg(polname::text order by polname) from pg_policy where polrelid = c.oid) as policies,
      (select array_agg(tgname::text order by tgname) from pg_trigger where tgrelid = c.oid) as triggers,
      (select count(*) from pg_proc where pronamespace = n.oid) as functions,
      (select count(*) from pg_roles where rolname !~ '^pg_') as roles, obj_description(n.oid, 'pg_namespace') as comment
    from pg_namespace n left join pg_class c on c.relnamespace = n.oid
    where n.nspname in ('payments', 'payments_private') order by 1, 2`
}

/** The first error of `psql -f` without ON_ERROR_STOP, which runs all the other statements too. */
async function runOn(text: string): Promise<{ code?: string; message?: string; hint?: string }> {
  const session = open(withDatabase(server.url, 'app'))
  let first: { code?: string; message?: string; hint?: string } = {}
  try {
    for (const statement of statements(text)) {
      await session.unsafe(statement).catch((error) => {
        first = first.message ? first : error
      })
    }
    return first
  } finally {
    await session.end()
  }
}

/** What InsForge has, shortened: tables of our names with columns of its own, a deny-all for nobody, rows. */
const INSFORGE = `
  do $$ declare r text; begin
    foreach r in array array['anon', 'authenticated', 'project_admin'] loop
      if not exists (select from pg_roles where rolname = r) then execute format('create role %I nologin', r); end if;
    end loop;
  end $$;
  create schema payments;
  grant usage on schema payments to anon, authenticated, project_admin;
  create table payments.provider_connections (id uuid primary key default gen_random_uuid(), provider text, environment text);
  create table payments.stripe_products (id uuid primary key default gen_random_uuid(), environment text not null, product_id text not null);
  create table payments.stripe_checkout_sessions (id uuid primary key default gen_random_uuid(), environment text not null,
    mode text not null, status text not null default 'initialized', subject_type text, subject_id text);
  create table payments.webhook_events (id uuid primary key default gen_random_uuid(), environment text not null, payload jsonb not null);
  create table payments.razorpay_orders (id uuid primary key default gen_random_uuid());
  grant insert, select on payments.stripe_checkout_sessions to anon, authenticated;
  insert into payments.stripe_products (environment, product_id) values ('test', 'prod_1')`

const OF_INSFORGE =
  'The schema payments is not of pg-payments. It looks like that of InsForge, belongs to the role postgres and has: provider_connections, razorpay_orders, stripe_checkout_sessions, stripe_products, webhook_events.'

describe('a schema payments of InsForge', () => {
  test('is left alone by migrate, which says whose it is and what to do', async () => {
    const url = await appWith(INSFORGE)
    const before = await contents()
    await expect(migrate({ databaseUrl: url })).rejects.toThrow(
      `${OF_INSFORGE} Nothing was changed. Install pg-payments in a database of its own. If nothing uses that schema, move it away: alter schema payments rename to payments_before;`,
    )
    await expect(migrate({ databaseUrl: url, again: true })).rejects.toThrow(OF_INSFORGE)
    expect(await contents()).toEqual(before)
  })

  test('is left alone by each file in psql -1', async () => {
    await appWith(INSFORGE)
    const before = await contents()
    for (const { text } of files.slice(0, 1)) {
      await expect(app.begin((sql) => sql.unsafe(text))).rejects.toMatchObject({
        code: 'SP032',
        message: OF_INSFORGE,
      })
    }
    expect(await contents()).toEqual(before)
  })

  test('is left alone by psql that goes on after errors, and still takes inserts of its users', async () => {
    await appWith(INSFORGE)
    const before = await contents()
    expect(await runOn(files.map(({ text }) => text).join('\n'))).toMatchObject({
      code: 'SP032',
      message: OF_INSFORGE,
    })
    expect(await contents()).toEqual(before)
    await app.begin(async (sql) => {
      await sql`set local role authenticated`
      await sql`insert into payments.stripe_checkout_sessions (environment, mode, subject_type, subject_id) values ('test', 'payment', 'team', '1')`
    })
  })

  test('is left alone by the functions, policies and grants alone', async () => {
    await appWith(INSFORGE)
    const before = await contents()
    const [guard, ...others] = (await fixtures()).sort(
      (a, b) =>
        Number(b.name === 'access/check_installation.sql') -
        Number(a.name === 'access/check_installation.sql'),
    )
    expect(guard?.name).toBe('access/check_installation.sql')
    expect(await runOn([guard, ...others].map((fixture) => fixture?.text).join('\n'))).toMatchObject({
      code: 'SP032',
      message: 'The tables of pg-payments are not in the database app.',
    })
    expect(await contents()).toEqual(before)
  })

  test('that was moved away lets pg-payments in, and keeps its rows', async () => {
    const url = await appWith(`${INSFORGE}; alter schema payments rename to payments_before`)
    expect((await migrate({ databaseUrl: url })).applied).toHaveLength(files.length)
    expect(await app`select product_id from payments_before.stripe_products`).toEqual([
      { product_id: 'prod_1' },
    ])
  })
})

test('a schema payments of another product is refused with its tables and its owner', async () => {
  const url = await appWith(`
    create role owner; create schema payments authorization owner;
    create table payments.invoices (id int); alter table payments.invoices owner to owner`)
  const before = await contents()
  const sentence =
    'The schema payments is not of pg-payments. It looks like that of another product, belongs to the role owner and has: invoices.'
  await expect(migrate({ databaseUrl: url })).rejects.toThrow(sentence)
  expect(await runOn(files.map(({ text }) => text).join('\n'))).toMatchObject({
    code: 'SP032',
    message: sentence,
  })
  expect(await contents()).toEqual(before)
})

test('a schema payments_private with tables of another product is refused', async () => {
  const url = await appWith('create schema payments_private; create table payments_private.ledger (id int)')
  await expect(migrate({ databaseUrl: url })).rejects.toThrow(
    'The schema payments_private is not of pg-payments. It looks like that of another product, belongs to the role postgres and has: ledger.',
  )
})

test('an empty schema payments of the role that migrates is taken', async () => {
  const url = await appWith('create schema payments')
  expect((await migrate({ databaseUrl: url })).applied).toHaveLength(files.length)
})

test.each(['payments', 'payments_private'])(
  'a schema %s of another role is refused, because that role could replace what runs as superuser',
  async (schema) => {
    const url = await appWith(`create role lowpriv; create schema ${schema} authorization lowpriv`)
    const sentence = `The schema ${schema} belongs to the role lowpriv, and this migration runs as postgres. Its owner could replace what runs with the rights of postgres.`
    await expect(migrate({ databaseUrl: url })).rejects.toThrow(
      `${sentence} Nothing was changed. Migrate as lowpriv, or make the schema yours if you trust what it contains: alter schema ${schema} owner to postgres;`,
    )
    expect(await runOn(files.map(({ text }) => text).join('\n'))).toMatchObject({
      code: 'SP032',
      message: sentence,
    })
    expect(
      await app`select from pg_class where relnamespace::regnamespace::text like 'payments%'`,
    ).toHaveLength(0)
  },
)

test('a schema that another role takes over after the installation is refused by the next migration', async () => {
  const url = await appWith('create role lowpriv')
  await migrate({ databaseUrl: url })
  await app`alter schema payments_private owner to lowpriv`
  await expect(migrate({ databaseUrl: url, again: true })).rejects.toThrow('belongs to the role lowpriv')
})

test.each([
  ['LATIN1', `encoding 'LATIN1' locale 'C' template template0`],
  ['SQL_ASCII', `encoding 'SQL_ASCII' locale 'C' template template0`],
])('a database of encoding %s is refused with a sentence', async (encoding, options) => {
  const url = await appWith('select 1', options)
  const sentence = `The database app has the encoding ${encoding}, and pg-payments needs UTF8.`
  await expect(migrate({ databaseUrl: url })).rejects.toThrow(
    `${sentence} Nothing was changed. Create a database for it: create database <name> encoding 'UTF8' template template0;`,
  )
  expect(await runOn(files.map(({ text }) => text).join('\n'))).toMatchObject({
    code: 'SP032',
    message: sentence,
  })
  expect(await app`select from pg_namespace where nspname like 'payments%'`).toHaveLength(0)
})

test.each([15, 18] as const)(
  'a database for each environment in one server of Postgres %i: both migrate, whoever owns them',
  async (version) => {
    const own = await startEmbeddedPostgres({ version, settings: FAST_SETTINGS })
    const superuser = open(own.url)
    const live = new URL(withDatabase(own.url, 'live'))
    const isMember = async () => {
      const [row] = await superuser`
      select bool_and(pg_has_role('owner', r, 'member')) as member
      from unnest('{anon,authenticated,payments_service}'::name[]) as r`
      return row?.member
    }
    try {
      await superuser`create role owner login createrole password 'owner'`
      await superuser`create database test`
      await superuser`create database live owner owner`
      await migrate({ databaseUrl: withDatabase(own.url, 'test') })
      live.username = 'owner'
      live.password = 'owner'
      const lines: string[] = []
      await migrate({ databaseUrl: live.href, log: (line) => lines.push(line) })
      // CREATEROLE was enough to grant any role until Postgres 15; since 16 the superuser who made the roles has to
      const mayGrant = version < 16
      expect(await isMember()).toBe(mayGrant)
      const advice = 'grant anon, authenticated, payments_service to "owner";'
      expect(lines.filter((line) => line.includes(advice))).toHaveLength(mayGrant ? 0 : 1)
      await superuser`grant anon, authenticated, payments_service to owner`
      lines.length = 0
      await migrate({ databaseUrl: live.href, again: true, log: (line) => lines.push(line) })
      expect(lines.join()).not.toContain('grant anon')
      expect(await isMember()).toBe(true)
    } finally {
      await superuser.end()
      await own.stop()
    }
  },
)
