/**
 * The Postgres server that a test run uses, and the names of what the run creates on it.
 *
 * Every run has an id and holds an advisory lock of that id while it lasts. Databases of runs that ended without
 * cleaning up are found by their name and removed by the next run.
 */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { migrate } from '../../scripts/cli/commands/migrate.ts'
import { uncommittedSql } from '../../scripts/dev/generators/sources.ts'
import { FAST_SETTINGS, type PostgresVersion, startEmbeddedPostgres } from '../../scripts/dev/postgres.ts'

export type TestServer = {
  /** Superuser, maintenance database. */
  url: string
  stop(): Promise<void>
}

/** The run to which a test file belongs. */
export type TestRun = {
  url: string
  run: string
}

const PREFIX = 'pg_payments_test_'
/** Roles belong to the whole server. A run marks the roles that it creates, so that it can drop them. */
const ROLES = ['anon', 'authenticated', 'payments_service']
const ROLE_MARK = 'created by a pg-payments test run'

export const databaseName = (run: string, name: string) => `${PREFIX}${run}_${name}`
/** Where the test files of a run find the packed package; see `support/tarball.ts`. */
export const packedFolder = (run: string) => join(tmpdir(), `pg-payments-packed-${run}`)

export const templateName = (run: string) => databaseName(run, 'template')

/** One connection, quiet about notices. */
export function open(url: string, options: postgres.Options<Record<string, never>> = {}) {
  return postgres(url, { max: 1, onnotice: () => {}, ...options })
}

export function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}

/** The server of this run: `TEST_DATABASE_URL`, Testcontainers if asked for, else embedded Postgres. */
export async function startTestServer(): Promise<TestServer> {
  const version = wantedVersion()
  const { TEST_DATABASE_URL, TEST_POSTGRES } = process.env
  if (TEST_DATABASE_URL) return { url: TEST_DATABASE_URL, stop: async () => {} }
  if (TEST_POSTGRES === 'testcontainers') {
    const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
    const settings = Object.entries(FAST_SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const container = await new PostgreSqlContainer(`postgres:${version}-alpine`)
      .withUsername('postgres')
      .withDatabase('postgres')
      .withCommand(['postgres', ...settings])
      .start()
    return {
      url: container.getConnectionUri(),
      async stop() {
        await container.stop()
      },
    }
  }
  if (TEST_POSTGRES && TEST_POSTGRES !== 'embedded') {
    throw new Error(
      `TEST_POSTGRES is "${TEST_POSTGRES}". It may be "embedded" (the default) or "testcontainers".`,
    )
  }
  return startEmbeddedPostgres({ version, settings: FAST_SETTINGS })
}

function wantedVersion(): PostgresVersion {
  const { TEST_POSTGRES_VERSION = '18' } = process.env
  if (TEST_POSTGRES_VERSION === '15') return 15
  if (TEST_POSTGRES_VERSION === '18') return 18
  throw new Error(`TEST_POSTGRES_VERSION is "${TEST_POSTGRES_VERSION}". It may be 15 or 18 (the default).`)
}

/** Creates the migrated template database of a new run. */
export async function beginRun(url: string): Promise<{ run: string; end(): Promise<void> }> {
  const run = randomBytes(5).toString('hex')
  const admin = open(url, { idle_timeout: 0, max_lifetime: null })
  try {
    await admin`select pg_advisory_lock(hashtextextended(${PREFIX + run}, 0))`
    await exclusively(admin, async () => {
      await removeEndedRuns(admin)
      const before = await admin<
        { rolname: string }[]
      >`select rolname from pg_roles where rolname in ${admin(ROLES)}`
      await admin`create database ${admin(templateName(run))} template template0`
      await install(withDatabase(url, templateName(run)))
      const existed = before.map(({ rolname }) => rolname)
      const after = await admin<
        { rolname: string }[]
      >`select rolname from pg_roles where rolname in ${admin(ROLES)}`
      for (const { rolname } of after) {
        if (!existed.includes(rolname)) await admin.unsafe(`comment on role ${rolname} is '${ROLE_MARK}'`)
      }
    })
    // A connection to the template would prevent cloning it.
    await admin`alter database ${admin(templateName(run))} with allow_connections false is_template true`
  } catch (error) {
    await endRun(admin, run)
    throw error
  }
  return { run, end: () => endRun(admin, run) }
}

/** Installs the committed migrations like every user, then the changes of `sql/current` and `sql/fixtures`. */
async function install(url: string): Promise<void> {
  await migrate({ databaseUrl: url })
  const uncommitted = await uncommittedSql()
  if (!uncommitted) return
  const sql = open(url)
  try {
    await sql.begin((transaction) => transaction.unsafe(uncommitted))
  } catch (cause) {
    throw new Error(`What is not committed in sql/ cannot be applied: ${(cause as Error).message}`, { cause })
  } finally {
    await sql.end()
  }
}

async function endRun(admin: postgres.Sql, run: string): Promise<void> {
  await rm(packedFolder(run), { recursive: true, force: true })
  await exclusively(admin, async () => {
    await removeDatabases(admin, run)
    await removeMarkedRoles(admin)
  })
  await admin.end()
}

/** Runs `work` while no other run on this server creates or drops roles. */
async function exclusively(admin: postgres.Sql, work: () => Promise<void>): Promise<void> {
  await admin`select pg_advisory_lock(hashtextextended(${PREFIX}, 0))`
  try {
    await work()
  } finally {
    await admin`select pg_advisory_unlock(hashtextextended(${PREFIX}, 0))`
  }
}

async function removeEndedRuns(admin: postgres.Sql): Promise<void> {
  const rows = await admin<
    { datname: string }[]
  >`select datname from pg_database where datname like ${`${PREFIX}%`}`
  const runs = new Set(rows.map(({ datname }) => datname.slice(PREFIX.length).split('_')[0] ?? ''))
  for (const run of runs) {
    const [row] = await admin`select pg_try_advisory_lock(hashtextextended(${PREFIX + run}, 0)) as ended`
    if (!row?.ended) continue
    await removeDatabases(admin, run)
    await admin`select pg_advisory_unlock(hashtextextended(${PREFIX + run}, 0))`
  }
}

async function removeDatabases(admin: postgres.Sql, run: string): Promise<void> {
  const rows = await admin<{ datname: string }[]>`
    select datname from pg_database where datname like ${`${databaseName(run, '')}%`}`
  for (const { datname } of rows) {
    await admin`alter database ${admin(datname)} is_template false`
    await admin`drop database if exists ${admin(datname)} with (force)`
  }
}

/** Drops the marked roles. A role that another run still uses has dependent objects and stays; that run drops it. */
async function removeMarkedRoles(admin: postgres.Sql): Promise<void> {
  const rows = await admin<{ rolname: string }[]>`
    select rolname from pg_roles where rolname in ${admin(ROLES)}
      and shobj_description(oid, 'pg_authid') = ${ROLE_MARK}`
  for (const { rolname } of rows) {
    await admin`drop role if exists ${admin(rolname)}`.catch((error: { code?: string }) => {
      if (error.code !== '2BP01') throw error
    })
  }
}
