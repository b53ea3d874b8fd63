/**
 * `pg-payments migrate` installs or updates the schemas `payments` and `payments_private` in an existing database.
 *
 * node-pg-migrate applies the files of `sql/committed` unchanged and in order. One transaction contains every pending
 * migration, so a database is either at the new version or exactly as it was. Nothing outlives that transaction, not
 * even the lock, so this also works through a transaction-mode pooler.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import { connectionString } from '../support/connection-string.ts'
import { action } from '../support/context.ts'
import { restorePolicies, userPolicies } from '../support/default-policies.ts'
import { cliError } from '../support/errors.ts'
import { LEDGER } from '../support/ledger.ts'
import { holderOfLocks, lockTables } from '../support/migration-locks.ts'
import { count } from '../support/output.ts'
import { extraRights, missingRoles, revokeExtraRights } from '../support/rights.ts'
import { type ExtraRight, SCHEMA_PARTS_FILE } from '../support/schema-parts.ts'
import { databaseUrlOf } from '../support/with-deps.ts'

export type MigrateOptions = {
  /** Connection string of a role that may create schemas, and our roles where they are missing. */
  databaseUrl: string
  /** Receives one line for each step that a person may want to see. Default: silence. */
  log?: (line: string) => void
  /** Where the migrations are. Default: `sql/committed` of this package. */
  directory?: string
  /** How long to wait for another migration of the same database. Default: two minutes. */
  lockTimeoutMs?: number
  /** How long `again` waits for requests that use the tables. Default: one minute. */
  tablesTimeoutMs?: number
  /**
   * Apply the applied migrations again, which restores what was dropped or revoked, and revokes rights beyond those of
   * this version. Default: false.
   */
  again?: boolean
  /** With `again`: also restore default policies for app users that were dropped or changed. Default: false. */
  withPolicies?: boolean
}

export type MigrateResult = {
  /** Names of the migrations applied now, in order; empty when there was nothing to do. */
  applied: string[]
  /** Names of the migrations applied again, in order; only with the option `again`. */
  appliedAgain?: string[]
}

export { connectionString, LEDGER }

/** A name of our own, so that other tools' migrations of the same database do not wait for ours. */
const LOCK_NAME = 'pg-payments migrate'
export const OLDEST_POSTGRES = 15

