/**
 * The app's own migrations, which `dev` runs on its Postgres: at the start, and when a file is added. node-pg-migrate
 * and graphile-migrate keep their own record of what ran. For plain files and those of Supabase, the record is in the
 * schema `payments_dev`.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, watch } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { runner } from 'node-pg-migrate'
import postgres from 'postgres'
import { mentionsPayments, runSqlFile, type SqlFile, sqlFilesOf } from '../../../kit/sql-files.ts'
import { cliError } from '../../support/errors.ts'
import { count } from '../../support/output.ts'
import { defaultFolder, detectTool, type Tool } from '../add/target.ts'

export type AppMigrations = { tool: Tool; folder: string; root: string }
type InstallPayments = () => Promise<void>

const NODE_PG_MIGRATE_TABLE = 'pgmigrations'
const SETTLE_MS = 200

/** @param given the folder that a person named; false for none */
export async function findMigrations(
  root: string,
  given: string | false | undefined,
): Promise<AppMigrations | null> {
  if (given === false) return null
  const tool = await detectTool(root)
  const folder = given === undefined ? defaultFolder(tool, root) : resolve(root, given)
  if (given !== undefined && !existsSync(folder)) {
    throw cliError(`There is no folder ${given}.`, {
      code: 'INVALID_INPUT',
      next: "Name the folder of the app's migrations with --migrations, or leave the flag out.",
    })
  }
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const wanted = tool === 'node-pg-migrate' ? /\.(sql|[cm]?[jt]s)$/ : /\.sql$/
  return names.some((name) => wanted.test(name)) ? { tool, folder, root } : null
}

/**
 * Runs what has not run yet. Installs the schema `payments` before the first migration that mentions it, else at the
 * end.
 *
 * @returns what ran, by name
 */
export async function runMigrations(
  found: AppMigrations,
  databaseUrl: string,
  installPayments: InstallPayments,
  say: (line: string) => void,
): Promise<string[]> {
  const run = { 'node-pg-migrate': byNodePgMigrate, 'graphile-migrate': byGraphileMigrate }[
    found.tool as string
  ]
  try {
    const ran = await (run ?? byFiles)(found, databaseUrl, installPayments, say)
    await installPayments()
    if (ran.length > 0) say(`Ran ${count(ran.length, 'migration')} of the app: ${ran.join(', ')}.`)
    return ran
  } catch (error) {
    if ((error as Error).name === 'CliError') throw error
    throw cliError(`The app's migrations cannot be run. ${(error as Error).message}`, {
      code: 'APP_MIGRATION_FAILED',
      next:
        found.tool === 'supabase' && /"(auth|storage|extensions|vault)/.test((error as Error).message)
          ? 'This Postgres has nothing of Supabase. Set DATABASE_URL to that of "supabase start", or add --no-migrations.'
          : 'Correct the file. If another program runs the migrations, add --no-migrations. --reset begins with an empty database.',
    })
  }
}

// ---- files

async function byFiles(
  { folder, root }: AppMigrations,
  databaseUrl: string,
  installPayments: InstallPayments,
  say: (line: string) => void,
): Promise<string[]> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  const ran: string[] = []
  try {
    await sql.unsafe(`
      create schema if not exists payments_dev;
      create table if not exists payments_dev.migrations (
        file text primary key,
        hash text not null,
        ran_at timestamptz not null default now()
      )`)
    const known = new Map(
      (await sql<{ file: string; hash: string }[]>`select file, hash from payments_dev.migrations`).map(
        ({ file, hash }) => [file, hash],
      ),
    )
    for (const file of await sqlFilesOf(folder)) {
      if (isBlank(file.text)) continue
      const name = relative(root, file.path)
      const hash = createHash('sha256').update(file.text).digest('hex')
      const before = known.get(name)
      if (before === hash) continue
      if (before !== undefined && !isInProgress(name)) {
        say(`${name} has changed since it ran. To run it again on an empty database: pg-payments dev --reset`)
        continue
      }
      if (mentionsPayments(file.text)) await installPayments()
      await runSqlFile(sql, { ...file, path: name } satisfies SqlFile)
      await sql`
        insert into payments_dev.migrations (file, hash) values (${name}, ${hash})
        on conflict (file) do update set hash = excluded.hash, ran_at = now()`
      ran.push(name)
    }
    return ran
  } finally {
    await sql.end({ timeout: 5 })
  }
}

/** A file that was just created and is not written yet. It would count as run. */
const isBlank = (text: string) => text.trim() === ''

