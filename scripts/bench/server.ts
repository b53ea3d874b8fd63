/** The measured Postgres: an embedded one with the settings of a production server, and databases on it. */
import { totalmem } from 'node:os'
import postgres from 'postgres'
import { migrate } from '../cli/commands/migrate.ts'
import { uncommittedSql } from '../dev/generators/sources.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../dev/postgres.ts'

const MEGABYTE_BYTES = 1024 * 1024

/** Durable: a commit waits for the disk. The cache has a quarter of the memory, as the manual advises, 1 GB at most. */
export const SERVER_SETTINGS: Record<string, string> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_level: 'replica',
  shared_buffers: `${Math.max(128, Math.min(1024, Math.floor(totalmem() / MEGABYTE_BYTES / 4)))}MB`,
  max_wal_size: '8GB',
  checkpoint_timeout: '15min',
  autovacuum: 'on',
  max_connections: '200',
}

/** Counts where the time goes, which costs some time. */
const PROFILE_SETTINGS: Record<string, string> = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'all',
  'pg_stat_statements.max': '10000',
  track_functions: 'all',
  track_io_timing: 'on',
}

/** The settings that the report shows. */
const REPORTED_SETTINGS = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'wal_level',
  'shared_buffers',
  'max_wal_size',
  'checkpoint_timeout',
  'autovacuum',
]

export type BenchServer = {
  /** Creates a database and returns its address. */
  createDatabase(name: string, options?: { migrated?: boolean }): Promise<string>
  /** Writes everything to disk, so that no measurement pays for the writes of the one before. */
  checkpoint(): Promise<void>
  settings: Record<string, string>
  stop(): Promise<void>
}

export function connect(url: string, options: postgres.Options<Record<string, never>> = {}): postgres.Sql {
  return postgres(url, { max: 1, onnotice: () => {}, idle_timeout: 0, max_lifetime: null, ...options })
}

export async function startServer({ profile = false } = {}): Promise<BenchServer> {
  const server: EmbeddedPostgres = await startEmbeddedPostgres({
    settings: { ...SERVER_SETTINGS, ...(profile && PROFILE_SETTINGS) },
  })
  const admin = connect(server.url)
  const rows = await admin<{ name: string; setting: string }[]>`
    select name, current_setting(name) as setting from pg_settings where name in ${admin(REPORTED_SETTINGS)}`
  return {
    settings: Object.fromEntries(rows.map(({ name, setting }) => [name, setting])),
    async createDatabase(name, { migrated = true } = {}) {
      await admin`create database ${admin(name)} template template0`
      const url = new URL(server.url)
      url.pathname = `/${name}`
      if (migrated) await install(url.href)
      return url.href
    },
    async checkpoint() {
      await admin`checkpoint`
    },
    async stop() {
      await admin.end({ timeout: 2 }).catch(() => {})
      await server.stop()
    },
  }
}

/** Installs the schema of this working tree: the committed migrations, then uncommitted changes. */
async function install(url: string): Promise<void> {
  await migrate({ databaseUrl: url })
  const uncommitted = await uncommittedSql()
  if (!uncommitted) return
  const sql = connect(url)
  try {
    await sql.begin((transaction) => transaction.unsafe(uncommitted))
  } finally {
    await sql.end()
  }
}
