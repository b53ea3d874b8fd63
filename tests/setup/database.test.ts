/** The databases on which test files rely. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { migrate } from '../../scripts/cli/commands/migrate.ts'
import { anonymous, asCaller, createTestDatabase, service, type TestDatabase, user } from './database.ts'
import { beginRun, open, withDatabase } from './server.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

describe('a test database', () => {
  test('is migrated, and there is nothing left to apply', async () => {
    expect(await migrate({ databaseUrl: database.url })).toEqual({ applied: [] })
    expect(await database.sql`select to_regnamespace('payments') is not null as there`).toEqual([
      { there: true },
    ])
  })

  test('is empty if asked for', async () => {
    const empty = await createTestDatabase({ migrated: false })
    expect(await empty.sql`select to_regnamespace('payments') is not null as there`).toEqual([
      { there: false },
    ])
    await empty.close()
  })

  test('has no rows in common with another', async () => {
    const other = await createTestDatabase()
    await database.sql`create table public.mine (id int)`
    expect(await other.sql`select to_regclass('public.mine') is not null as there`).toEqual([
      { there: false },
    ])
    await other.close()
  })

  test('can be made ten at a time', async () => {
    const many = await Promise.all(Array.from({ length: 10 }, () => createTestDatabase()))
    expect(new Set(many.map(({ url }) => url)).size).toBe(10)
    await Promise.all(many.map((one) => one.close()))
  })

  test('is gone when it is closed, even if somebody is still connected', async () => {
    const one = await createTestDatabase()
    const straggler = open(one.url)
    await straggler`select 1`
    await one.close()
    await straggler.end({ timeout: 0 })
    const name = new URL(one.url).pathname.slice(1)
    expect(await database.sql`select from pg_database where datname = ${name}`).toHaveLength(0)
  })
})

describe('asCaller', () => {
  const look = (sql: TestDatabase['sql'] | Parameters<Parameters<typeof asCaller>[2]>[0]) =>
    sql`select current_user::text as role, payments.caller_id() as id`

  test('gives a signed-in user the role and the id of the token', async () => {
    expect(await asCaller(database.sql, user('u1'), look)).toEqual([{ role: 'authenticated', id: 'u1' }])
  })

  test('gives nobody the role anon and no id', async () => {
    expect(await asCaller(database.sql, anonymous, look)).toEqual([{ role: 'anon', id: null }])
  })

  test('gives the handlers their role', async () => {
    expect(await asCaller(database.sql, service, look)).toEqual([{ role: 'payments_service', id: null }])
  })

  test('leaves nothing on the connection', async () => {
    await asCaller(database.sql, user('u1'), look)
    const rows = await Promise.all(Array.from({ length: 8 }, () => look(database.sql)))
    expect(new Set(rows.flat().map(({ id }) => id))).toEqual(new Set([null]))
  })
})

describe('a test run', () => {
  test('does not meet another run on the same server, and takes all of its own away', async () => {
    const { url, run } = inject('testRun')
    const second = await beginRun(url)
    expect(second.run).not.toBe(run)
    const databases = () => database.sql`select from pg_database where datname like ${`%${second.run}%`}`
    expect(await databases()).toHaveLength(1)
    await second.end()
    expect(await databases()).toHaveLength(0)
    expect(await look(url)).toBe(true)
  })

  test('removes what a run left that died', async () => {
    const { url } = inject('testRun')
    const dead = 'pg_payments_test_dead00dead_left'
    const admin = open(url)
    await admin`create database ${admin(dead)} template template0`
    const next = await beginRun(url)
    expect(await admin`select from pg_database where datname = ${dead}`).toHaveLength(0)
    await next.end()
    await admin.end()
  })

  /** Whether the roles and the database of this run still exist. */
  async function look(url: string): Promise<boolean> {
    const sql = open(withDatabase(url, new URL(database.url).pathname.slice(1)))
    const [row] =
      await sql`select count(*)::int as roles from pg_roles where rolname in ('anon', 'payments_service')`
    await sql.end()
    return row?.roles === 2
  }
})
