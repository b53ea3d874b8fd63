import { spawn } from 'node:child_process'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrate, migrationsDirectory } from '../../scripts/cli/commands/migrate.ts'
import { printSchema } from '../../scripts/dev/generators/schema.ts'
import { printSchemaParts } from '../../scripts/dev/generators/schema-parts.ts'
import { committedMigrations, type Migration, ROOT } from '../../scripts/dev/generators/sources.ts'
import {
  type EmbeddedPostgres,
  FAST_SETTINGS,
  type PostgresVersion,
  startEmbeddedPostgres,
} from '../../scripts/dev/postgres.ts'
import { runLikePsql } from '../setup/psql.ts'
import { open, withDatabase } from '../setup/server.ts'

const VERSIONS: PostgresVersion[] = [15, 18]
const schemas = new Map<PostgresVersion, string>()
let files: Migration[]
let names: string[]

beforeAll(async () => {
  files = await committedMigrations()
  names = files.map(({ file }) => file.replace(/\.sql$/, ''))
  expect(files.length, 'sql/committed is empty').toBeGreaterThan(0)
})

describe.each(VERSIONS)('Postgres %i', (version) => {
  let server: EmbeddedPostgres
  let connections: postgres.Sql[] = []

  beforeAll(async () => {
    server = await startEmbeddedPostgres({ version, settings: FAST_SETTINGS })
    await fresh(async (url) => {
      await migrate({ databaseUrl: url })
      schemas.set(version, await everything(connect(url)))
    })
  })
  afterAll(() => server?.stop())

  /** Runs `work` with an empty database `app` on a server without our roles. */
  async function fresh(work: (url: string) => Promise<void>): Promise<void> {
    const admin = open(server.url)
    try {
      await admin`create database app`
      await work(withDatabase(server.url, 'app'))
    } finally {
      await Promise.all(connections.map((sql) => sql.end({ timeout: 1 })))
      connections = []
      await admin`drop database app with (force)`
      await admin`drop role if exists anon, authenticated, payments_service, owner, nobody_special`
      await admin.end()
    }
  }

  function connect(url: string): postgres.Sql {
    const sql = open(url)
    connections.push(sql)
    return sql
  }

  const everything = (sql: postgres.Sql) => printSchema(sql, { bodies: true })

  const expected = () => schemas.get(version)

  test('migrate applies every committed file in order and says so', () =>
    fresh(async (url) => {
      const lines: string[] = []
      const { applied } = await migrate({ databaseUrl: url, log: (line) => lines.push(line) })
      expect(applied).toEqual(names)
      expect(lines).toEqual(names.map((name) => `Applied ${name}`))
    }))

  test('it has every part that the doctor looks for, and no other', () =>
    fresh(async (url) => {
      await migrate({ databaseUrl: url })
      expect(await printSchemaParts(connect(url))).toBe(
        await readFile(join(ROOT, 'types', 'schema.json'), 'utf8'),
      )
    }))

  test('migrating again changes nothing', () =>
    fresh(async (url) => {
      await migrate({ databaseUrl: url })
      expect(await migrate({ databaseUrl: url })).toEqual({ applied: [] })
      expect(await everything(connect(url))).toBe(expected())
    }))

  test('applied again the same files bring back what was dropped or revoked, and keep rows', () =>
    fresh(async (url) => {
      expect(await migrate({ databaseUrl: url, again: true })).toEqual({ applied: names, appliedAgain: [] })
      const sql = connect(url)
      await sql.unsafe(`
        insert into payments.stripe_products (environment, product_id, name, active) values ('test', 'prod_1', 'Mug', true);
        drop function payments.prune_webhook_events cascade;
        drop trigger _100_timestamps on payments.stripe_products;
        drop policy insert_own on payments.stripe_checkout_sessions;
        revoke execute on all functions in schema payments from payments_service;
        revoke insert on payments.stripe_checkout_sessions from anon, authenticated`)
      expect(await everything(sql)).not.toBe(expected())
      const lines: string[] = []
      const again = await migrate({
        databaseUrl: url,
        again: true,
        withPolicies: true,
        log: (line) => lines.push(line),
      })
      expect(again).toEqual({ applied: [], appliedAgain: names })
      expect(lines).toEqual([
        ...names.map((name) => `Applied ${name} again`),
        'The policy insert_own on payments.stripe_checkout_sessions was restored; drop it if you had removed it on purpose.',
        'The policies and grants of pg-payments were reset to this version; make your own changes to them again.',
      ])
      expect(await everything(sql)).toBe(expected())
      expect(await sql`select product_id from payments.stripe_products`).toEqual([{ product_id: 'prod_1' }])
      expect(await migrate({ databaseUrl: url })).toEqual({ applied: [] })
    }))

  test('applied again they leave default policies for app users dropped or tightened, as the owner left them', () =>
    fresh(async (url) => {
      await migrate({ databaseUrl: url })
      const sql = connect(url)
      await sql.unsafe(`
        drop policy insert_guest on payments.stripe_checkout_sessions;
        drop policy select_guest on payments.stripe_checkout_sessions;
        drop policy insert_own on payments.stripe_checkout_sessions;
        create policy insert_own on payments.stripe_checkout_sessions as restrictive for insert to authenticated
          with check (subject_id = (select payments.caller_id()) and success_url like 'https://shop.example/%');
        create policy select_ours on payments.transactions for select to authenticated using (false);
        drop policy service_select on payments.transactions`)
      const policies = () => sql`
        select tablename, policyname, permissive, roles::text, cmd, qual, with_check from pg_policies
        where schemaname = 'payments' and roles && array['anon', 'authenticated']::name[] order by 1, 2`
      const before = await policies()
      const lines: string[] = []
      await migrate({ databaseUrl: url, again: true, log: (line) => lines.push(line) })
      expect(await policies()).toEqual(before)
      expect(lines.filter((line) => line.startsWith('The policy'))).toEqual([
        'The policy insert_guest on payments.stripe_checkout_sessions is still dropped; --with-policies restores that of this version.',
        'The policy insert_own on payments.stripe_checkout_sessions is still your own version; --with-policies restores that of this version.',
        'The policy select_guest on payments.stripe_checkout_sessions is still dropped; --with-policies restores that of this version.',
      ])
      // The handlers' own policies are no choice of the owner's.
      expect(
        await sql`select from pg_policies where tablename = 'transactions' and policyname = 'service_select'`,
      ).toHaveLength(1)
      await migrate({ databaseUrl: url, again: true, withPolicies: true })
      await sql`drop policy select_ours on payments.transactions`
      expect(await everything(sql)).toBe(expected())
    }))

  test('a hand-over from psql leaves dropped policies dropped as well', () =>
    fresh(async (url) => {
      const sql = connect(url)
      for (const { text } of files) await runLikePsql(sql, text)
      await sql`drop policy insert_guest on payments.stripe_checkout_sessions`
      await migrate({ databaseUrl: url })
      expect(await sql`select from pg_policies where policyname = 'insert_guest'`).toHaveLength(0)
    }))

  test('what is applied again comes before what is new', () =>
    fresh(async (url) => {
      const directory = await mkdtemp(join(tmpdir(), 'pg-payments-again-'))
      try {
        for (const name of names)
          await copyFile(join(migrationsDirectory(), `${name}.sql`), join(directory, `${name}.sql`))
        await migrate({ databaseUrl: url, directory })
        await writeFile(
          join(directory, '000099-next.sql'),
          "create or replace function payments.projected_event_types() returns text[] language sql immutable as $$ select array['next'] $$;",
        )
        expect(await migrate({ databaseUrl: url, directory, again: true })).toEqual({
          applied: ['000099-next'],
          appliedAgain: names,
        })
        expect(await connect(url)`select payments.projected_event_types() as types`).toEqual([
          { types: ['next'] },
        ])
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    }))

  test('of twenty at once one migrates and the others find nothing to do', () =>
    fresh(async (url) => {
      const results = await Promise.all(Array.from({ length: 20 }, () => migrate({ databaseUrl: url })))
      const applied = results.map((result) => result.applied).filter((list) => list.length > 0)
      expect(applied).toEqual([names])
      expect(await everything(connect(url))).toBe(expected())
    }))

  test('psql -f of each file in order gives the same schema', () =>
    fresh(async (url) => {
      const sql = connect(url)
      for (const { text } of files) await runLikePsql(sql, text)
      expect(await everything(sql)).toBe(expected())
    }))

  test('a database installed with psql can be handed over to migrate', () =>
    fresh(async (url) => {
      const sql = connect(url)
      for (const { text } of files) await runLikePsql(sql, text)
      expect(await migrate({ databaseUrl: url })).toEqual({ applied: names })
      expect(await everything(sql)).toBe(expected())
    }))

  test('graphile-migrate installs the same schema', () =>
    fresh(async (url) => {
      await graphileMigrate(url, server.url)
      expect(await everything(connect(url))).toBe(expected())
    }))

  test('copied between the migrations of an app the files give the same schema', () =>
    fresh(async (url) => {
      const sql = connect(url)
      const order = [
        'create table public.teams (id bigint primary key);',
        ...files.map(({ text }) => text),
        'create table public.orders (id bigint primary key, team_id bigint references public.teams (id));',
      ]
      for (const text of order) await sql.begin((transaction) => transaction.unsafe(text))
      expect(await everything(sql)).toBe(expected())
    }))

  test('roles, schemas and data of the app stay as they are', () =>
    fresh(async (url) => {
      const sql = connect(url)
      await sql.unsafe(`
        create role anon nologin noinherit;
        create role authenticated nologin noinherit;
        create role payments_service login noinherit password 'kept';
        create schema shop;
        create table shop.orders (id bigint primary key, note text);
        insert into shop.orders values (1, 'before');
        create table public.pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null);
        insert into public.pgmigrations (name, run_on) values ('000001-init', now());
        create schema supabase_migrations;
        create table supabase_migrations.schema_migrations (version text primary key);
      `)
      const roles = () => sql`
        select rolname, rolcanlogin, rolinherit, rolbypassrls, rolpassword from pg_authid
        where rolname in ('anon', 'authenticated', 'payments_service') order by rolname`
      const before = await roles()
      expect((await migrate({ databaseUrl: url })).applied).toEqual(names)
      expect(await roles()).toEqual(before)
      expect(await sql`select * from shop.orders`).toEqual([{ id: '1', note: 'before' }])
      expect(await sql`select name from public.pgmigrations`).toEqual([{ name: '000001-init' }])
      expect(await sql`select * from supabase_migrations.schema_migrations`).toEqual([])
      const withoutRoles = (text: string | undefined) => text?.replace(/^create role .*\n/gm, '')
      expect(withoutRoles(await everything(sql))).toBe(withoutRoles(expected()))
    }))

  test('an owner who is no superuser and may create roles can migrate', () =>
    fresh(async (url) => {
      const sql = connect(server.url)
      await sql.unsafe(
        `create role owner login createrole password 'owner'; alter database app owner to owner`,
      )
      const lines: string[] = []
      const done = await migrate({ databaseUrl: as(url, 'owner'), log: (line) => lines.push(line) })
      expect(done.applied).toEqual(names)
      expect(await everything(connect(url))).toBe(expected())
      // The handlers can log in as this role at once.
      expect(lines).toEqual(names.map((name) => `Applied ${name}`))
      const login = connect(as(url, 'owner'))
      for (const role of ['anon', 'authenticated', 'payments_service']) await login.unsafe(`set role ${role}`)
    }))

  test('an owner who may not create roles can migrate where the roles are', () =>
    fresh(async (url) => {
      const sql = connect(server.url)
      await sql.unsafe(`
        create role anon nologin; create role authenticated nologin; create role payments_service nologin;
        create role owner login password 'owner'; alter database app owner to owner`)
      const lines: string[] = []
      const done = await migrate({ databaseUrl: as(url, 'owner'), log: (line) => lines.push(line) })
      expect(done.applied).toEqual(names)
      expect(lines.at(-1)).toBe(
        'The login owner may not act as anon, authenticated, payments_service. If the handlers use this login, run as a superuser: grant anon, authenticated, payments_service to "owner";',
      )
      expect(await everything(connect(url))).toBe(expected())
    }))

  test('an owner who may not create roles is told so where they are missing, and nothing is changed', () =>
    fresh(async (url) => {
      await connect(server.url).unsafe(
        `create role owner login password 'owner'; alter database app owner to owner`,
      )
      await expect(migrate({ databaseUrl: as(url, 'owner') })).rejects.toThrow(
        /^The role owner may not do this: permission denied to create role\. Nothing was changed\. .* CREATEROLE if the roles/,
      )
      expect(await connect(url)`select from pg_namespace where nspname like 'payments%'`).toHaveLength(0)
    }))

  test('a role without the right to create schemas is told what it needs, and nothing is changed', () =>
    fresh(async (url) => {
      await connect(server.url).unsafe(`create role nobody_special login password 'nobody_special'`)
      await expect(migrate({ databaseUrl: as(url, 'nobody_special') })).rejects.toThrow(
        /^The role nobody_special may not do this: permission denied for database app\. Nothing was changed\. Migrate as the owner/,
      )
      expect(await connect(url)`select from pg_namespace where nspname like 'payments%'`).toHaveLength(0)
    }))

  test('when a later file fails the earlier ones are undone too, and the error names file and line', () =>
    fresh(async (url) => {
      const directory = await mkdtemp(join(tmpdir(), 'pg-payments-migrations-'))
      try {
        await writeFile(join(directory, '000001-good.sql'), 'create schema payments;\n')
        await writeFile(
          join(directory, '000002-bad.sql'),
          '-- a comment\nselect no_such_column from pg_class;\n',
        )
        await expect(migrate({ databaseUrl: url, directory })).rejects.toThrow(
          '000002-bad.sql, line 2, failed: column "no_such_column" does not exist. Nothing was changed.',
        )
        expect(await connect(url)`select from pg_namespace where nspname like 'payments%'`).toHaveLength(0)
      } finally {
        await rm(directory, { recursive: true })
      }
    }))
})

test('Postgres 15 and 18 get the same schema', () => {
  expect(schemas.get(15)).toContain('create schema payments;')
  expect(schemas.get(15)).toBe(schemas.get(18))
})

/** The same database as another role, whose password is its name. */
function as(url: string, role: string): string {
  const changed = new URL(url)
  changed.username = role
  changed.password = role
  return changed.href
}

async function graphileMigrate(url: string, rootUrl: string): Promise<void> {
  const program = createRequire(import.meta.url).resolve('graphile-migrate/dist/cli.js')
  const child = spawn(process.execPath, [program, 'migrate'], {
    cwd: ROOT,
    env: { ...process.env, DATABASE_URL: url, ROOT_DATABASE_URL: rootUrl },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const code = await new Promise((done) => child.once('close', done))
  expect(code, errors).toBe(0)
}
