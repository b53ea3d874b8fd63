/**
 * `pg-payments doctor`: looks at everything that has to be right, and says of each thing that is not what to run. With a database
 * it looks there itself; with a deployed API alone it sees what the API tells.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import pg from 'pg'
import type { Config, Deps } from '../../../functions/app.ts'
import type { ListedKind } from '../../../functions/core/stripe.ts'
import type {
  EnvironmentHealthResponse,
  GetStripeStatusResponse,
  StripeEnvironment,
} from '../../../types/api.ts'
import { action, type Context } from '../support/context.ts'
import { withDeps } from '../support/direct.ts'
import { cliError, isCliError } from '../support/errors.ts'
import { adviceOf, count, plain } from '../support/output.ts'
import {
  compareSchema,
  SCHEMA_PARTS_FILE,
  SCHEMA_PARTS_QUERY,
  type SchemaDifference,
  type SchemaParts,
} from '../support/schema-parts.ts'
import { connectionString, LEDGER, migrationsDirectory, OLDEST_POSTGRES, packageRoot } from './migrate.ts'

export type Finding = {
  check: string
  status: 'ok' | 'warning' | 'failed'
  message: string
  /** What to do about it. */
  next: string | null
}

type Report = {
  ok(check: string, message: string): void
  warn(check: string, message: string, next: string): void
  fail(check: string, message: string, next: string): void
  findings: Finding[]
}

function createReport(): Report {
  const findings: Finding[] = []
  return {
    findings,
    ok: (check, message) => void findings.push({ check, status: 'ok', message, next: null }),
    warn: (check, message, next) => void findings.push({ check, status: 'warning', message, next }),
    fail: (check, message, next) => void findings.push({ check, status: 'failed', message, next }),
  }
}

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check database, schema, keys, webhooks and backlog, and say what to run')
    .addOption(
      new Option('--environment <environment>', 'test or live; without it both').choices(['test', 'live']),
    )
    .action(action<{ environment?: StripeEnvironment }, []>(doctor))
}

/** What the API does not tell. */
const ONLY_WITH_DATABASE = [
  'Postgres',
  'schema',
  'roles',
  'row level security',
  'clocks',
  'permissions of the Stripe key',
]

async function doctor(context: Context<{ environment?: StripeEnvironment }>): Promise<void> {
  const { options, io } = context
  const environments: StripeEnvironment[] = options.environment ? [options.environment] : ['test', 'live']
  const report = createReport()
  const apiUrl = options.apiUrl ?? (options.databaseUrl ? undefined : io.env.PAYMENTS_API_URL)
  const databaseUrl = options.databaseUrl ?? io.env.DATABASE_URL
  let schemaIsThere = true
  if (databaseUrl && !options.apiUrl) {
    schemaIsThere = await checkDatabase(databaseUrl, report)
    if (schemaIsThere) {
      await withDeps(context, 'The doctor', async (deps) => {
        // Of handlers that run elsewhere, the variables here tell nothing.
        if (!apiUrl) await checkTokens(deps.config, report)
        for (const environment of environments) await checkStripe(environment, deps, report)
      }).catch((error: Failure & { next?: string }) => {
        const next = error.next ?? error.nextActions ?? 'Mend what stands above, and look again.'
        report.fail('handlers', error.message, next)
      })
    }
  }
  if (schemaIsThere && (apiUrl || databaseUrl)) await checkHealth(context, environments, report)
  else if (!apiUrl && !databaseUrl) await context.client() // says that nothing is named

  const notChecked = databaseUrl && !options.apiUrl ? [] : ONLY_WITH_DATABASE
  const failed = report.findings.filter(({ status }) => status === 'failed').length
  const warnings = report.findings.filter(({ status }) => status === 'warning').length
  context.show({ healthy: failed === 0, findings: report.findings, notChecked }, () =>
    [
      describe(report.findings),
      ...(notChecked.length === 0
        ? []
        : [`Not looked at over the API: ${notChecked.join(', ')}. For these say --database-url instead.`]),
    ].join('\n'),
  )
  if (failed > 0) {
    throw cliError(
      `${count(failed, 'check')} failed${warnings > 0 ? `, and ${count(warnings, 'warning')}` : ''}.`,
      {
        code: 'UNHEALTHY',
        next: 'Do what stands below each of them, from the top.',
      },
    )
  }
}

