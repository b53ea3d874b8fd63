/** The server, its roles and row level security. */
import pg from 'pg'
import { connectionProblem, stoppedByTimeout } from '../../support/database-problem.ts'
import { connectionString, OLDEST_POSTGRES } from '../migrate.ts'
import { compareClocks, type Report } from './report.ts'
import { checkInstallation, checkSchema, releasedParts, withoutSearchPath } from './schema.ts'

/** Whether the other checks make sense: they need the schema, and a login that may read it. */
export type DatabaseState = { schemaIsThere: boolean; loginMayUseIt: boolean }

const NOTHING: DatabaseState = { schemaIsThere: false, loginMayUseIt: false }

export async function checkDatabase(databaseUrl: string, report: Report): Promise<DatabaseState> {
  let url: string
  try {
    url = connectionString(databaseUrl)
  } catch (error) {
    report.fail('database', (error as Error).message, 'Check DATABASE_URL.')
    return NOTHING
  }
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => {})
    report.fail('database', ...connectionProblem(error as { code?: string; message: string }, new URL(url)))
    return NOTHING
  }
  try {
    await checkServer(client, report)
    const settingsAreRight = await checkSettings(client, report)
    const installed = await checkInstallation(client, report)
    if (installed === 'none') return NOTHING
    // Before what `migrate --again` restores: it fails while another role owns a part.
    await withoutSearchPath(client, () => checkOwners(client, report))
    if (installed === 'this release') await checkSchema(client, report)
    const loginMayUseIt = await checkRoles(client, report)
    await withoutSearchPath(client, async () => {
      await checkRowSecurity(client, report)
      await checkFulfilment(client, report)
    })
    return { schemaIsThere: true, loginMayUseIt: loginMayUseIt && settingsAreRight }
  } catch (error) {
    const problem = stoppedByTimeout(error, new URL(url))
    if (problem === null) throw error
    report.fail('database', ...problem)
    return NOTHING
  } finally {
    await client.end().catch(() => {})
  }
}

async function one<Row extends object>(
  client: pg.Client,
  text: string,
  values: unknown[] = [],
): Promise<Row> {
  const { rows } = await client.query(text, values)
  return rows[0] as Row
}

async function checkServer(client: pg.Client, report: Report): Promise<void> {
  const before = Date.now()
  const server = await one<{ number: string; version: string; clock: number }>(
    client,
    `select current_setting('server_version_num') as number, current_setting('server_version') as version,
      extract(epoch from clock_timestamp())::float8 * 1000 as clock`,
  )
  if (Number(server.number) < OLDEST_POSTGRES * 10_000) {
    report.fail(
      'Postgres',
      `This is Postgres ${server.version}, and pg-payments needs ${OLDEST_POSTGRES} or newer.`,
      `Upgrade the server to Postgres ${OLDEST_POSTGRES} or newer.`,
    )
  } else report.ok('Postgres', `version ${server.version}`)
  compareClocks('clock of the database', (Date.now() + before) / 2 - server.clock, report)
}

async function checkSettings(client: pg.Client, report: Report): Promise<boolean> {
  const { settingProblems } = await import('../../../../functions/core/sql.ts')
  const problems = await settingProblems({
    query: async <Row extends object>(text: string) => (await client.query(text)).rows as Row[],
  })
  for (const { code, message, next_action } of problems)
    report.fail(code.replaceAll('_', ' '), message, next_action)
  return problems.length === 0
}

type RoleRight = { role: string; exists: boolean; allowed: boolean; granted: boolean; login: string }

