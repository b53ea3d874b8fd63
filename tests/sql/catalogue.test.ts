/** What holds for everything in the schemas, whatever is added to them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LEDGER } from '../../scripts/cli/commands/migrate.ts'
import { SCHEMAS } from '../../scripts/dev/generators/schema.ts'
import { fixtures } from '../../scripts/dev/generators/sources.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { baseName, kindOf } from './support/fixtures.ts'

/** What app users may do with tables; columns of an insert are the business of the grants. */
const ALLOWED_TO_USERS = new Set([
  'anon select payments.stripe_checkout_sessions',
  'anon insert payments.stripe_checkout_sessions',
  'anon select payments.stripe_customer_portal_sessions',
  'anon insert payments.stripe_customer_portal_sessions',
  'authenticated select payments.stripe_checkout_sessions',
  'authenticated insert payments.stripe_checkout_sessions',
  'authenticated select payments.stripe_customer_portal_sessions',
  'authenticated insert payments.stripe_customer_portal_sessions',
])
/** The state of a session, which nobody but the service may write. */
const STATE_OF_SESSIONS = ['status', 'payment_status', 'url', 'raw', 'last_error', 'customer_id', 'caller_id']
/** Lines of a function's body without a sentence about its length. */
const BODY_LINES_MAX = 120

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

/** Names from a query with a column `name`, in order. */
async function names(query: string): Promise<string[]> {
  const rows = await database.sql.unsafe<{ name: string }[]>(query)
  return rows.map(({ name }) => name).sort()
}