const SIGNS = { ok: '✓', warning: '!', failed: '✗' } as const

const describe = (findings: Finding[]) =>
  findings
    .map(
      ({ status, check, message, next }) =>
        `${SIGNS[status]} ${check}: ${plain(message)}${next === null ? '' : `\n    ${plain(next)}`}`,
    )
    .join('\n')

// The database

/** Whether the schema is there, so that it makes sense to go on. */
async function checkDatabase(databaseUrl: string, report: Report): Promise<boolean> {
  let url: string
  try {
    url = connectionString(databaseUrl)
  } catch (error) {
    report.fail('database', (error as Error).message, 'Check DATABASE_URL.')
    return false
  }
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => {})
    report.fail('database', ...connectionProblem(error as { code?: string; message: string }, new URL(url)))
    return false
  }
  try {
    await checkServer(client, report)
    const isThere = await checkSchema(client, report)
    if (!isThere) return false
    await checkRoles(client, report)
    await checkRowSecurity(client, report)
    return true
  } finally {
    await client.end().catch(() => {})
  }
}

/** What is wrong with a connection that did not come about, and what to do: Postgres said no, or nobody answered. */
function connectionProblem(
  { code, message }: { code?: string; message: string },
  url: URL,
): [message: string, next: string] {
  const login = decodeURIComponent(url.username) || 'the default role'
  if (code?.startsWith('28'))
    return [`Postgres refused the login of ${login} (${code}).`, 'Check user and password in DATABASE_URL.']
  if (code === '3D000')
    return [
      `There is no database ${decodeURIComponent(url.pathname.slice(1))} (${code}).`,
      'Check DATABASE_URL, or create the database.',
    ]
  return [
    `The database cannot be reached (${code ?? message}).`,
    'Check DATABASE_URL, and that Postgres is running.',
  ]
}

async function one<Row extends object>(
  client: pg.Client,
  text: string,
  values: unknown[] = [],
): Promise<Row> {
  const { rows } = await client.query(text, values)
  return rows[0] as Row
}

/** Seconds between two clocks that may be taken for the same time. */
const CLOCK_WARNING = 5
/** Stripe's signatures are good for 300 seconds. */
const CLOCK_FAILURE = 240

async function checkServer(client: pg.Client, report: Report): Promise<void> {
  const before = Date.now()
  const server = await one<{ number: string; version: string; clock: number; read_only: boolean }>(
    client,
    `select current_setting('server_version_num') as number, current_setting('server_version') as version,
      extract(epoch from clock_timestamp())::float8 * 1000 as clock, pg_is_in_recovery() as read_only`,
  )
  if (Number(server.number) < OLDEST_POSTGRES * 10_000) {
    report.fail(
      'Postgres',
      `This is Postgres ${server.version}, and pg-payments needs ${OLDEST_POSTGRES} or newer.`,
      `Upgrade the server to Postgres ${OLDEST_POSTGRES} or newer.`,
    )
  } else report.ok('Postgres', `version ${server.version}`)
  if (server.read_only) {
    report.fail(
      'Postgres',
      'This server is a standby and takes no writes.',
      'Use the address of the primary server.',
    )
  }
  compareClocks('clock of the database', (Date.now() + before) / 2 - server.clock, report)
}

function compareClocks(check: string, milliseconds: number, report: Report): void {
  const seconds = Math.round(milliseconds / 1000)
  const ahead = `This machine's clock is ${count(Math.abs(seconds), 'second')} ${seconds > 0 ? 'ahead of' : 'behind'} it.`
  const next = 'Let the clocks follow NTP.'
  if (Math.abs(seconds) >= CLOCK_FAILURE) report.fail(check, ahead, next)
  else if (Math.abs(seconds) >= CLOCK_WARNING) report.warn(check, ahead, next)
  else report.ok(check, 'the same as here')
}

