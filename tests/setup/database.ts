/** Creates a database for each test file, and runs statements in it as another caller. */
import { randomBytes } from 'node:crypto'
import type postgres from 'postgres'
import { inject } from 'vitest'
import { databaseName, open, templateName, withDatabase } from './server.ts'

export type TestDatabase = {
  /** Connection string of the superuser; pass it to the code under test as `DATABASE_URL`. */
  url: string
  /** A pool of four connections as superuser. */
  sql: postgres.Sql
  /** Ends `sql` and drops the database, even if other connections are open. */
  close(): Promise<void>
}

/** The claims of a token; `null` is an anonymous caller: the role `anon` without claims. */
export type Claims = { role: string; sub?: string; [claim: string]: unknown } | null

/**
 * Creates a database for the calling test file.
 *
 * @param options.migrated `false` gives an empty database; the default is a copy of the migrated template.
 */
export async function createTestDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const { url: serverUrl, run } = inject('testRun')
  const name = databaseName(run, randomBytes(6).toString('hex'))
  const template = migrated ? templateName(run) : 'template0'
  await administer(async (admin) => {
    // One clone at a time: Postgres refuses to copy a template while another session uses it.
    await admin`select pg_advisory_lock(hashtextextended(${template}, 0))`
    await admin`create database ${admin(name)} template ${admin(template)}`
  })
  const url = withDatabase(serverUrl, name)
  const sql = open(url, { max: 4 })
  return {
    url,
    sql,
    async close() {
      await sql.end({ timeout: 5 })
      await administer((admin) => admin`drop database if exists ${admin(name)} with (force)`)
    },
  }
}

/**
 * Runs `work` in a transaction as a caller of the API: with the role and `request.jwt.claims` that a verified token
 * with these claims gives. The transaction commits when `work` returns and is rolled back when it throws.
 */
export async function asCaller<T>(
  sql: postgres.Sql,
  claims: Claims,
  work: (sql: postgres.TransactionSql) => Promise<T>,
): Promise<T> {
  const role = claims?.role ?? 'anon'
  const json = claims ? JSON.stringify(claims) : ''
  const result = await sql.begin(async (transaction) => {
    await transaction`select set_config('role', ${role}, true), set_config('request.jwt.claims', ${json}, true)`
    return work(transaction)
  })
  return result as T
}

/** Claims of a signed-in user. */
export const user = (id: string, more: Record<string, unknown> = {}): Claims => ({
  role: 'authenticated',
  sub: id,
  ...more,
})

/** An anonymous caller. */
export const anonymous: Claims = null

/** The handlers. */
export const service: Claims = { role: 'payments_service' }

/** Runs `work` on a connection that can create and drop databases. */
async function administer(work: (admin: postgres.Sql) => Promise<unknown>): Promise<void> {
  const admin = open(inject('testRun').url)
  try {
    await work(admin)
  } finally {
    await admin.end()
  }
}
