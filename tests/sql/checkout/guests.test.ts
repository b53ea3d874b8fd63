/** How many checkouts guests may begin in a minute. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { anonymous, asCaller, createTestDatabase, service, type TestDatabase } from '../../setup/database.ts'
import { refusal } from '../support/calls.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(() => database.sql`delete from payments_private.rate_counters`)

const beginAsGuest = (perMinute: number, environment = 'test', items = '[{"priceId": "price_tea"}]') =>
  asCaller(
    database.sql,
    service,
    (sql) => sql`
      select payments.begin_guest_checkout_session(
        ${environment}, '{"role": "anon"}', 'payment', ${items}::text::jsonb, 'https://a.example',
        'https://a.example', ${perMinute}) as result`,
  )

const rows = async () => {
  const [row] = await database.sql`select count(*)::integer as count from payments.stripe_checkout_sessions`
  return row?.count
}

test('guests begin as many checkouts in a minute as the limit says, in each environment', async () => {
  const before = await rows()
  // A minute that ends in between begins the count anew, so it is tried again.
  const seen = await Promise.all(
    Array.from({ length: 7 }, () =>
      beginAsGuest(3).then(
        () => 'begun',
        ({ code }) => code,
      ),
    ),
  )
  const [counter] = await database.sql`select * from payments_private.rate_counters`
  if (counter?.count === 3) {
    expect(seen.sort()).toEqual(['SP030', 'SP030', 'SP030', 'SP030', 'begun', 'begun', 'begun'])
    expect(await rows()).toBe(before + 3)
  }
  await database.sql`update payments_private.rate_counters set counted_from = 'infinity', count = 3`
  const refused = beginAsGuest(3)
  await expect(refused).rejects.toMatchObject({ detail: expect.stringMatching(/^([1-9]|[1-5]\d|60)$/) })
  expect(await refusal(refused)).toEqual({
    code: 'SP030',
    message: 'There are too many guest checkouts just now.',
    hint: 'Try again in a minute, or sign in.',
  })
  await beginAsGuest(3, 'live')
})

test('a limit of 0 is none, and counts nothing', async () => {
  for (let i = 0; i < 5; i += 1) await beginAsGuest(0)
  expect(await database.sql`select * from payments_private.rate_counters`).toEqual([])
})

test('another minute counts from the beginning, in one row', async () => {
  await database.sql`
    insert into payments_private.rate_counters values ('guest checkouts of test', now() - interval '2 minutes', 3)`
  await beginAsGuest(3)
  expect(await database.sql`select name, count from payments_private.rate_counters`).toEqual([
    { name: 'guest checkouts of test', count: 1 },
  ])
})

test('a request that is refused is not counted', async () => {
  expect(await refusal(beginAsGuest(3, 'test', '[]'))).toMatchObject({ code: 'SP001' })
  expect(await database.sql`select * from payments_private.rate_counters`).toEqual([])
})

test('app users can neither read nor write the count', async () => {
  for (const caller of [anonymous, { role: 'authenticated', sub: 'u1' }]) {
    for (const statement of [
      'select * from payments_private.rate_counters',
      'delete from payments_private.rate_counters',
      `select payments_private.count_guest_checkout('test', 1)`,
    ]) {
      const error = await refusal(asCaller(database.sql, caller, (sql) => sql.unsafe(statement)))
      expect(error.code).toBe('42501')
    }
  }
})
