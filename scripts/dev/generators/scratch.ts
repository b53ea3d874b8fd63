/** Creates databases that last as long as one command. */
import postgres from 'postgres'
import { migrate } from '../../cli/commands/migrate.ts'
import { FAST_SETTINGS, type PostgresVersion, startEmbeddedPostgres } from '../postgres.ts'
import { uncommittedSql } from './sources.ts'

/** Runs `work` on a database with the state of the working tree: committed migrations, then uncommitted changes. */
export async function withWorkingTreeDatabase<T>(
  work: (sql: postgres.Sql, url: string) => Promise<T>,
  version?: PostgresVersion,
): Promise<T> {
  return withServer(async (sql, url) => {
    await migrate({ databaseUrl: url })
    const uncommitted = await uncommittedSql()
    if (uncommitted) await sql.begin((transaction) => transaction.unsafe(uncommitted))
    return work(sql, url)
  }, version)
}

/**
 * Runs `work` on the databases that graphile-migrate needs: a database, its shadow, and one to create and drop both
 * from.
 */
export async function withAuthoringDatabases<T>(
  work: (urls: { url: string; shadowUrl: string; rootUrl: string }) => Promise<T>,
): Promise<T> {
  return withServer(async (sql, rootUrl) => {
    const named = (name: string) => rootUrl.replace(/\/postgres$/, `/${name}`)
    await sql`create database pg_payments`
    await sql`create database pg_payments_shadow`
    return work({ url: named('pg_payments'), shadowUrl: named('pg_payments_shadow'), rootUrl })
  })
}

async function withServer<T>(
  work: (sql: postgres.Sql, url: string) => Promise<T>,
  version?: PostgresVersion,
): Promise<T> {
  const server = await startEmbeddedPostgres({ version, settings: FAST_SETTINGS })
  const sql = postgres(server.url, { max: 1, onnotice: () => {} })
  try {
    return await work(sql, server.url)
  } finally {
    await sql.end({ timeout: 5 })
    await server.stop()
  }
}
