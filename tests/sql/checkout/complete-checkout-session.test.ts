/** What Stripe's answer makes of a checkout, and what it may not undo. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  anonymous,
  asCaller,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../../setup/database.ts'
import {
  begin,
  complete,
  fail,
  ingest,
  mappingOf,
  paymentRow,
  refusal,
  sessionRow,
} from '../support/calls.ts'
import { at, checkoutSession, eventOf, newId, openSession, T } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const begun = (id = 'u1') =>
  asCaller(database.sql, service, (sql) =>
    begin(sql, user(id), { subject: { type: 'user', id }, idempotencyKey: newId('key') }),
  )

test('Stripe’s answer opens the session', async () => {
  const checkout = await begun()
  const session = openSession({
    client_reference_id: checkout.session.id,
    metadata: checkout.params.metadata,
  })
  const row = await asCaller(database.sql, service, (sql) => complete(sql, checkout, session, T))
  expect(row).toMatchObject({
    id: checkout.session.id,
    status: 'open',
    payment_status: 'unpaid',
    checkout_session_id: session.id,
    url: session.url,
    expires_at: session.expires_at,
    last_error: null,
    raw: { id: session.id },
    subject_type: 'user',
    subject_id: 'u1',
    caller_id: 'u1',
    metadata: {},
  })
})

test('the same answer twice changes nothing', async () => {
  const checkout = await begun()
  const session = openSession({ client_reference_id: checkout.session.id })
  const first = await complete(database.sql, checkout, session, T)
  const { updated_at, ...second } = await complete(database.sql, checkout, session, T)
  expect(first).toMatchObject(second)
})

test('an answer that comes after the webhook does not undo the payment', async () => {
  const checkout = await begun()
  const session = openSession({
    client_reference_id: checkout.session.id,
    metadata: checkout.params.metadata,
  })
  const paid = {
    ...session,
    payment_intent: newId('pi'),
    payment_status: 'paid',
    status: 'complete',
    url: null,
  }
  await ingest(database.sql, eventOf('checkout.session.completed', paid, { created: T + 2 }))
  const row = await complete(database.sql, checkout, session, T + 5)
  expect(row).toMatchObject({
    status: 'completed',
    payment_status: 'paid',
    payment_intent_id: paid.payment_intent,
    checkout_session_id: session.id,
  })
})

test('an answer from before an unpaid completion does not open the session again', async () => {
  const checkout = await begun()
  const session = openSession({
    client_reference_id: checkout.session.id,
    metadata: checkout.params.metadata,
  })
  await ingest(
    database.sql,
    eventOf('checkout.session.completed', { ...session, status: 'complete', url: null }, { created: T + 2 }),
  )
  expect(await complete(database.sql, checkout, session, T + 1)).toMatchObject({
    status: 'completed',
    payment_status: 'unpaid',
  })
})

test('a handler that dies after Stripe made the session is made good by the webhook, which finds the row', async () => {
  const checkout = await begun('healed')
  const session = checkoutSession({
    client_reference_id: checkout.session.id,
    customer: 'cus_healed',
    metadata: checkout.params.metadata,
  })
  await ingest(database.sql, eventOf('checkout.session.completed', session))
  expect(await sessionRow(database.sql, checkout.session.id)).toMatchObject({
    status: 'completed',
    payment_status: 'paid',
    checkout_session_id: session.id,
    customer_id: 'cus_healed',
    caller_id: 'healed',
  })
  expect(await mappingOf(database.sql, 'user', 'healed')).toBe('cus_healed')
  expect(await paymentRow(database.sql, session.id)).toMatchObject({
    subject_type: 'user',
    subject_id: 'healed',
  })
})

test('a row that was given up after a time-out is completed when the session turns out to exist', async () => {
  const checkout = await begun()
  await fail(database.sql, checkout, 'timeout', { stripeMayHaveActed: true })
  const session = checkoutSession({
    client_reference_id: checkout.session.id,
    metadata: checkout.params.metadata,
  })
  await ingest(database.sql, eventOf('checkout.session.completed', session))
  expect(await sessionRow(database.sql, checkout.session.id)).toMatchObject({
    status: 'completed',
    last_error: null,
    stripe_may_have_acted: false,
  })
})

test('the owner of a row stays, whatever the metadata of the session says', async () => {
  const checkout = await begun('owner')
  const session = openSession({
    client_reference_id: checkout.session.id,
    metadata: { payments_subject_type: 'user', payments_subject_id: 'thief' },
  })
  await complete(database.sql, checkout, session, T)
  await ingest(
    database.sql,
    eventOf('checkout.session.completed', {
      ...session,
      customer: 'cus_owner',
      status: 'complete',
      payment_status: 'paid',
    }),
  )
  expect(await sessionRow(database.sql, session.id)).toMatchObject({ subject_id: 'owner' })
  expect(await mappingOf(database.sql, 'user', 'owner')).toBe('cus_owner')
  expect(await mappingOf(database.sql, 'user', 'thief')).toBeUndefined()
})

test('metadata that counts attempts in words is not ours, and the session is projected all the same', async () => {
  const checkout = await begun()
  const session = checkoutSession({
    client_reference_id: checkout.session.id,
    metadata: { payments_attempt: 'first' },
  })
  const { status } = await ingest(database.sql, eventOf('checkout.session.completed', session))
  expect(status).toBe('processed')
  expect((await paymentRow(database.sql, session.id)).status).toBe('succeeded')
})

test('a session that was paid although the row had gone on is still a payment of the subject', async () => {
  const checkout = await begun('twice')
  await fail(database.sql, checkout, 'refused')
  await asCaller(database.sql, service, (sql) =>
    begin(sql, user('twice'), {
      subject: { type: 'user', id: 'twice' },
      idempotencyKey: checkout.session.idempotency_key,
    }),
  )
  const session = checkoutSession({
    client_reference_id: checkout.session.id,
    customer: 'cus_twice',
    metadata: checkout.params.metadata,
  })
  await ingest(database.sql, eventOf('checkout.session.completed', session))
  expect(await sessionRow(database.sql, checkout.session.id)).toMatchObject({
    attempt: 2,
    status: 'initialized',
    checkout_session_id: null,
  })
  expect(await paymentRow(database.sql, session.id)).toMatchObject({
    status: 'succeeded',
    subject_type: 'user',
    subject_id: 'twice',
  })
})

test('an answer for a row that is not there is refused, and nothing is written', async () => {
  const session = openSession()
  const nowhere = { session: { environment: 'test', id: '00000000-0000-4000-8000-000000000000' }, attempt: 1 }
  expect(await refusal(complete(database.sql, nowhere, session, T))).toEqual({
    code: 'SP006',
    message: 'There is no checkout session with this id.',
    hint: 'Begin a new checkout.',
  })
  expect(
    await database.sql`select from payments.stripe_checkout_sessions where checkout_session_id = ${session.id}`,
  ).toHaveLength(0)
})

test('an answer for a row of the other environment is refused', async () => {
  const checkout = await begun()
  const elsewhere = { ...checkout, session: { ...checkout.session, environment: 'live' } }
  const session = openSession()
  expect(await refusal(complete(database.sql, elsewhere, session, T))).toMatchObject({ code: 'SP005' })
  const live = { ...session, livemode: true }
  expect(await refusal(complete(database.sql, elsewhere, live, T))).toMatchObject({ code: 'SP006' })
  expect((await sessionRow(database.sql, checkout.session.id)).status).toBe('initialized')
})

test.each([
  { object: 'checkout.session' },
  { object: 'checkout.session', id: '' },
  { object: 'payment_intent', id: 'pi_1' },
  {},
  [],
])('an answer that is no Checkout Session is refused: %j', async (answer) => {
  const checkout = await begun()
  expect(await refusal(complete(database.sql, checkout, answer, T))).toEqual({
    code: 'SP001',
    message: 'session must be a Checkout Session of Stripe.',
    hint: "Pass Stripe's answer.",
  })
})

test('an unknown environment is refused', async () => {
  const checkout = {
    session: { environment: 'prod', id: '00000000-0000-4000-8000-000000000000' },
    attempt: 1,
  }
  expect(await refusal(complete(database.sql, checkout, openSession(), T))).toEqual({
    code: 'SP001',
    message: 'environment must be test or live.',
    hint: 'Use test or live.',
  })
})

test('only the service may hand in an answer', async () => {
  const checkout = await begun()
  for (const caller of [user('u1'), anonymous]) {
    expect(
      await refusal(asCaller(database.sql, caller, (sql) => complete(sql, checkout, openSession(), T))),
    ).toEqual({ code: '42501', message: 'permission denied for function complete_checkout_session' })
  }
})

test('a session of a Payment Link takes over no row, although its buyer chose the reference', async () => {
  const checkout = await begun('linked')
  const session = checkoutSession({
    client_reference_id: checkout.session.id,
    customer: 'cus_stranger',
    payment_link: 'plink_1',
  })
  await ingest(database.sql, eventOf('checkout.session.completed', session))
  expect(await sessionRow(database.sql, checkout.session.id)).toMatchObject({
    status: 'initialized',
    checkout_session_id: null,
    customer_id: null,
  })
  expect(await sessionRow(database.sql, session.id)).toMatchObject({ subject_type: null, subject_id: null })
  expect(await mappingOf(database.sql, 'user', 'linked')).toBeUndefined()
})

test('instants are those of Stripe', async () => {
  const checkout = await begun()
  const session = openSession({ client_reference_id: checkout.session.id, expires_at: T + 1800 })
  await complete(database.sql, checkout, session, T)
  const [row] = await database.sql`
    select expires_at from payments.stripe_checkout_sessions where id = ${checkout.session.id}`
  expect(row?.expires_at).toEqual(at(T + 1800))
})
