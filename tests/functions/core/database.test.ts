import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectionUrl, createDatabase, type Database } from '../../../functions/core/database.ts'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { eventually } from '../support/eventually.ts'
import { type PostgresProxy, startProxy } from '../support/proxy.ts'

let postgres: TestDatabase
let proxy: PostgresProxy
let database: Database

beforeAll(async () => {
  postgres = await createTestDatabase({ migrated: false })
  proxy = await startProxy(postgres.url)
})

afterAll(async () => {
  await proxy.close()
  await postgres.close()
})

beforeEach(async () => {
  await proxy.become('forward')
  database = createDatabase({ url: proxy.url, poolSize: 2, connectTimeout: 1, deadlineMs: 2000 })
})

afterEach(() => database.end())

const unavailable = { status: 503, code: 'DATABASE_UNAVAILABLE' }

describe('a statement', () => {
  it('goes to the server and back once, with its values', async () => {
    await database.query('select 1')
    proxy.reset()
    const rows = await database.query('select $1::text as a, $2::text::jsonb as b, $3::text::integer as c', [
      "it's 💳",
      '{"n":[1,2]}',
      null,
    ])
    expect(rows).toEqual([{ a: "it's 💳", b: { n: [1, 2] }, c: null }])
    expect(proxy.flights()).toBe(1)
  })

  it('goes once also when it is as large as the largest webhook', async () => {
    await database.query('select 1')
    proxy.reset()
    const rows = await database.query(`select length($1::text::jsonb ->> 'a') as length`, [
      JSON.stringify({ a: 'x'.repeat(999_000) }),
    ])
    expect(rows).toEqual([{ length: 999_000 }])
    expect(proxy.flights()).toBe(1)
  })

  it('leaves no prepared statement and no session state behind, so that poolers are fine', async () => {
    await database.query('select $1::text as a', ['x'])
    const rows = await database.query('select count(*)::integer as n from pg_prepared_statements')
    expect(rows).toEqual([{ n: 0 }])
  })

  it('that fails does not spoil the ones beside it', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        database.query('select 100 / $1::text::integer as x', [String(n % 2)]),
      ),
    )
    expect(results.map(({ status }) => status)).toEqual(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? 'fulfilled' : 'rejected')),
    )
  })

  it('uses no more connections than the pool has', async () => {
    await Promise.all(Array.from({ length: 50 }, () => database.query('select 1')))
    expect(proxy.connections()).toBeLessThanOrEqual(2)
  })
})

describe('when Postgres is away', () => {
  it('a statement fails with 503, and the next one succeeds once it is back', async () => {
    await database.query('select 1')
    await proxy.become('stop')
    await expect(database.query('select 1')).rejects.toMatchObject(unavailable)
    await expect(database.query('select 1')).rejects.toMatchObject(unavailable)
    await proxy.become('forward')
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  it('behind something that accepts connections and hangs up, a statement fails with 503 and does not wait for ever', async () => {
    await proxy.become('hang up')
    await expect(database.query('select 1')).rejects.toMatchObject(unavailable)
    await proxy.become('forward')
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  it('behind something that hangs up, the statements that wait for a connection fail with the first one', async () => {
    await proxy.become('hang up')
    const ends = await Promise.allSettled(Array.from({ length: 9 }, () => database.query('select 1')))
    const reasons = ends.map((end) => (end.status === 'rejected' ? end.reason.cause.message : 'fulfilled'))
    expect(reasons).toEqual(Array.from({ length: 9 }, () => 'No answer from the database within 1500 ms.'))
  })

  it('in the midst of a statement, it fails with 503', async () => {
    const running = database.query('select pg_sleep(60)')
    const failed = expect(running).rejects.toMatchObject(unavailable)
    await eventually(
      () =>
        postgres.sql`select 1 from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'`,
    ).toHaveLength(1)
    await proxy.become('stop')
    await failed
  })

  it('or ends the connection for an administrator, it fails with 503', async () => {
    const running = database.query('select pg_sleep(61)')
    const failed = expect(running).rejects.toMatchObject(unavailable)
    await eventually(
      () => postgres.sql`
          select pg_terminate_backend(pid) from pg_stat_activity
          where query = 'select pg_sleep(61)' and state = 'active'`,
    ).toHaveLength(1)
    await failed
  })
})

it('a statement that takes too long is given up and cancelled', async () => {
  await expect(database.query('select pg_sleep(62)')).rejects.toMatchObject(unavailable)
  await eventually(
    () =>
      postgres.sql`select 1 from pg_stat_activity where query = 'select pg_sleep(62)' and state = 'active'`,
  ).toHaveLength(0)
})

it('a wrong database or login is a 503, and the message does not carry the address', async () => {
  const url = new URL(postgres.url)
  url.pathname = '/no_such_database'
  const elsewhere = createDatabase({ url: url.href, poolSize: 1 })
  const error = await elsewhere.query('select 1').catch((error) => error)
  expect(error).toMatchObject(unavailable)
  expect(error.message).not.toContain('no_such_database')
  await elsewhere.end()
})

it('parameters of a connection string that are meant for other clients are left out', () => {
  expect(
    connectionUrl('postgres://u:p%40@h:5432/d?sslmode=require&channel_binding=require&pgbouncer=true'),
  ).toBe('postgres://u:p%40@h:5432/d?sslmode=require')
})
