/** Checkouts under one idempotency key, begun on two connections at once. */
import type postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Claims, createTestDatabase, type TestDatabase, user } from '../setup/database.ts'
import { begin, type CheckoutRequest, fail, refusal } from '../sql/support/calls.ts'
import { newId } from '../sql/support/stripe.ts'
import { type Connection, connect, start, waitsOrIsDone } from './support/connections.ts'

let database: TestDatabase
let connections: Connection[]
let close: () => Promise<unknown>

beforeAll(async () => {
  database = await createTestDatabase()
  ;({ connections, close } = await connect(database.url, 4))
})
afterAll(async () => {
  await close()
  await database.close()
})

const pick = (i: number) => connections[i] as Connection
const request = (id: string): CheckoutRequest => ({
  subject: { type: 'user', id },
  idempotencyKey: newId('key'),
})
const rowsWith = (request: CheckoutRequest) => database.sql`
  select id, attempt, status from payments.stripe_checkout_sessions where idempotency_key = ${request.idempotencyKey as string}`

/** One transaction, as the handlers have it: begin as the service, commit before Stripe is asked. */
const beginOn = ({ sql }: Connection, caller: Claims, request: CheckoutRequest) =>
  sql.begin(async (transaction: postgres.TransactionSql) => {
    await transaction`set local role payments_service`
    return begin(transaction, caller, request)
  })

/** The first call is made but not committed; the second starts and waits; the first ends as said. */
async function steps(
  caller: Claims,
  first: CheckoutRequest,
  second: CheckoutRequest,
  end: 'commit' | 'rollback',
) {
  const [a, b] = [pick(0), pick(1)]
  await a.sql`begin`
  await a.sql`set local role payments_service`
  const begun = await begin(a.sql, caller, first)
  const started = start(beginOn(b, caller, second))
  expect(await waitsOrIsDone(database.sql, b, started)).toBe('waits')
  await a.sql.unsafe(end)
  return { first: begun, second: started.done }
}

test('the same request twice at once is one row, and both send the same under one Stripe key', async () => {
  const keyed = request('u1')
  const { first, second } = await steps(user('u1'), keyed, keyed, 'commit')
  expect(await second).toEqual(first)
  expect(await rowsWith(keyed)).toHaveLength(1)
})

test('when the first is rolled back, the second has the row', async () => {
  const keyed = request('u1')
  const { first, second } = await steps(user('u1'), keyed, keyed, 'rollback')
  expect((await second).session.id).not.toBe(first.session.id)
  expect(await rowsWith(keyed)).toHaveLength(1)
})

test('another request under the key at once is refused', async () => {
  const keyed = request('u1')
  const { second } = await steps(user('u1'), keyed, { ...keyed, metadata: { other: '1' } }, 'commit')
  expect(await refusal(second)).toMatchObject({ code: 'SP002' })
  expect(await rowsWith(keyed)).toHaveLength(1)
})

test('another user with the same key does not wait', async () => {
  const [a, b] = [pick(0), pick(1)]
  const mine = request('u1')
  await a.sql`begin`
  await begin(a.sql, user('u1'), mine)
  const theirs = await beginOn(b, user('u2'), { ...mine, subject: { type: 'user', id: 'u2' } })
  await a.sql`commit`
  expect(theirs.action).toBe('send')
  expect(await rowsWith(mine)).toHaveLength(2)
})

test('four retries of a failed checkout at once are one second attempt, in 20 rounds', async () => {
  for (let round = 0; round < 20; round++) {
    const keyed = request('u1')
    const first = await beginOn(pick(0), user('u1'), keyed)
    await fail(database.sql, first, 'No such price')
    const retries = await Promise.all(connections.map((connection) => beginOn(connection, user('u1'), keyed)))
    expect(new Set(retries.map(({ idempotency_key }) => idempotency_key))).toEqual(
      new Set([`pg-payments:test:checkout_session:${first.session.id}:2`]),
    )
    expect(await rowsWith(keyed)).toMatchObject([{ id: first.session.id, attempt: 2, status: 'initialized' }])
  }
})

test('four first calls at once are one row, in 20 rounds', async () => {
  for (let round = 0; round < 20; round++) {
    const keyed = request('u1')
    const calls = await Promise.all(connections.map((connection) => beginOn(connection, user('u1'), keyed)))
    expect(new Set(calls.map(({ session }) => session.id)).size).toBe(1)
    expect(await rowsWith(keyed)).toHaveLength(1)
  }
})