/**
 * Applies the pending migrations. It is safe to run it again, and to run it many times at once. The others wait for
 * the first run, and then find nothing to do.
 *
 * @throws Error with a sentence for a person. The database is unchanged then.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const directory = options.directory ?? migrationsDirectory()
  const log = options.log ?? (() => {})
  const files = await migrationNames(directory)
  const client = await connect(options.databaseUrl)
  const at: { migration?: string } = {}
  const lines: string[] = []
  try {
    await client.query('begin')
    await client.query(`set local statement_timeout = 0`)
    await client.query(`set local idle_in_transaction_session_timeout = 0`)
    // Postgres stores the settings of a function as it prints them, so this would make each differ from the release.
    await client.query(`set local quote_all_identifiers = off`)
    await takeLock(client, options.lockTimeoutMs ?? 120_000)
    const isInstalled = await hasOurTables(client)
    await createLedger(client)
    const inLedger = await appliedMigrations(client)
    const unknown = inLedger.filter((name) => !files.has(name))
    if (unknown.length > 0) {
      const ahead = `This database is ahead of this version of pg-payments: it also has ${unknown.join(', ')}`
      if (options.again)
        throw refusal(`${ahead}. Nothing was changed. Apply the migrations again with the newest version.`)
      log(ahead)
    }

    // Files that were applied before, perhaps by another tool, meet live traffic and what the owner has changed.
    const isRepeated = isInstalled && (options.again || inLedger.length === 0)
    if (isRepeated) await lockOrRefuse(client, options.tablesTimeoutMs ?? 60_000)
    const partsFile = join(packageRoot(), SCHEMA_PARTS_FILE)
    const extra = isRepeated && options.again ? await extraRights(client, partsFile) : []
    const before = isRepeated ? await userPolicies(client) : new Map()
    const keepPolicies = async () => {
      if (isRepeated && !options.withPolicies) lines.push(...(await restorePolicies(client, before)))
    }

    // Applied migrations come first, because pending ones may change what they create.
    const appliedAgain = options.again ? inLedger : []
    for (const name of appliedAgain) {
      at.migration = name
      await client.query(await readFile(join(directory, `${name}.sql`), 'utf8'))
    }
    if (appliedAgain.length > 0) await keepPolicies()
    const applied = await applyPending(client, directory, at)
    if (appliedAgain.length === 0) await keepPolicies()
    const after = isRepeated ? await userPolicies(client) : new Map()
    lines.push(...(await revokeExtraRights(client, partsFile, extra)))
    if (isInstalled && !options.again && applied.length + unknown.length === 0)
      lines.push(...openRights(await extraRights(client, partsFile)))
    await client.query('commit')
    at.migration = undefined

    for (const name of applied) log(`Applied ${name}`)
    for (const name of appliedAgain) log(`Applied ${name} again`)
    for (const line of lines) log(line)
    if (options.withPolicies) {
      for (const name of [...after.keys()].filter((policy) => !before.has(policy)))
        log(`The policy ${name} was restored; drop it if you had removed it on purpose.`)
    }
    if (appliedAgain.length > 0) log(resetSentence(options.withPolicies))
    if (applied.length + appliedAgain.length > 0) await logMissingRoles(client, log)
    return options.again ? { applied, appliedAgain } : { applied }
  } catch (error) {
    if ((error as Error).name === 'Refusal') throw error
    throw await explain(error, client, at.migration && join(directory, `${at.migration}.sql`))
  } finally {
    await client.end().catch(() => {})
  }
}

/** Applies what is not in the ledger yet, and returns the names in order. */
async function applyPending(
  client: pg.Client,
  directory: string,
  at: { migration?: string },
): Promise<string[]> {
  const done = await runner({
    dbClient: client,
    dir: directory,
    ignorePattern: '(\\..*|(?!.*\\.sql$).*)',
    direction: 'up',
    migrationsSchema: LEDGER.schema,
    migrationsTable: LEDGER.table,
    singleTransaction: true,
    // The runner's own lock would outlive the transaction, and it fails where ours waits.
    noLock: true,
    logger: {
      debug() {},
      info(line: string) {
        at.migration = /^### MIGRATION (.+) \(UP\) ###$/.exec(line)?.[1] ?? at.migration
      },
      warn() {},
      error() {},
    },
  })
  return done.map(({ name }) => name)
}

function resetSentence(withPolicies = false): string {
  return withPolicies
    ? 'The policies and grants of pg-payments were reset to this version; make your own changes to them again.'
    : 'The grants of pg-payments were reset to this version; its policies for app users are as they were.'
}

/**
 * What a restore leaves on a server without the roles: its grants fail, and everyone may then call the functions, as
 * Postgres allows by default. Nothing else looks at them after it.
 */
function openRights(extra: ExtraRight[]): string[] {
  const [first] = extra
  if (!first) return []
  const more = extra.length > 1 ? ` and ${extra.length - 1} more` : ''
  return [
    `Rights are not those of this version: ${first.right}${more}. A restore on a server without the roles of pg-payments ` +
      'leaves this. Run: pg-payments migrate --again',
  ]
}

/** Takes the locks of all tables, or says who holds them. */
async function lockOrRefuse(client: pg.Client, timeoutMs: number): Promise<void> {
  if (await lockTables(client, timeoutMs)) return
  const holder = await holderOfLocks(client)
  throw refusal(
    `The tables of pg-payments were in use all the time${holder ? `, at last by ${holder}` : ''}. Nothing was changed. ` +
      'Run it again in a quiet minute, or end that transaction first.',
  )
}

/** The handlers log in as this role in many projects, and then need to act as our three roles. */
async function logMissingRoles(client: pg.Client, log: (line: string) => void): Promise<void> {
  const { ROLE_RIGHTS } = await import('../../../functions/core/sql.ts')
  const sentence = await missingRoles(client, ROLE_RIGHTS)
  if (sentence) log(sentence)
}