/** The comment at the top of a fixture, as one line. */
const sentencesOf = (text: string) =>
  text
    .slice(0, text.indexOf('*/'))
    .replace(/\/\*|\n \*/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()

const inSchemas = (column: string) =>
  `${column}::regnamespace::text in (${SCHEMAS.map((s) => `'${s}'`).join(', ')})`
const ourTables = `
  select c.* from pg_class c
  where c.relkind in ('r', 'p') and ${inSchemas('c.relnamespace')} and c.oid <> '${LEDGER.schema}.${LEDGER.table}'::regclass`
const ourFunctions = `select p.* from pg_proc p where ${inSchemas('p.pronamespace')}`

describe('every table', () => {
  test('there are tables, so that what follows means something', async () => {
    expect(await names(`select oid::regclass::text as name from (${ourTables}) t`)).toContain(
      'payments.webhook_events',
    )
  })

  test('has row level security', async () => {
    expect(
      await names(`select oid::regclass::text as name from (${ourTables}) t where not relrowsecurity`),
    ).toEqual([])
  })

  test('has a primary key', async () => {
    expect(
      await names(`
        select oid::regclass::text as name from (${ourTables}) t
        where not exists (select from pg_constraint where conrelid = t.oid and contype = 'p')`),
    ).toEqual([])
  })

  test('has a comment', async () => {
    expect(
      await names(
        `select oid::regclass::text as name from (${ourTables}) t where obj_description(oid, 'pg_class') is null`,
      ),
    ).toEqual([])
  })

  test('has a comment on every column', async () => {
    expect(
      await names(`
        select t.oid::regclass || '.' || a.attname as name from (${ourTables}) t join pg_attribute a on a.attrelid = t.oid
        where a.attnum > 0 and not a.attisdropped and col_description(t.oid, a.attnum) is null`),
    ).toEqual([])
  })

  test('has an index that begins with the columns of each of its foreign keys', async () => {
    expect(
      await names(`
        select t.oid::regclass || '.' || k.conname as name
        from (${ourTables}) t join pg_constraint k on k.conrelid = t.oid and k.contype = 'f'
        where not exists (
          select from pg_index i where i.indrelid = t.oid and i.indpred is null
            and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)`),
    ).toEqual([])
  })

  test('names each check as a sentence of its own, not as Postgres would', async () => {
    expect(
      await names(`
        select t.oid::regclass || '.' || k.conname as name
        from (${ourTables}) t join pg_constraint k on k.conrelid = t.oid and k.contype = 'c'
        where k.conname ~ '_check[0-9]*$'`),
    ).toEqual([])
  })

  test('keeps amounts as whole numbers', async () => {
    expect(
      await names(`
        select t.oid::regclass || '.' || a.attname as name from (${ourTables}) t join pg_attribute a on a.attrelid = t.oid
        where a.attnum > 0 and not a.attisdropped and a.attname ~ '(^|_)amount(_|$)'
          and a.attname !~ '_decimal$' -- Stripe's own text for fractions of the minor unit
          and a.atttypid not in ('int8'::regtype, 'int4'::regtype)`),
    ).toEqual([])
  })

  test('keeps instants with their time zone', async () => {
    expect(
      await names(`
        select t.oid::regclass || '.' || a.attname as name from (${ourTables}) t join pg_attribute a on a.attrelid = t.oid
        where a.attnum > 0 and not a.attisdropped and a.attname like '%\\_at' and a.atttypid <> 'timestamptz'::regtype`),
    ).toEqual([])
  })

  test('grants nothing to public', async () => {
    expect(
      await names(`
        select t.oid::regclass::text as name from (${ourTables}) t, aclexplode(t.relacl) g where g.grantee = 0
        union all
        select t.oid::regclass || '.' || a.attname from (${ourTables}) t
        join pg_attribute a on a.attrelid = t.oid, aclexplode(a.attacl) g where g.grantee = 0`),
    ).toEqual([])
  })
})

describe('every function', () => {
  test('there are functions, so that what follows means something', async () => {
    expect(await names(`select oid::regproc::text as name from (${ourFunctions}) f`)).toContain(
      'payments.ingest_webhook_event',
    )
  })

  test('pins a search path on which a caller can put nothing in front', async () => {
    expect(
      await names(`
        select oid::regprocedure::text as name from (${ourFunctions}) f
        where not coalesce(proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']`),
    ).toEqual([])
  })

  test('is closed to public', async () => {
    expect(
      await names(`
        select f.oid::regprocedure::text as name
        from (${ourFunctions}) f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) g where g.grantee = 0`),
    ).toEqual([])
  })

  test('has a comment if it is public', async () => {
    expect(
      await names(`
        select oid::regprocedure::text as name from (${ourFunctions}) f
        where pronamespace = 'payments'::regnamespace and obj_description(oid, 'pg_proc') is null`),
    ).toEqual([])
  })

  test('has a name of its own, so that a call is never ambiguous', async () => {
    expect(
      await names(`select oid::regproc::text as name from (${ourFunctions}) f
        where (select count(*) from (${ourFunctions}) g where g.proname = f.proname and g.pronamespace = f.pronamespace) > 1`),
    ).toEqual([])
  })

  test('states its volatility and whose rights it has', async () => {
    const silent = (await fixtures())
      .filter(({ text }) => kindOf(text) === 'function')
      .filter(({ text }) => {
        const head = text.slice(0, text.search(/\$\w*\$/))
        return (
          !/^\s*(immutable|stable|volatile)\b/m.test(head) || !/^\s*security (invoker|definer)\b/m.test(head)
        )
      })
    expect(silent.map(({ name }) => name)).toEqual([])
  })

  test('has a body of at most 120 lines, or a header that says why it is longer', async () => {
    const long = await database.sql<{ name: string; lines: number }[]>`
      select p.proname as name, regexp_count(trim(p.prosrc, e'\n'), e'\n') + 1 as lines
      from pg_proc as p
      where p.pronamespace::regnamespace::text in ${database.sql(SCHEMAS)}
      order by p.proname`
    expect(long.length).toBeGreaterThan(100)
    const explained = (await fixtures())
      .filter(({ text }) => /(^|\. )Long because /.test(sentencesOf(text)))
      .map(({ name }) => baseName(name))
    const wrong = long.filter(({ name, lines }) => lines > BODY_LINES_MAX && !explained.includes(name))
    expect(wrong).toEqual([])
  })

  test('says which boundary it crosses if it runs with the rights of its owner', async () => {
    const all = (await fixtures()).filter(({ text }) => /^\s*security definer/m.test(text))
    expect(all.length).toBeGreaterThan(0)
    const silent = all.filter(({ text }) => !/^\s*security definer\s*--\s*\S+/m.test(text))
    expect(silent.map(({ name }) => name)).toEqual([])
  })
})

describe('app users', () => {
  test('may do with tables what the design allows and nothing else', async () => {
    const granted = await names(`
      select distinct r.rolname || ' ' || lower(g.privilege_type) || ' ' || c.oid::regclass as name
      from pg_class c
      left join pg_attribute a on a.attrelid = c.oid and a.attacl is not null
      cross join lateral (
        select * from aclexplode(c.relacl) union all select * from aclexplode(a.attacl)) g
      join pg_roles r on r.oid = g.grantee
      where ${inSchemas('c.relnamespace')} and r.rolname in ('anon', 'authenticated')`)
    expect(granted.filter((grant) => !ALLOWED_TO_USERS.has(grant))).toEqual([])
    expect(granted).toContain('authenticated insert payments.stripe_checkout_sessions')
  })

  test('may not write the state of a session', async () => {
    const writable = await names(`
      select r.rolname || ' ' || c.relname || '.' || a.attname as name
      from pg_class c join pg_attribute a on a.attrelid = c.oid
      cross join pg_roles r
      where c.oid in ('payments.stripe_checkout_sessions'::regclass, 'payments.stripe_customer_portal_sessions'::regclass)
        and a.attnum > 0 and not a.attisdropped
        and r.rolname in ('anon', 'authenticated')
        and a.attname in (${STATE_OF_SESSIONS.map((column) => `'${column}'`).join(', ')})
        and (has_column_privilege(r.oid, c.oid, a.attnum, 'insert') or has_column_privilege(r.oid, c.oid, a.attnum, 'update'))`)
    expect(writable).toEqual([])
  })

  test('cannot enter payments_private', async () => {
    const [row] = await database.sql`
      select has_schema_privilege('anon', 'payments_private', 'usage') as anon,
        has_schema_privilege('authenticated', 'payments_private', 'usage') as authenticated,
        has_schema_privilege('payments_service', 'payments_private', 'usage') as service`
    expect(row).toEqual({ anon: false, authenticated: false, service: true })
  })

  test('cannot call what only the handlers may', async () => {
    const callable = await names(`
      select distinct f.oid::regproc::text as name from (${ourFunctions}) f
      join pg_roles r on r.rolname in ('anon', 'authenticated')
      where has_function_privilege(r.oid, f.oid, 'execute')`)
    expect(callable).toEqual(expect.arrayContaining(['payments.caller_id']))
    expect(callable.filter((name) => name.startsWith('payments_private.'))).toEqual([])
    expect(
      callable.filter((name) => /\.(begin|complete|fail|ingest|project|retry|replay|rebuild)_/.test(name)),
    ).toEqual([])
  })
})

test('the kinds of a sync are those that its table takes', async () => {
  const kinds = await names('select kind as name from payments_private.sync_kinds()')
  const taken = await names(`
    select k.kind[1] as name
    from pg_constraint c, regexp_matches(pg_get_constraintdef(c.oid), '''(\\w+)''', 'g') as k (kind)
    where c.conrelid = 'payments.sync_runs'::regclass and c.conname = 'kinds_are_known'`)
  expect(kinds).toContain('products')
  expect(kinds).toEqual(taken)
})

test('the roles of the database can neither log in nor pass row level security', async () => {
  expect(
    await names(`
      select rolname as name from pg_roles where rolname in ('anon', 'authenticated', 'payments_service')
        and (rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)`),
  ).toEqual([])
})
