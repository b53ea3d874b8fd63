/** What is kept of a checkout that Stripe did not make. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  anonymous,
  asCaller,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../../setup/database.ts'
import { begin, complete, fail, ingest, refusal, sessionRow } from '../support/calls.ts'
import { checkoutSession, eventOf, newId, openSession, T } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const subject = { type: 'user', id: 'u1' }
const begun = (idempotencyKey = newId('key')) =>
  asCaller(database.sql, service, (sql) => begin(sql, user('u1'), { subject, idempotencyKey }))

test('the row says failed, with the reason, and whether Stripe may have acted', async () => {
  for (const stripeMayHaveActed of [false, true]) {
    const checkout = await begun()
    const row = await asCaller(database.sql, service, (sql) =>
      fail(sql, checkout, 'No such price: price_tea', { stripeMayHaveActed }),
    )
    expect(row).toMatchObject({
      id: checkout.session.id,
      status: 'failed',
      last_error: 'No such price: price_tea',
      stripe_may_have_acted: stripeMayHaveActed,
      attempt: 1,
    })
  }
})

test('its owner sees the failure, and nobody else does', async () => {
  const checkout = await begun()
  await fail(database.sql, checkout, 'refused')
  const seenBy = (caller: Parameters<typeof asCaller>[1]) =>
    asCaller(
      database.sql,
      caller,
      (sql) =>
        sql`select last_error from payments.stripe_checkout_sessions where id = ${checkout.session.id}`,
    )
  expect(await seenBy(user('u1'))).toEqual([{ last_error: 'refused' }])
  expect(await seenBy(user('u2'))).toEqual([])
  expect(await seenBy(anonymous)).toEqual([])
})

test('a failure that is told after the webhook came changes nothing', async () => {
  const checkout = await begun()
  const session = checkoutSession({
    client_reference_id: checkout.session.id,
    metadata: checkout.params.metadata,
  })
  await ingest(database.sql, eventOf('checkout.session.completed', session))
  expect(await fail(database.sql, checkout, 'timeout', { stripeMayHaveActed: true })).toMatchObject({
    status: 'completed',
    last_error: null,
    stripe_may_have_acted: false,
  })
})

test('a failure that is told after Stripe answered changes nothing', async () => {
  const checkout = await begun()
  await complete(database.sql, checkout, openSession({ client_reference_id: checkout.session.id }), T)
  expect(await fail(database.sql, checkout, 'timeout')).toMatchObject({ status: 'open', last_error: null })
})

test('a failure of an earlier attempt changes nothing of a later one', async () => {
  const key = newId('key')
  const first = await begun(key)
  await fail(database.sql, first, 'refused')
  const second = await begun(key)
  expect(second.attempt).toBe(2)
  expect(await fail(database.sql, first, 'late')).toMatchObject({
    status: 'initialized',
    last_error: null,
    attempt: 2,
  })
})

test('an unknown row and a row of the other environment are refused', async () => {
  const checkout = await begun()
  const error = {
    code: 'SP006',
    message: 'There is no checkout session with this id.',
    hint: 'Begin a new checkout.',
  }
  const nowhere = { session: { environment: 'test', id: '00000000-0000-4000-8000-000000000000' }, attempt: 1 }
  expect(await refusal(fail(database.sql, nowhere, 'x'))).toEqual(error)
  const elsewhere = { ...checkout, session: { ...checkout.session, environment: 'live' } }
  expect(await refusal(fail(database.sql, elsewhere, 'x'))).toEqual(error)
  expect((await sessionRow(database.sql, checkout.session.id)).status).toBe('initialized')
})

test('only the service may tell', async () => {
  const checkout = await begun()
  for (const caller of [user('u1'), anonymous]) {
    expect(await refusal(asCaller(database.sql, caller, (sql) => fail(sql, checkout, 'x')))).toEqual({
      code: '42501',
      message: 'permission denied for function fail_checkout_session',
    })
  }
})