/** Returns whether the login may do what the handlers do. */
async function checkRoles(client: pg.Client, report: Report): Promise<boolean> {
  const { ROLE_RIGHTS } = await import('../../../../functions/core/sql.ts')
  const { rows } = await client.query<RoleRight>(ROLE_RIGHTS)
  const login = rows[0]?.login ?? 'the login'
  const absent = rows.filter(({ exists }) => !exists).map(({ role }) => role)
  const present = rows.filter(({ exists }) => exists).map(({ role }) => role)
  const idle = rows.filter(({ role, granted, allowed }) => role === 'payments_service' && granted && !allowed)
  const refused = rows
    .filter((row) => row.exists && !row.allowed && !idle.includes(row))
    .map(({ role }) => role)
  if (absent.length > 0)
    report.fail('roles', `There is no role ${absent.join(', ')}.`, 'Run: pg-payments migrate --again')
  if (refused.length > 0) {
    const statement = `grant ${present.join(', ')} to ${quoted(login)};`
    report.fail(
      'roles',
      `The login ${login} may not set role to ${refused.join(', ')}.`,
      `Run in psql${await asWhom(client, present)}: ${statement}`,
    )
  }
  // The grant above may be all that is needed: a login that created the roles is a member and inherits nothing.
  if (idle.length > 0 && refused.length === 0) {
    report.fail(
      'roles',
      `The login ${login} is a member of payments_service and does not inherit its rights (NOINHERIT).`,
      await inheritAdvice(client, login),
    )
  }
  if (absent.length + refused.length + idle.length > 0) return false
  const { usage, execute } = await one<{ usage: boolean; execute: boolean }>(
    client,
    `select has_schema_privilege('payments_service', 'payments', 'usage') as usage,
      coalesce(bool_and(has_function_privilege('payments_service', p.oid, 'execute')), false) as execute
    from pg_proc p where p.oid in (
      select oid from pg_proc where pronamespace = 'payments'::regnamespace
        and proname in ('ingest_webhook_event', 'begin_sync', 'retry_webhook_events', 'project_stripe_objects'))`,
  )
  if (usage && execute) report.ok('roles', `${login} has the rights that the handlers need`)
  else report.fail('roles', 'The role payments_service lacks grants.', 'Run: pg-payments migrate --again')
  return usage && execute
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

/** A finding names at most this many roles that may grant. */
const GRANTORS_SHOWN_MAX = 3

/**
 * Who may grant these roles, as the end of "Run in psql"; empty if the login itself may. Since Postgres 16 that takes
 * ADMIN OPTION on each, which the role that created them has. In a cluster with several databases that may be the owner
 * of another one.
 */
async function asWhom(client: pg.Client, roles: string[]): Promise<string> {
  const { rows } = await client.query<{ name: string; is_self: boolean }>(
    `select a.rolname as name, a.rolname = current_user as is_self
    from pg_catalog.pg_roles as a
    where a.rolsuper
      or a.rolcreaterole and current_setting('server_version_num')::integer < 160000
      or (
        select count(distinct g.rolname)
        from pg_catalog.pg_auth_members as m
        join pg_catalog.pg_roles as g on g.oid = m.roleid
        where m.admin_option and m.member = a.oid and g.rolname = any ($1)
      ) = cardinality($1)
    order by a.rolname = current_user desc, a.rolsuper, a.rolcanlogin desc, a.rolname`,
    [roles],
  )
  if (rows.length === 0) return ', as a superuser'
  if (rows[0]?.is_self) return ''
  const names = rows.slice(0, GRANTORS_SHOWN_MAX).map(({ name }) => name)
  return `, as ${names.join(' or ')}, which may grant them`
}

/** What to run so that a login uses the rights of `payments_service`. */
async function inheritAdvice(client: pg.Client, login: string): Promise<string> {
  const { number } = await one<{ number: string }>(
    client,
    `select current_setting('server_version_num') as number`,
  )
  if (Number(number) >= 160_000) {
    const whom = await asWhom(client, ['payments_service'])
    return `Run in psql${whom}: grant payments_service to ${quoted(login)} with inherit true;`
  }
  return `If nothing else relies on NOINHERIT of this login, run in psql as a superuser: alter role ${quoted(login)} inherit; Otherwise, as with authenticator of Supabase, use another login in DATABASE_URL.`
}

/** Fulfilment runs with the rights of the owner of our functions, and who owns a schema can replace what runs. */
async function checkOwners(client: pg.Client, report: Report): Promise<void> {
  const { owner, superuser, others } = await one<{ owner: string; superuser: boolean; others: string[] }>(
    client,
    `with owner as (
      select r.oid, r.rolname, r.rolsuper from pg_proc p join pg_roles r on r.oid = p.proowner
      where p.pronamespace = 'payments'::regnamespace and p.proname = 'ingest_webhook_event' limit 1
    ),
    objects as (
      select 'schema ' || n.nspname as name, n.nspowner as owner from pg_namespace n
      where n.nspname in ('payments', 'payments_private')
      union all
      select 'function ' || p.oid::regprocedure, p.proowner from pg_proc p
      where p.pronamespace::regnamespace::text in ('payments', 'payments_private')
      union all
      select 'table ' || c.oid::regclass, c.relowner from pg_class c
      where c.relkind in ('r', 'p', 'v') and c.relnamespace::regnamespace::text in ('payments', 'payments_private')
    )
    select o.rolname as owner, o.rolsuper as superuser, array(
      select x.name || ' of ' || quote_ident(r.rolname) from objects x join pg_roles r on r.oid = x.owner
      where r.oid <> o.oid and not r.rolsuper order by 1) as others
    from owner o`,
  )
  if (others.length > 0) {
    const more = others.length > 5 ? ` and ${others.length - 5} more` : ''
    report.fail(
      'owner',
      `Other roles than ${owner}, who owns the functions, own ${others.slice(0, 5).join(', ')}${more}: they could replace what runs with its rights.`,
      `Check what they contain, then run in psql: ${others
        .slice(0, 5)
        .map((name) => `alter ${name.replace(/ of ("[^"]+"|\S+)$/, '')} owner to "${owner}";`)
        .join(' ')}`,
    )
  }
  if (superuser) {
    report.warn(
      'owner',
      `The functions belong to ${owner}, a superuser. Fulfilment triggers run with its rights, whoever wrote them.`,
      'Grant the right to create triggers on payments.webhook_events to nobody whom you would not make a superuser. In production, migrate as a role that is none.',
    )
  } else if (others.length === 0) report.ok('owner', `${owner}, with whose rights fulfilment runs`)
}

/** Checks our tables only: tables that the app has added are its own business. */
async function checkRowSecurity(client: pg.Client, report: Report): Promise<void> {
  const tables = Object.keys(await releasedParts()).flatMap((part) => /^table (.+)$/.exec(part)?.[1] ?? [])
  const { rows } = await client.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c
    where c.relkind in ('r', 'p') and not c.relrowsecurity and c.oid::regclass::text = any ($1) order by 1`,
    [tables],
  )
  if (rows.length === 0) return report.ok('row level security', 'on for every table')
  const names = rows.map(({ name }) => name)
  report.fail(
    'row level security',
    `It is off for ${names.join(', ')}.`,
    `Run in psql: ${names.map((name) => `alter table ${name} enable row level security;`).join(' ')}`,
  )
}

/** A bulk load may leave an app's triggers disabled: money then arrives, and nothing is fulfilled. */
async function checkFulfilment(client: pg.Client, report: Report): Promise<void> {
  const released = Object.keys(await releasedParts())
  const { rows } = await client.query<{ trigger: string; statement: string }>(
    `select format('%I on %s', t.tgname, t.tgrelid::regclass) as trigger,
      format('alter table %s enable trigger %I;', t.tgrelid::regclass, t.tgname) as statement
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'payments' and not t.tgisinternal and t.tgenabled in ('D', 'R')
      and format('trigger %I on %s', t.tgname, t.tgrelid::regclass) <> all ($1)
    order by 1`,
    [released],
  )
  for (const { trigger, statement } of rows)
    report.warn(
      'fulfilment',
      `The trigger ${trigger} is disabled.`,
      `If you disabled it on purpose, ignore this. Otherwise run in psql: ${statement} To fulfil what it missed, see: pg-payments events replay --help`,
    )
}