async function checkSchema(client: pg.Client, report: Report): Promise<boolean> {
  const migrate = 'Run: pg-payments migrate'
  const { schema, ledger } = await one<{ schema: boolean; ledger: boolean }>(
    client,
    // to_regclass would raise for a login that may not use the schema, which is a finding further down.
    `select coalesce(bool_or(n.nspname = 'payments' and c.relname = 'webhook_events'), false) as schema,
      coalesce(bool_or(n.nspname = $1 and c.relname = $2), false) as ledger
    from pg_class c join pg_namespace n on n.oid = c.relnamespace`,
    [LEDGER.schema, LEDGER.table],
  )
  if (!schema) {
    report.fail('schema', 'The payments schema is not in this database.', migrate)
    return false
  }
  const files = (await readdir(migrationsDirectory())).filter((file) => file.endsWith('.sql')).sort()
  const names = files.map((file) => file.slice(0, -'.sql'.length))
  if (ledger) {
    const { rows } = await client
      .query<{ name: string }>(`select name from ${LEDGER.schema}.${LEDGER.table} order by name`)
      .catch(() => ({ rows: null }))
    const applied = rows?.map(({ name }) => name)
    const missing = applied ? names.filter((name) => !applied.includes(name)) : []
    const unknown = applied ? applied.filter((name) => !names.includes(name)) : []
    if (missing.length > 0)
      report.fail('schema', `These migrations are not applied: ${missing.join(', ')}.`, migrate)
    if (unknown.length > 0) {
      report.warn(
        'schema',
        `The database is ahead of this release: it also has ${unknown.join(', ')}.`,
        'Install the newest pg-payments here.',
      )
    }
    // Then it is the schema of another release, and what differs from this one says nothing.
    if (missing.length + unknown.length > 0) return true
  }
  reportDifferences(await differences(client), report)
  return true
}

/** What the schemas of this release are made of. */
async function releasedParts(): Promise<SchemaParts> {
  return JSON.parse(await readFile(join(packageRoot(), SCHEMA_PARTS_FILE), 'utf8'))
}

/** How the schemas differ from those of this release. */
async function differences(client: pg.Client): Promise<SchemaDifference[]> {
  const expected = await releasedParts()
  await client.query('begin read only')
  try {
    await client.query(`select set_config('search_path', '', true)`)
    const { rows } = await client.query<{ part: string; definition: string }>(SCHEMA_PARTS_QUERY, [true])
    return compareSchema(expected, Object.fromEntries(rows.map(({ part, definition }) => [part, definition])))
  } finally {
    await client.query('rollback')
  }
}

/** How many of a kind are named. */
const NAMED = 5

/** Parts by name; grants on single columns of a table as one when there are several. */
function named(differences: SchemaDifference[]): string {
  const whole = (part: string) => part.replace(/^(grant \w+) \(.+?\) on /, '$1 on ')
  const many = (part: string) => differences.filter((other) => whole(other.part) === whole(part)).length > 1
  const parts = [...new Set(differences.map(({ part }) => (many(part) ? whole(part) : part)))]
  return `${parts.slice(0, NAMED).join(', ')}${parts.length > NAMED ? ` and ${parts.length - NAMED} more` : ''}`
}

function reportDifferences(all: SchemaDifference[], report: Report): void {
  const again = 'pg-payments migrate --again'
  const isTable = ({ part }: SchemaDifference) => /^(column|constraint) /.test(part)
  const isDefaultPolicy = ({ part, expected }: SchemaDifference) =>
    part.startsWith('policy ') && / to .*\b(anon|authenticated)\b/.test(expected)

  const ofTables = all.filter((difference) => isTable(difference) && difference.found === null)
  const otherwise = all.filter((difference) => isTable(difference) && difference.found !== null)
  const policies = all.filter(isDefaultPolicy)
  const restored = all.filter((difference) => !isTable(difference) && !isDefaultPolicy(difference))
  if (ofTables.length > 0) {
    const statements = ofTables.slice(0, NAMED).map(additionOf)
    report.fail(
      'schema',
      `The database lacks ${named(ofTables)}.`,
      `Run in psql: ${statements.join(' ')} Then run: ${again}`,
    )
  }
  for (const { part, expected, found } of otherwise.slice(0, NAMED)) {
    report.fail(
      'schema',
      `The ${part} is ${found}, and in this release ${expected}.`,
      'Change it back in psql; sql/schema.sql of the package shows the schema of this release.',
    )
  }
  const lost = restored.filter(({ found }) => found === null)
  const changed = restored.filter(({ found }) => found !== null)
  if (lost.length > 0) report.fail('schema', `The database lacks ${named(lost)}.`, `Run: ${again}`)
  if (changed.length > 0)
    report.fail('schema', `Not as this release has it: ${named(changed)}.`, `Run: ${again}`)
  if (policies.length > 0) {
    report.warn(
      'schema',
      `These default policies were dropped or changed: ${named(policies)}.`,
      `If that was on purpose, all is well. If not, run: ${again}`,
    )
  }
  if (all.length === 0) report.ok('schema', 'as this release has it')
}