/** graphile-migrate runs its current migration again and again. */
const isInProgress = (name: string) => /(^|[\\/])current(\.sql$|[\\/])/.test(name)

// ---- tools

async function byNodePgMigrate(
  { folder }: AppMigrations,
  databaseUrl: string,
  installPayments: InstallPayments,
): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => /^[^.].*\.(sql|[cm]?[jt]s)$/.test(name)).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  if (texts.some(isBlank)) return []
  const first = texts.findIndex(mentionsPayments)
  const up = async (most: number) => {
    const silent = { debug() {}, info() {}, warn() {}, error() {} }
    const done = await runner({
      databaseUrl,
      dir: folder,
      direction: 'up',
      count: most,
      migrationsTable: NODE_PG_MIGRATE_TABLE,
      logger: silent,
    })
    return done.map(({ name }) => name)
  }
  const ran = first > 0 ? await upTo(first, databaseUrl, up) : []
  if (first >= 0) await installPayments()
  return [...ran, ...(await up(Number.POSITIVE_INFINITY))]
}

/** Runs the first migrations, those that ran earlier counted. */
async function upTo(first: number, databaseUrl: string, up: (most: number) => Promise<string[]>) {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    const [row] = await sql<
      { there: boolean }[]
    >`select to_regclass(${NODE_PG_MIGRATE_TABLE}) is not null as there`
    const [known] = row?.there
      ? await sql<{ ran: number }[]>`select count(*)::integer as ran from pgmigrations`
      : []
    const left = first - (known?.ran ?? 0)
    return left > 0 ? await up(left) : []
  } finally {
    await sql.end({ timeout: 5 })
  }
}

/** Without its command line, or with an address of its own in `.gmrc`, the files are run as they are. */
async function byGraphileMigrate(
  found: AppMigrations,
  databaseUrl: string,
  installPayments: InstallPayments,
  say: (line: string) => void,
): Promise<string[]> {
  const { root } = found
  const program = join(root, 'node_modules', '.bin', 'graphile-migrate')
  const settings = await readFile(join(root, '.gmrc'), 'utf8').catch(() => '')
  const hasAddress = /^\s*"?connectionString/m.test(settings)
  if (!existsSync(program) || hasAddress) return byFiles(found, databaseUrl, installPayments, say)
  await installPayments()
  const env = { ...process.env, DATABASE_URL: databaseUrl, SHADOW_DATABASE_URL: undefined }
  await promisify(execFile)(program, ['watch', '--once'], {
    cwd: root,
    env,
    shell: process.platform === 'win32',
  }).catch((error: { stderr?: string; message: string }) => {
    const last = (error.stderr ?? error.message).trim().split('\n').slice(-8).join('\n')
    throw new Error(`graphile-migrate watch --once failed:\n${last}`)
  })
  return ['graphile-migrate watch --once']
}

// ---- changes

const LOOK_EVERY_MS = 500

/**
 * Runs `run` after each change of the app's migrations, until the returned function is called. If the app has none yet,
 * it looks for them until it has some; then it runs those first.
 */
export function followMigrations(
  found: AppMigrations | null,
  find: () => Promise<AppMigrations | null>,
  run: (found: AppMigrations) => Promise<void>,
): () => Promise<void> {
  let stop = async () => {}
  let isOver = false
  let timer: NodeJS.Timeout | undefined
  let work = Promise.resolve()
  const inTurn = (migrations: AppMigrations) => {
    work = work.then(() => run(migrations))
    return work
  }
  const follow = (migrations: AppMigrations) => {
    stop = watchMigrations(migrations, () => inTurn(migrations))
  }
  const look = async () => {
    const migrations = await find().catch(() => null)
    if (isOver) return
    if (migrations === null) {
      timer = setTimeout(() => {
        looking = look()
      }, LOOK_EVERY_MS)
    } else {
      follow(migrations)
      await inTurn(migrations)
    }
  }
  let looking = Promise.resolve()
  if (found) follow(found)
  else looking = look()
  return async () => {
    isOver = true
    clearTimeout(timer)
    await looking
    await stop()
  }
}

/** Calls back after files of the folder have changed, until the returned function is called. */
function watchMigrations({ folder }: AppMigrations, changed: () => Promise<void>): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let work = Promise.resolve()
  const watcher = watch(folder, { recursive: true }, () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      work = work.then(changed)
    }, SETTLE_MS)
  })
  watcher.on('error', () => watcher.close())
  return async () => {
    clearTimeout(timer)
    watcher.close()
    await work
  }
}
