/** Uses that share a few connections, on a real server: none holds up the others. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createDatabases, type Database } from '../../../functions/core/database.ts'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { eventually } from '../support/eventually.ts'
import { type PostgresProxy, startProxy } from '../support/proxy.ts'

let postgres: TestDatabase
let proxy: PostgresProxy

beforeAll(async () => {
  postgres = await createTestDatabase({ migrated: false })
  proxy = await startProxy(postgres.url)
})
afterAll(async () => {
  await proxy.close()
  await postgres.close()
})

type Databases = Record<'requests' | 'test' | 'live', Database>
let databases: Databases
let end: () => Promise<void>

function share(poolSize: number, prepare = false): void {
  ;({ databases, end } = createDatabases({ url: proxy.url, poolSize }, [
    { name: 'requests' },
    { name: 'test', prepare },
    { name: 'live', prepare },
  ]))
}
afterEach(() => end())

const pidOf = async (database: Database) =>
  (await database.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]?.pid as number

/** Statements that run until the lock is let go. */
async function hold(database: Database, count: number) {
  await postgres.sql`select pg_advisory_lock(1)`
  const held = Array.from({ length: count }, () => database.query('select pg_advisory_xact_lock_shared(1)'))
  return {
    /** How many of them have a connection. */
    running: async () => {
      const [row] = await postgres.sql<{ n: number }[]>`
        select count(*)::integer as n from pg_stat_activity
        where application_name = 'pg-payments' and wait_event_type = 'Lock' and datname = current_database()`
      return row?.n
    },
    async letGo() {
      await postgres.sql`select pg_advisory_unlock(1)`
      await Promise.all(held)
    },
  }
}

describe('of five connections', () => {
  beforeEach(() => share(5))

  it.each(['requests', 'test', 'live'] as const)(
    'three serve the use %s at most, and both others still have one',
    async (name) => {
      const held = await hold(databases[name], 10)
      await eventually(held.running).toBe(3)
      const others = Object.entries(databases).filter(([other]) => other !== name)
      for (const [, database] of others) expect(await pidOf(database)).toEqual(expect.any(Number))
      expect(await held.running()).toBe(3)
      await held.letGo()
    },
  )

  it('one is enough for uses that take turns, so that a delivery to a Worker opens one only', async () => {
    const pids = [
      await pidOf(databases.requests),
      await pidOf(databases.test),
      await pidOf(databases.requests),
    ]
    expect(new Set(pids).size).toBe(1)
    expect(proxy.connections()).toBe(1)
  })

  it('each use gets its own again, whose plans are cached', async () => {
    const held = await hold(databases.requests, 1)
    await eventually(held.running).toBe(1)
    const pid = await pidOf(databases.test)
    await held.letGo()
    for (let i = 0; i < 5; i++) {
      expect(await pidOf(databases.test)).toBe(pid)
      expect(await pidOf(databases.requests)).not.toBe(pid)
    }
  })

  it('statements that wait when the database ends are refused with 503', async () => {
    await pidOf(databases.test)
    const ended = end()
    await expect(databases.test.query('select 1')).rejects.toMatchObject({ status: 503 })
    await ended
  })
})

it('of two connections, webhooks have one', async () => {
  share(2)
  const held = await hold(databases.requests, 5)
  await eventually(held.running).toBe(1)
  expect(await pidOf(databases.test)).toBe(await pidOf(databases.live))
  await held.letGo()
})

it('a single connection serves every use, one after the other', async () => {
  share(1)
  const held = await hold(databases.requests, 1)
  await eventually(held.running).toBe(1)
  const others = Promise.all([pidOf(databases.test), pidOf(databases.live)])
  await held.letGo()
  expect(new Set([...(await others), await pidOf(databases.requests)]).size).toBe(1)
})

it('a network that is lost without a word fails a statement at its deadline, and the next one opens another connection', async () => {
  ;({ databases, end } = createDatabases({ url: proxy.url, poolSize: 1, deadlineMs: 500 }, [
    { name: 'requests' },
    { name: 'test' },
    { name: 'live' },
  ]))
  await pidOf(databases.test)
  await proxy.become('silent')
  await expect(pidOf(databases.test)).rejects.toMatchObject({ status: 503 })
  await proxy.become('forward')
  const next = () => pidOf(databases.test).catch((error) => error.status)
  await eventually(next).not.toBe(503)
})

describe('statements of webhooks', () => {
  const prepared = (database: Database) =>
    database.query<{ statement: string }>(
      "select statement from pg_prepared_statements where statement not like '%pg_prepared%'",
    )

  it('are kept at the server by a name if the deployer says so, and take one flight from the first', async () => {
    share(1, true)
    await databases.requests.query('select $1::text as other', ['x'])
    proxy.reset()
    for (const value of ['a', 'b'])
      expect(await databases.test.query('select $1::text as own', [value])).toEqual([{ own: value }])
    expect(proxy.flights()).toBe(2)
    expect(await prepared(databases.requests)).toEqual([{ statement: 'select $1::text as own' }])
  })

  it('are not kept otherwise, so that poolers are fine', async () => {
    share(1)
    await databases.test.query('select $1::text as own', ['a'])
    expect(await prepared(databases.requests)).toEqual([])
  })
})