/** The statement that brings a column or a constraint back. */
function additionOf({ part, expected }: SchemaDifference): string {
  const [, table, column] = /^column (.+)\.([^.]+)$/.exec(part) ?? []
  if (column !== undefined) return `alter table ${table} add column ${column} ${expected};`
  const [, constraint, of] = /^constraint (.+) on (.+)$/.exec(part) ?? []
  return `alter table ${of} add constraint ${constraint} ${expected};`
}

async function checkRoles(client: pg.Client, report: Report): Promise<void> {
  const { MAY_SET_ROLE } = await import('../../../functions/core/sql.ts')
  const roles = ['anon', 'authenticated', 'payments_service']
  // Callers are what the login becomes; the rights of payments_service it has by being a member, or by owning the schema.
  const { rows } = await client.query<{ role: string; exists: boolean; allowed: boolean; login: string }>(
    `select r.role, p.oid is not null as exists, current_user as login,
      coalesce(
        pg_has_role(p.oid, case r.role when 'payments_service' then 'member' else ${MAY_SET_ROLE} end),
        false
      ) as allowed
    from unnest($1::text[]) as r (role) left join pg_roles as p on p.rolname = r.role`,
    [roles],
  )
  const login = rows[0]?.login ?? 'the login'
  const absent = rows.filter(({ exists }) => !exists).map(({ role }) => role)
  const refused = rows.filter(({ exists, allowed }) => exists && !allowed).map(({ role }) => role)
  if (absent.length > 0)
    report.fail('roles', `There is no role ${absent.join(', ')}.`, 'Run: pg-payments migrate --again')
  if (refused.length > 0) {
    report.fail(
      'roles',
      `The login ${login} may not set role to ${refused.join(', ')}.`,
      `Run in psql: grant ${roles.filter((role) => !absent.includes(role)).join(', ')} to "${login}";`,
    )
  }
  if (absent.length + refused.length > 0) return
  const { usage, execute } = await one<{ usage: boolean; execute: boolean }>(
    client,
    `select has_schema_privilege('payments_service', 'payments', 'usage') as usage,
      coalesce(bool_and(has_function_privilege('payments_service', p.oid, 'execute')), false) as execute
    from pg_proc p where p.oid in (
      select oid from pg_proc where pronamespace = 'payments'::regnamespace
        and proname in ('ingest_webhook_event', 'begin_sync', 'retry_webhook_events', 'project_stripe_objects'))`,
  )
  if (usage && execute) report.ok('roles', `${login} may do what the handlers do`)
  else report.fail('roles', 'The role payments_service lacks grants.', 'Run: pg-payments migrate --again')
}

/** Of our tables; one that the app has added is the app's. */
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

// The handlers

/** A signature says who has the key, and not for whom: projects that share a key set differ in the issuer alone. */
async function checkTokens(config: Config, report: Report): Promise<void> {
  const { isShortSecret, VERIFY_TOKENS } = await import('../../../functions/core/auth.ts')
  if (config.jwtSecret === null && config.jwksUrl === null)
    return report.warn('tokens', 'None can be verified, so nobody but guests can pay.', VERIFY_TOKENS)
  const isShort = config.jwtSecret !== null && isShortSecret(config.jwtSecret)
  if (isShort)
    report.warn(
      'tokens',
      'PAYMENTS_JWT_SECRET has fewer than the 32 bytes that HS256 needs (RFC 7518), so it can be guessed from one token.',
      'Sign the tokens with a longer secret, as `openssl rand -base64 32` prints them, and set it here.',
    )
  const isOpen = config.jwksUrl !== null && config.jwtIssuers === null
  if (isOpen) {
    const which = config.jwtAudiences === null ? '' : ' if they name the audience'
    report.warn(
      'tokens',
      `PAYMENTS_JWT_ISSUER is not set, so tokens of every project that shares the key set of PAYMENTS_JWKS_URL are accepted${which}.`,
      'Set PAYMENTS_JWT_ISSUER to the iss of your tokens, and PAYMENTS_JWT_AUDIENCE to their aud where one issuer serves several apps.',
    )
  }
  if (!isShort && !isOpen)
    report.ok(
      'tokens',
      config.jwtIssuers ? `count from ${config.jwtIssuers.join(', ')} alone` : 'can be verified',
    )
}

