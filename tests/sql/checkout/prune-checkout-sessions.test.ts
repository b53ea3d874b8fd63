/** What `prune` deletes of the checkout sessions. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { asCaller, createTestDatabase, service, type TestDatabase } from '../../setup/database.ts'
import { refusal } from '../support/calls.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const old = '40 days'
const insert = async (row: Record<string, unknown>, age = old) => {
  const { sql } = database
  const values = {
    environment: 'test',
    mode: 'payment',
    success_url: 'https://a.example',
    cancel_url: 'https://a.example',
    ...row,
  }
  const [{ id } = { id: '' }] = await sql<{ id: string }[]>`
    insert into payments.stripe_checkout_sessions ${sql(values as never)} returning id`
  await sql.begin(async (transaction) => {
    await transaction`set local session_replication_role = replica` // the trigger would say that it changes now
    await transaction`
      update payments.stripe_checkout_sessions set updated_at = now() - ${age}::text::interval where id = ${id}`
  })
  return id
}
const prune = (olderThan = '30 days', max = 1000, environment: string | null = 'test') =>
  asCaller(database.sql, service, async (sql) => {
    const [row] = await sql`
      select payments.prune_checkout_sessions(${olderThan}::text::interval, ${max}, ${environment}) as count`
    return row?.count
  })
const left = async () =>
  (await database.sql`select id from payments.stripe_checkout_sessions`).map(({ id }) => id).sort()

beforeEach(() => database.sql`delete from payments.stripe_checkout_sessions`)

test('sessions that nobody paid are deleted once they are old enough, and no others', async () => {
  for (const status of ['initialized', 'failed', 'expired']) await insert({ status })
  const kept = [
    await insert({ status: 'failed' }, '29 days'),
    await insert({ status: 'open', checkout_session_id: 'cs_open' }),
    await insert({ status: 'completed', payment_status: 'paid', checkout_session_id: 'cs_paid' }),
    await insert({ status: 'completed', payment_status: 'unpaid', checkout_session_id: 'cs_pending' }),
    await insert({ status: 'expired', payment_status: 'paid', checkout_session_id: 'cs_odd' }),
    await insert({ status: 'failed', subscription_id: 'sub_1', mode: 'subscription' }),
    await insert({ status: 'failed', environment: 'live' }),
  ]
  expect(await prune('30 days', 2)).toBe(2)
  expect(await prune('30 days', 2)).toBe(1)
  expect(await prune('30 days', 2)).toBe(0)
  expect(await left()).toEqual(kept.sort())
  expect(await prune('30 days', 1000, null)).toBe(1)
})

test('an expired session stays for as long as its recovery link works, because what is paid there is described by it', async () => {
  const linked = (name: string, inSeconds: number) => {
    const expires_at = Math.floor(Date.now() / 1000) + inSeconds
    const raw = { after_expiration: { recovery: { enabled: true, expires_at, url: 'https://a.example' } } }
    return insert({ status: 'expired', checkout_session_id: name, raw })
  }
  const works = await linked('cs_works', 3600)
  await linked('cs_over', -3600)
  expect(await prune()).toBe(1)
  expect(await left()).toEqual([works])
})

test('a row that a table of the app refers to stays, and holds up no other', async () => {
  await database.sql.unsafe(`
    create table public.carts (session_id uuid references payments.stripe_checkout_sessions (id))`)
  const id = await insert({ status: 'failed' })
  await database.sql`insert into public.carts values (${id})`
  await insert({ status: 'failed' })
  await insert({ status: 'expired' })
  expect(await prune()).toBe(2)
  expect(await left()).toEqual([id])
  await database.sql.unsafe('drop table public.carts')
})

test.each(['23 hours', '-1 days'])('an age of %s is refused', async (age) => {
  expect(await refusal(prune(age))).toEqual({
    code: 'SP001',
    message: 'older_than must be at least one day.',
    hint: 'Keep sessions for as long as a buyer may repeat the request, such as 30 days.',
  })
})