/** Adds `pg-payments migrate` to the command line. */
export function registerMigrate(program: Command): void {
  program
    .command('migrate')
    .description('install or update the schema "payments" in your database')
    .option('--database-url <url>', 'the database (default: the environment variable DATABASE_URL)')
    .option(
      '--again',
      'apply every migration again: restores functions, triggers and grants, and revokes rights that no release gives; rows stay',
    )
    .option(
      '--with-policies',
      'with --again: also restore default policies for app users that were dropped or changed',
    )
    .action(
      action<{ again?: boolean; withPolicies?: boolean }, []>(async (context) => {
        const databaseUrl = databaseUrlOf(context, 'The migration')
        if (context.options.withPolicies && !context.options.again) {
          throw cliError('The option --with-policies is for --again.', {
            code: 'INVALID_INPUT',
            next: 'Run: pg-payments migrate --again --with-policies',
          })
        }
        const lines: string[] = []
        const done = await migrate({
          databaseUrl,
          log: (line) => lines.push(line),
          again: context.options.again === true,
          withPolicies: context.options.withPolicies === true,
        }).catch((error) => {
          throw cliError((error as Error).message, { code: 'MIGRATION_FAILED' })
        })
        context.show(done, () => [...lines, conclusion(done)].join('\n'))
      }),
    )
}

function conclusion({ applied, appliedAgain = [] }: MigrateResult): string {
  const all = [
    applied.length > 0 ? `Applied ${count(applied.length, 'migration')}` : '',
    appliedAgain.length > 0 ? `Applied ${count(appliedAgain.length, 'migration')} again` : '',
  ].filter(Boolean)
  return `${all.length > 0 ? all.join('. ') : 'Nothing to apply'}: the database is up to date.`
}

/** Where the migrations of this package are. */
export function migrationsDirectory(): string {
  return join(packageRoot(), 'sql', 'committed')
}

/** The directory of this package: the same from the source and from `dist`. */
export function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'sql', 'committed'))) {
    const parent = dirname(directory)
    if (parent === directory) {
      throw new Error(
        'The folder sql/committed is missing from the pg-payments package. Install the package again.',
      )
    }
    directory = parent
  }
  return directory
}

async function migrationNames(directory: string): Promise<Set<string>> {
  const files = await readdir(directory).catch((cause) => {
    throw new Error(`The migrations cannot be read from ${directory}.`, { cause })
  })
  return new Set(files.filter((file) => file.endsWith('.sql')).map((file) => file.slice(0, -'.sql'.length)))
}

async function connect(databaseUrl: string): Promise<pg.Client> {
  const url = new URL(connectionString(databaseUrl))
  const client = new pg.Client({
    connectionString: url.href,
    application_name: 'pg-payments migrate',
    connectionTimeoutMillis: 30_000,
  })
  // The next query reports a connection that was lost between two queries.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => {})
    throw explainConnection(error, url)
  }
  try {
    await checkServer(client)
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
  return client
}

/** The encoding is checked here too, because Postgres would refuse the text of the files before it runs them. */
async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{
    number: string
    version: string
    encoding: string
    database: string
  }>(
    `select current_setting('server_version_num') as number, current_setting('server_version') as version,
      current_setting('server_encoding') as encoding, current_database() as database`,
  )
  const [server] = rows
  if (server && Number(server.number) < OLDEST_POSTGRES * 10_000) {
    throw new Error(
      `pg-payments needs Postgres ${OLDEST_POSTGRES} or newer, and this is Postgres ${server.version}.`,
    )
  }
  if (server && server.encoding !== 'UTF8') {
    throw new Error(
      `The database ${server.database} has the encoding ${server.encoding}, and pg-payments needs UTF8. Nothing was changed. ` +
        `Create a database for it: create database <name> encoding 'UTF8' template template0;`,
    )
  }
}

/** Takes the lock, which is held until the transaction ends. */
async function takeLock(client: pg.Client, timeoutMs: number): Promise<void> {
  await client.query(`set local lock_timeout = ${Math.max(1, Math.round(timeoutMs))}`)
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [LOCK_NAME])
  await client.query('set local lock_timeout = 0')
}

/** Creates the table as node-pg-migrate would, and grants it to no role. */
async function createLedger(client: pg.Client): Promise<void> {
  const { rows } = await client.query('select to_regclass($1) is not null as exists', [
    `${LEDGER.schema}.${LEDGER.table}`,
  ])
  if (rows[0]?.exists) return
  await client.query(`
    create schema if not exists ${LEDGER.schema};
    create table ${LEDGER.schema}.${LEDGER.table} (
      id serial primary key,
      name varchar(255) not null unique,
      run_on timestamp not null
    );
    alter table ${LEDGER.schema}.${LEDGER.table} enable row level security;
    revoke all on ${LEDGER.schema}.${LEDGER.table} from public;
    comment on table ${LEDGER.schema}.${LEDGER.table} is
      'Which migrations of pg-payments this database has. Written by "pg-payments migrate".';
  `)
}

