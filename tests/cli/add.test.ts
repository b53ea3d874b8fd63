/** `pg-payments add`: where it writes, what it names before it writes, and what it leaves alone. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runner } from 'node-pg-migrate'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TEMPLATES } from '../../scripts/cli/commands/add/templates.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { statements } from '../setup/psql.ts'
import { KEYS, runCli, startInTerminal } from './support.ts'

let database: TestDatabase
let folder: string

beforeAll(async () => {
  database = await createTestDatabase()
  await database.sql.unsafe(`
    create type public.role as enum ('owner', 'member');
    create table public.org_users (org uuid, person text, kind public.role, primary key (org, person));
    create table public.team_members (team_id point, user_id uuid, role text);
    create table public.orders (id bigint primary key, total numeric(10, 2), status boolean);
    create table public.credit_packs (id bigint primary key);
    create table public.shop_items (shop int, number int, amount bigint, currency text, primary key (shop, number));
    create schema "App";
    create table "App"."group" ("order" uuid, "user" uuid, "all" text);`)
})
afterAll(() => database.close())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-payments-add-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const add = (...args: string[]) =>
  runCli(['add', ...args, '--out', folder], { env: { DATABASE_URL: database.url } })
const unchecked = (...args: string[]) => runCli(['add', ...args, '--out', folder])

describe('before anything is written, it names', () => {
  test.each<[string, string[], string]>([
    [
      'a table that does not exist, and those that are like it',
      ['team-billing', '--subject', 'workspace', '--members', 'workspace_members'],
      'There is no table public.workspace_members. There is public.team_members. Nothing was written.',
    ],
    [
      'columns that do not exist, and those that do',
      [
        'team-billing',
        '--subject',
        'organization',
        '--members',
        'org_users',
        '--member-subject',
        'org',
        '--member-user',
        'user',
        '--member-role',
        'role',
      ],
      'public.org_users has no column role. It has org, person, kind. public.org_users has no column user. It has org, person, kind. Nothing was written.',
    ],
    [
      'a role that the type of the column does not know',
      [
        'team-billing',
        '--members',
        'org_users',
        '--member-subject',
        'org',
        '--member-user',
        'person',
        '--member-role',
        'kind',
      ],
      'public.org_users.kind has the type role, without admin. It has owner, member. Nothing was written.',
    ],
    [
      'a column that is no key',
      ['team-entitlements'],
      'public.team_members.team_id has the type point. A key is uuid, bigint or text. Nothing was written.',
    ],
    [
      'a type that is not that of the column',
      [
        'team-billing',
        '--members',
        'org_users',
        '--member-subject',
        'org',
        '--member-user',
        'person',
        '--member-role',
        'none',
        '--key-type',
        'bigint',
      ],
      'public.org_users.org has the type uuid, and --key-type says bigint. Nothing was written.',
    ],
    [
      'an amount that is no whole number, a currency that is not there, and a status that is no text',
      ['orders', '--order-amount', 'total'],
      'public.orders.total has the type numeric(10,2). An amount is a whole number in the smallest unit of the currency: integer or bigint. public.orders has no column currency. It has id, total, status. If all orders have one currency, add --currency eur. public.orders.status has the type boolean. A status is a text or an enum; or --order-status none. Nothing was written.',
    ],
    [
      'orders that are not there, and the way to create them',
      ['orders', '--orders', 'sales'],
      'There is no table public.sales. To create it with its lines, add --create-orders. Nothing was written.',
    ],
    [
      'orders that are there and should be created',
      ['orders', '--create-orders', '--key-type', 'uuid'],
      'public.orders is there already, so it cannot be created. Nothing was written.',
    ],
    [
      'a table of the app with the name of one of the template',
      ['credit-ledger', '--key-type', 'uuid'],
      'public.credit_packs is there already and is no table of this template: it has no column environment, price, credits, valid_days. Nothing was written.',
    ],
    [
      'a schema that does not exist',
      ['user-entitlements', '--schema', 'billing', '--key-type', 'uuid'],
      'There is no schema billing. Create it, or name another one. Nothing was written.',
    ],
    [
      'a schema that does not exist, also where the orders are created',
      ['orders', '--create-orders', '--orders', 'billing.sales', '--key-type', 'uuid'],
      'There is no schema billing. Create it, or name another one. Nothing was written.',
    ],
    [
      'one column of a key that has two',
      ['orders', '--orders', 'shop_items', '--order-id', 'number'],
      'public.shop_items.number is not unique by itself, and a checkout names its order by one value. Name a column that is, or add a unique index. Nothing was written.',
    ],
    [
      'an extension that the server does not have',
      ['retry-schedule'],
      'The database server does not offer the extension pg_cron. Nothing was written.',
    ],
  ])('%s', async (_, args, sentence) => {
    const { code, err } = await add(...args)
    expect(err.split('\n')[0]).toBe(sentence)
    expect(code).toBe(1)
    expect(await readdir(folder)).toEqual([])
  })

  test('a database without this release, and one that cannot be reached', async () => {
    const empty = await createTestDatabase({ migrated: false })
    try {
      const args = [...TEMPLATES.map(({ name }) => [name]), ['orders', '--create-orders']]
      for (const words of args) {
        const { code, err } = await runCli(['add', ...words, '--out', folder], {
          env: { DATABASE_URL: empty.url },
        })
        expect({ code, err }, words.join(' ')).toEqual({
          code: 1,
          err:
            'The database has no schema payments of this release, which the template needs. Nothing was written.\n' +
            'Run: npx pg-payments migrate. Or add --unchecked to write the migration without a look at the database.\n',
        })
      }
    } finally {
      await empty.close()
    }
    const { err } = await runCli(['add', 'read-access', '--out', folder], {
      env: { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' },
    })
    expect(err).toMatch(/^The database cannot be reached \(ECONNREFUSED\), so nothing was written\.\n/)
    expect(err).not.toContain('secret')
    expect(await readdir(folder)).toEqual([])
  })

  test('the type of ids of a table that it creates, which no database knows', async () => {
    const args = ['orders', '--orders', 'sales', '--create-orders']
    for (const { code, err } of [await add(...args), await unchecked(...args)])
      expect({ code, err }).toEqual({
        code: 1,
        err: 'The type of the ids of orders. Nothing says it.\nAdd --key-type uuid|bigint|text.\n',
      })
  })

  test('without a database, what nothing says', async () => {
    const { code, err } = await unchecked('credit-ledger')
    expect({ code, err }).toEqual({
      code: 1,
      err: 'The type of the ids of users. Nothing says it.\nAdd --key-type uuid|bigint|text, or set DATABASE_URL.\n',
    })
  })

  test('a subject that does not fit the template', async () => {
    expect((await unchecked('team-billing', '--subject', 'user')).err).toContain(
      'team-billing is for subjects with members.',
    )
    expect((await unchecked('user-entitlements', '--subject', 'team')).err).toContain(
      'team-entitlements --subject team',
    )
    expect((await unchecked('team-billing', '--subject', 'a b')).err).toContain(
      'a b is not a type of a billing subject.',
    )
  })
})

describe('the migration', () => {
  const APP = [
    'team-billing',
    '--members',
    'org_users',
    '--member-subject',
    'org',
    '--member-user',
    'person',
    '--member-role',
    'kind',
    '--roles',
    'owner',
  ]
  const files = async (): Promise<string[]> =>
    (await readdir(folder, { recursive: true })).filter((name) => /\.(sql|js)$/.test(name)).sort()

  test('says what was written, and is written once', async () => {
    const { code, out } = await add(...APP, '--subject', 'organization', '--tool', 'plain')
    expect(code).toBe(0)
    const [name = ''] = await files()
    expect(name).toMatch(/^\d+_payments_team_billing_organization\.sql$/)
    expect(out).toBe(
      `Wrote ${join(folder, name)} for plain.\nApply it with: psql -1 -v ON_ERROR_STOP=1 -f <file>\nA member starts a checkout with subject {"type": "organization", "id": "<id>"}.\n`,
    )
    expect((await add(...APP, '--subject', 'organization', '--tool', 'plain')).out).toBe(
      `team-billing for organization is there already, in ${join(folder, name)}. Nothing was written.\n`,
    )
    expect(await files()).toEqual([name])
    expect((await add(...APP, '--subject', 'tenant', '--tool', 'plain')).code).toBe(0)
    expect(await files()).toHaveLength(2)
  })

  test('is in the style of Supabase: a time of 14 digits after all others', async () => {
    await writeFile(join(folder, '29990101000000_theirs.sql'), '')
    expect((await unchecked('guest-checkout', '--key-type', 'uuid', '--tool', 'supabase')).out).toContain(
      'supabase migration up',
    )
    expect(await files()).toEqual([
      '29990101000000_theirs.sql',
      '29990101000001_payments_guest_checkout_user.sql',
    ])
  })

  test('is the current one of graphile-migrate, after what is there, or a file of its own', async () => {
    await writeFile(join(folder, 'current.sql'), 'select 1;')
    await unchecked('guest-checkout', '--key-type', 'uuid', '--tool', 'graphile-migrate')
    expect(await readFile(join(folder, 'current.sql'), 'utf8')).toMatch(
      /^select 1;\n\n-- pg-payments template: guest-checkout user\n/,
    )
    expect(
      (await unchecked('guest-checkout', '--key-type', 'uuid', '--tool', 'graphile-migrate')).out,
    ).toContain('is there already')
    await rm(join(folder, 'current.sql'))
    await mkdir(join(folder, 'current'))
    await writeFile(join(folder, 'current', '3-theirs.sql'), '')
    await unchecked('guest-checkout', '--key-type', 'uuid', '--tool', 'graphile-migrate')
    expect(await files()).toEqual([
      'current/3-theirs.sql',
      'current/4-guest-checkout.sql'.replace('guest', 'payments-guest').replace('.sql', '-user.sql'),
    ])
  })

  test.each(['sql', 'js'])('goes up and down by node-pg-migrate as %s', async (style) => {
    const own = await createTestDatabase()
    try {
      await writeFile(join(folder, 'package.json'), '{"type":"module"}')
      const migrations = join(folder, 'migrations')
      const names = ['guest-checkout', 'user-entitlements', 'credit-ledger', 'read-access', 'orders']
      for (const name of names) {
        const more = name === 'orders' ? ['--create-orders'] : []
        const { code, err } = await runCli(
          [
            'add',
            name,
            '--key-type',
            'uuid',
            ...more,
            '--tool',
            'node-pg-migrate',
            '--style',
            style,
            '--out',
            migrations,
          ],
          { env: { DATABASE_URL: own.url } },
        )
        expect({ code, err }).toEqual({ code: 0, err: '' })
      }
      const run = (direction: 'up' | 'down') =>
        runner({
          databaseUrl: own.url,
          dir: migrations,
          direction,
          count: 99,
          migrationsTable: 'pgmigrations',
          log: () => {},
        })
      const parts = async () =>
        (
          await own.sql`
            select p.proname as name from pg_proc as p where p.pronamespace = 'public'::regnamespace
            union all select c.relname from pg_class as c where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
            union all select t.tgname from pg_trigger as t where t.tgrelid = 'payments.webhook_events'::regclass
            union all select p.polname from pg_policy as p where p.polname like '%subject\\_user'`
        ).map(({ name }) => name)
      const before = await parts()
      expect(await run('up')).toHaveLength(names.length)
      expect((await parts()).length).toBeGreaterThan(before.length + 10)
      expect(await run('down')).toHaveLength(names.length)
      expect((await parts()).sort()).toEqual(before.sort())
    } finally {
      await own.close()
    }
  })

  test('quotes names that need it', async () => {
    const { code, err } = await add(
      ...['team-billing', '--subject', 'group', '--members', '"App"."group"', '--schema', 'App'],
      ...[
        '--member-subject',
        'order',
        '--member-user',
        'user',
        '--member-role',
        'all',
        '--roles',
        "it's,owner",
      ],
    )
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const [name = ''] = await files()
    const text = await readFile(join(folder, name), 'utf8')
    for (const statement of statements(text)) await database.sql.unsafe(statement)
    expect(text).toContain(`from "App"."group" as m`)
    expect(text).toContain(`in ('it''s', 'owner')`)
  })

  test('is printed and not written, if that is asked for', async () => {
    const { out } = await unchecked('retry-schedule', '--every', '5', '--print')
    expect(out).toContain("'*/5 * * * *'")
    expect(await files()).toEqual([])
  })
})

test('each template has a file, and its help names its flags', async () => {
  const there = await readdir(new URL('../../sql/templates/add/', import.meta.url))
  for (const { name, file } of TEMPLATES) {
    expect(there).toContain(`${file}.sql`)
    expect((await runCli(['add', name, '--help'])).out).toContain('--out <folder>')
  }
})

test('a person at a terminal is asked what no flag says', async () => {
  const env = { DATABASE_URL: '', INIT_CWD: folder }
  const terminal = startInTerminal(['add', 'team-billing', '--out', folder, '--member-role', 'none'], env)
  await terminal.appears('Who is billed?')
  terminal.type(KEYS.enter)
  await terminal.appears('The table that says who is in a team')
  terminal.type(KEYS.enter)
  await terminal.appears('Its column of the team')
  terminal.type(KEYS.enter)
  await terminal.appears('Its column of the user')
  terminal.type(KEYS.enter)
  await terminal.appears('The type of the ids of a team')
  terminal.type(KEYS.enter)
  await terminal.appears('The type of the ids of users')
  terminal.type(KEYS.enter)
  expect(await terminal.ended).toBe(0)
  const [name = ''] = await readdir(folder)
  expect(await readFile(join(folder, name), 'utf8')).toContain('from public.team_members as m')
})
