/** payments_private.lock_in_order: which advisory locks it takes. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

/** The keys that are locked, in the order in which two transactions wait for them. */
async function locked(keys: (string | null)[]): Promise<string[]> {
  return database.sql.begin(async (sql) => {
    await sql`select payments_private.lock_in_order(${keys as string[]}::bigint[])`
    const rows = await sql<{ key: string }[]>`
      select ((l.classid::bigint << 32) | l.objid::bigint)::text as key
      from pg_locks as l
      where l.locktype = 'advisory' and l.pid = pg_backend_pid()`
    return rows.map(({ key }) => key).sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))
  })
}

test('it locks each key once, whatever their order, and skips nulls', async () => {
  const keys = ['5', '-9223372036854775808', null, '9223372036854775807', '-7', '5', '0']
  const sorted = ['-9223372036854775808', '-7', '0', '5', '9223372036854775807']
  expect(await locked(keys)).toEqual(sorted)
  expect(await locked([...keys].reverse())).toEqual(sorted)
  expect(await locked([null, null])).toEqual([])
  expect(await locked([])).toEqual([])
})

test('it waits for the smallest key before it locks another one', async () => {
  const [holder, waiter] = await Promise.all([database.sql.reserve(), database.sql.reserve()])
  try {
    const [{ pid } = { pid: 0 }] = await waiter<{ pid: number }[]>`select pg_backend_pid() as pid`
    await holder`begin`
    await holder`select pg_advisory_xact_lock(-3)`
    await waiter`begin`
    const taken = waiter`select payments_private.lock_in_order('{8,1,-3}') as ok`.execute()
    const granted = async () =>
      (
        await database.sql<{ granted: boolean }[]>`
        select granted from pg_locks where locktype = 'advisory' and pid = ${pid}`
      ).map((row) => row.granted)
    await expect.poll(granted).toEqual([false])
    await holder`commit`
    expect(await taken).toEqual([{ ok: true }])
    expect(await granted()).toEqual([true, true, true])
    await waiter`commit`
  } finally {
    holder.release()
    waiter.release()
  }
})