/** The names of the applied migrations, in order. */
async function appliedMigrations(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select name from ${LEDGER.schema}.${LEDGER.table} order by name`,
  )
  return rows.map(({ name }) => name)
}

/** Whether the tables in the schema payments are ours: our types come before all tables. */
async function hasOurTables(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(
    `select from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    where n.nspname = 'payments' and t.typname = 'billing_subject'`,
  )
  return rows.length > 0
}

/** An error whose message is complete, so that `explain` leaves it alone. */
const refusal = (message: string) => Object.assign(new Error(message), { name: 'Refusal' })

type PgError = Error & { code?: string; detail?: string; hint?: string; position?: string }

/** A sentence for a connection that failed. */
export function explainConnection(error: unknown, url: URL): Error {
  const { code, message } = error as PgError
  const host = url.hostname || url.searchParams.get('host') || 'localhost'
  const place = `${host}:${url.port || '5432'}`
  const role = decodeURIComponent(url.username) || 'the default role'
  const sentences: Record<string, string> = {
    ECONNREFUSED: `Nothing accepts connections at ${place}. Is Postgres running, and is the address right?`,
    ENOTFOUND: `There is no host ${host}. Check the database URL.`,
    EAI_AGAIN: `The host ${host} cannot be looked up now. Check the network and the database URL.`,
    ETIMEDOUT: `${place} does not respond. Check the address and the firewall.`,
    '28P01': `Postgres refused the password of ${role}. Check the database URL.`,
    '28000': `Postgres refused the login of ${role}: ${message}.`,
    '3D000': `The database ${decodeURIComponent(url.pathname.slice(1))} does not exist. Create it first, or check the database URL.`,
    '53300': 'Postgres has no free connection. Try again, or close other connections.',
  }
  const sentence = code ? sentences[code] : undefined
  return sentence
    ? new Error(sentence, { cause: error })
    : new Error(`Cannot use ${place}: ${withoutStop(message)}.`, { cause: error })
}

/** Explains an error of the transaction, which Postgres rolls back at the latest when the connection closes. */
async function explain(error: unknown, client: pg.Client, file?: string): Promise<Error> {
  const { code, message, detail, hint, position } = error as PgError
  const unchanged = 'Nothing was changed.'
  if (code === '55P03') {
    return new Error(
      `Another migration of this database is still running. ${unchanged} Try again when it has ended.`,
      { cause: error },
    )
  }
  // A refusal of the files themselves.
  if (code?.startsWith('SP'))
    return new Error(`${message} ${unchanged} ${hint ?? ''}`.trim(), { cause: error })
  if (code === '40P01') {
    return new Error(
      `Requests that used the same tables and this migration waited for each other. ${unchanged} Run it again in a quiet minute.`,
      { cause: error },
    )
  }
  if (code === '25006') {
    return new Error(`This database is read-only. ${unchanged} Use the URL of the primary server.`, {
      cause: error,
    })
  }
  if (code === '42501') {
    await client.query('rollback').catch(() => {})
    const role = await client
      .query<{ role: string }>('select current_user as role')
      .then(({ rows }) => rows[0]?.role)
      .catch(() => undefined)
    return new Error(
      `The role ${role ?? 'in the database URL'} may not do this: ${message}. ${unchanged} ` +
        'Migrate as the owner of the database, who needs CREATE on it, and CREATEROLE if the roles anon, authenticated ' +
        'or payments_service do not exist yet.',
      { cause: error },
    )
  }
  const more = [detail, hint].filter(Boolean).join(' ')
  const place = file ? `${basename(file)}${await lineOf(file, position)}` : 'The migration'
  return new Error(`${place} failed: ${withoutStop(message)}. ${more ? `${more} ` : ''}${unchanged}`, {
    cause: error,
  })
}

function withoutStop(message: string): string {
  return message.replace(/\.$/, '')
}

/** The line of a position, which Postgres counts in characters from 1. */
async function lineOf(file: string, position: string | undefined): Promise<string> {
  if (!position) return ''
  const text = await readFile(file, 'utf8').catch(() => '')
  return text ? `, line ${text.slice(0, Number(position) - 1).split('\n').length},` : ''
}