// Stripe

type Failure = { status?: number; code?: string; message: string; nextActions?: string }

async function checkStripe(environment: StripeEnvironment, deps: Deps, report: Report): Promise<void> {
  const { lackedPermissions, readKeyStates } = await import('../../../functions/connection/keys.ts')
  const { source, maskedKey } = (await readKeyStates(deps))[environment]
  if (source === null) return // the other environment may have one; see checkHealth
  let key: string
  try {
    key = await deps.secrets.secretKey(environment)
    const allOpen = !(await deps.secrets.lostWebhookSecret(environment)) // of one that does not, checkHealth tells
    if (source === 'database' && allOpen)
      report.ok(`${environment}: encryption key`, 'opens the stored secrets')
  } catch (error) {
    const { message, nextActions } = error as Failure
    report.fail(`${environment}: encryption key`, message, nextActions ?? 'Set PAYMENTS_ENCRYPTION_KEY.')
    return
  }
  try {
    await checkStripeClock(environment, deps, report)
    const lacked = await lackedPermissions(deps.config, environment, key)
    if (lacked === null) report.ok(`${environment}: Stripe key`, `${maskedKey} is accepted`)
    else {
      report.fail(
        `${environment}: Stripe key`,
        lacked,
        'Give the key these permissions in the Stripe Dashboard.',
      )
    }
  } catch (error) {
    const { status, message, nextActions } = error as Failure
    report.fail(
      `${environment}: Stripe key`,
      message,
      status === 401
        ? `Run: pg-payments stripe config set --environment ${environment}`
        : (nextActions ?? 'Try again in a moment.'),
    )
  }
}

/** Lists of which a key that is of any use may read one. */
const READABLE: ListedKind[] = ['products', 'customers', 'events']

/** Compares the clocks by the first answer that the key is given. */
async function checkStripeClock(environment: StripeEnvironment, deps: Deps, report: Report): Promise<void> {
  const stripe = await deps.stripe(environment)
  for (const kind of READABLE) {
    const before = Date.now()
    try {
      const { snapshotAt } = await stripe.list(kind, { limit: 1 })
      const answered = Date.now()
      // The snapshot is dated earlier than Stripe's clock by the time of the request and a second.
      const clock = Date.parse(snapshotAt) + (answered - before) + 1000
      compareClocks(`${environment}: clock of Stripe`, answered - clock, report)
      return
    } catch (error) {
      if ((error as Failure).status !== 403) throw error
    }
  }
}

// What the API tells

async function checkHealth(
  context: Context<{ environment?: StripeEnvironment }>,
  environments: StripeEnvironment[],
  report: Report,
): Promise<void> {
  const client = await context.client()
  let connections: GetStripeStatusResponse['connections']
  try {
    connections = (await client.get<GetStripeStatusResponse>('/status')).connections
  } catch (error) {
    if (!isCliError(error)) throw error
    report.fail('API', error.message, error.next ?? 'Look into the log of the handlers.')
    return
  }
  if (client.url !== null) report.ok('API', `${client.url} answers`)
  const configured = environments.filter((environment) =>
    connections.some((connection) => connection.environment === environment && connection.maskedKey !== null),
  )
  if (configured.length === 0) {
    report.fail(
      'Stripe key',
      `There is none for ${environments.join(' or ')}.`,
      `Run: pg-payments stripe config set --environment ${environments[0]}`,
    )
  }
  for (const environment of configured) {
    try {
      const { reasons } = await client.get<EnvironmentHealthResponse>(`/${environment}/health`)
      for (const reason of reasons) {
        const check = `${environment}: ${reason.code.replaceAll('_', ' ')}`
        report[reason.severity === 'failing' ? 'fail' : 'warn'](check, reason.message, adviceOf(reason))
      }
      if (reasons.length === 0) report.ok(`${environment}: webhooks, sync and backlog`, 'all is well')
    } catch (error) {
      if (!isCliError(error)) throw error
      report.fail(`${environment}: health`, error.message, error.next ?? 'Look into the log of the handlers.')
    }
  }
}
