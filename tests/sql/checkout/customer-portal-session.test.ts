/** Who may open the Billing Portal, for which customer, and what is kept of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  anonymous,
  asCaller,
  type Claims,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../../setup/database.ts'
import { ingest, openPortal, portalRow, refusal } from '../support/calls.ts'
import { checkoutSession, customer, eventOf, subjectMetadata, T } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await pays('u1', 'cus_u1', T)
})
afterAll(() => database.close())

const pays = (id: string, customerId: string, created: number) =>
  ingest(
    database.sql,
    eventOf(
      'checkout.session.completed',
      checkoutSession({ created, customer: customerId, metadata: subjectMetadata('user', id) }),
      { created },
    ),
  )
const me = (id: string) => ({ type: 'user', id })
const open = (caller: Claims, subject: Parameters<typeof openPortal>[2], more = {}) =>
  asCaller(database.sql, service, (sql) => openPortal(sql, caller, subject, more))
const countOf = async () => {
  const [row] =
    await database.sql`select count(*)::integer as count from payments.stripe_customer_portal_sessions`
  return row?.count
}
const REFUSED_BY_POLICY = {
  code: '42501',
  message: 'new row violates row-level security policy for table "stripe_customer_portal_sessions"',
}
const NO_CUSTOMER = {
  code: 'SP003',
  message: 'This billing subject has no Stripe customer yet.',
  hint: 'Complete a checkout for it first.',
}

describe('beginning', () => {
  test('a signed-in user opens the portal of their own customer', async () => {
    const begun = await open(user('u1'), me('u1'), {
      returnUrl: 'https://shop.example/account',
      configuration: 'bpc_1',
    })
    expect(begun.params).toEqual({
      customer: 'cus_u1',
      return_url: 'https://shop.example/account',
      configuration: 'bpc_1',
    })
    expect(begun.idempotency_key).toBe(`pg-payments:test:customer_portal_session:${begun.session.id}`)
    expect(await portalRow(database.sql, begun.session.id)).toMatchObject({
      environment: 'test',
      status: 'initialized',
      subject_type: 'user',
      subject_id: 'u1',
      customer_id: 'cus_u1',
      return_url: 'https://shop.example/account',
      configuration_id: 'bpc_1',
      url: null,
    })
  })

  test('what was not asked for is not sent', async () => {
    expect((await open(user('u1'), me('u1'))).params).toEqual({ customer: 'cus_u1' })
  })

  test('a subject without a customer has no portal, and no row is left', async () => {
    const before = await countOf()
    expect(await refusal(open(user('u9'), me('u9')))).toEqual(NO_CUSTOMER)
    expect(await refusal(open(user('u1'), me('u1'), { environment: 'live' }))).toEqual(NO_CUSTOMER)
    expect(await countOf()).toBe(before)
  })

  test('a deleted customer has no portal, and the next customer of the subject has', async () => {
    const gone = customer({ id: 'cus_gone' })
    await pays('u3', gone.id, T)
    await ingest(database.sql, eventOf('customer.deleted', gone, { created: T + 5 }))
    expect(await refusal(open(user('u3'), me('u3')))).toEqual(NO_CUSTOMER)
    await pays('u3', 'cus_next', T + 9)
    expect((await open(user('u3'), me('u3'))).params.customer).toBe('cus_next')
  })

  test.each<[string, Claims, { type: string; id: string }]>([
    ['another user', user('u2'), me('u1')],
    ['a user for a team, without a policy of the app', user('u1'), { type: 'team', id: 't1' }],
    ['a token without sub', { role: 'authenticated' }, me('u1')],
  ])('%s is refused before anybody learns whether there is a customer', async (_, caller, subject) => {
    const before = await countOf()
    expect(await refusal(open(caller, subject))).toEqual(REFUSED_BY_POLICY)
    expect(await countOf()).toBe(before)
  })

  test('an anonymous caller is asked to sign in', async () => {
    expect(await refusal(open(anonymous, me('u1')))).toEqual({
      code: 'SP004',
      message: 'Sign in to open the billing portal.',
      hint: 'Send the token of a signed-in user.',
    })
  })

  test.each(['postgres', 'payments_service', '', null])(
    'a token with the role %j is refused',
    async (role) => {
      expect(await refusal(open({ role, sub: 'u1' } as never, me('u1')))).toEqual({
        code: 'SP007',
        message: 'The role of a caller may be anon or authenticated only.',
        hint: 'Sign in again and send the new token.',
      })
    },
  )

  test.each([
    { type: null, id: 'u1' },
    { type: 'user', id: null },
    { type: '', id: 'u1' },
    { type: 'user', id: '' },
    { type: 'x'.repeat(101), id: 'u1' },
    { type: 'user', id: 'x'.repeat(256) },
  ])('a subject that is not whole is refused: %j', async (subject) => {
    expect(await refusal(open(user('u1'), subject))).toEqual({
      code: 'SP001',
      message: 'subject needs a type of 1 to 100 and an id of 1 to 255 characters.',
      hint: 'Correct the request and send it again.',
    })
  })

  test.each([
    { type: ' ', id: 'u1' },
    { type: 'user', id: ' ' },
  ])('a blank subject is refused: %j', async (subject) => {
    expect(await refusal(open(user('u1'), subject))).toEqual({
      code: 'SP001',
      message: 'subject.type and subject.id must not be blank.',
      hint: 'Correct the request and send it again.',
    })
  })

  test.each([
    ['a relative returnUrl', { returnUrl: '/account' }, 'returnUrl must be an absolute http or https URL.'],
    [
      'a returnUrl with a space',
      { returnUrl: 'https://app.example/my account' },
      'returnUrl must be an absolute http or https URL.',
    ],
    [
      'a returnUrl of 5001 characters',
      { returnUrl: `https://app.example/${'x'.repeat(4981)}` },
      'returnUrl must have at most 5000 characters.',
    ],
    ['a blank configuration', { configuration: ' ' }, 'configuration must have 1 to 255 characters.'],
    ['an empty configuration', { configuration: '' }, 'configuration must have 1 to 255 characters.'],
    [
      'a configuration of 256 characters',
      { configuration: 'x'.repeat(256) },
      'configuration must have 1 to 255 characters.',
    ],
  ])('%s is refused', async (_, more, message) => {
    expect(await refusal(open(user('u1'), me('u1'), more))).toEqual({
      code: 'SP001',
      message,
      hint: 'Correct the request and send it again.',
    })
  })

  test('an unknown environment is refused', async () => {
    expect(await refusal(open(user('u1'), me('u1'), { environment: 'prod' }))).toEqual({
      code: 'SP001',
      message: 'environment must be test or live.',
      hint: 'Use test or live.',
    })
  })

  test('the role and the claims of the transaction are as before', async () => {
    await asCaller(database.sql, service, async (sql) => {
      await openPortal(sql, user('u1'), me('u1'))
      const [row] = await sql`select current_user::text as role, payments.caller_id() as caller`
      expect(row).toEqual({ role: 'payments_service', caller: null })
    })
  })
})

describe('tables, reached by the roles of app users themselves', () => {
  const insertAs = (caller: Claims, columns: Record<string, unknown>) =>
    asCaller(
      database.sql,
      caller,
      (sql) =>
        sql`insert into payments.stripe_customer_portal_sessions ${sql({ environment: 'test', ...columns })} returning *`,
    )

  test('a user inserts a request of their own', async () => {
    const [row] = await insertAs(user('u1'), { subject_type: 'user', subject_id: 'u1' })
    expect(row).toMatchObject({ status: 'initialized', customer_id: 'cus_u1', url: null })
  })

  test('nobody inserts a request for another, and an anonymous caller none at all', async () => {
    for (const caller of [user('u2'), anonymous]) {
      expect(await refusal(insertAs(caller, { subject_type: 'user', subject_id: 'u1' }))).toEqual(
        REFUSED_BY_POLICY,
      )
    }
  })

  test.each([
    ['status', 'created'],
    ['customer_id', 'cus_u2'],
    ['url', 'https://evil.example'],
    ['raw', '{}'],
    ['last_error', 'x'],
  ])('nobody inserts %s', async (column, value) => {
    expect(
      await refusal(insertAs(user('u1'), { subject_type: 'user', subject_id: 'u1', [column]: value })),
    ).toEqual({ code: '42501', message: 'permission denied for table stripe_customer_portal_sessions' })
  })

  test.each<[Record<string, string>, string]>([
    [{ return_url: 'javascript:alert(1)' }, 'returnUrl must be an absolute http or https URL.'],
    [{ return_url: `https://a.example/${'x'.repeat(5000)}` }, 'returnUrl must have at most 5000 characters.'],
    [{ configuration_id: ' ' }, 'configuration must have 1 to 255 characters.'],
  ])('a row that the handlers would refuse is refused: %j', async (columns, message) => {
    const row = { subject_type: 'user', subject_id: 'u1', ...columns }
    expect(await refusal(insertAs(user('u1'), row))).toMatchObject({ code: 'SP001', message })
  })

  test('a user sees their own, and nobody else does', async () => {
    const { session } = await open(user('u1'), me('u1'))
    const seenBy = (caller: Claims) =>
      asCaller(
        database.sql,
        caller,
        (sql) => sql`select id from payments.stripe_customer_portal_sessions where id = ${session.id}`,
      )
    expect(await seenBy(user('u1'))).toEqual([{ id: session.id }])
    expect(await seenBy(user('u2'))).toEqual([])
    expect(await seenBy({ role: 'authenticated' })).toEqual([])
    expect(await seenBy(anonymous)).toEqual([])
    expect(await seenBy(service)).toHaveLength(1)
  })

  test.each([
    `update payments.stripe_customer_portal_sessions set url = 'https://evil.example'`,
    'delete from payments.stripe_customer_portal_sessions',
  ])('nobody may: %s', async (statement) => {
    for (const caller of [user('u1'), anonymous]) {
      expect(await refusal(asCaller(database.sql, caller, (sql) => sql.unsafe(statement)))).toMatchObject({
        code: '42501',
      })
    }
  })
})

describe('Stripe’s answer', () => {
  const NO_ROW = {
    code: 'SP006',
    message: 'There is no portal session with this id.',
    hint: 'Open the portal again.',
  }
  const answer = {
    id: 'bps_1',
    object: 'billing_portal.session',
    url: 'https://billing.stripe.com/p/session/1',
  }
  const completeAs = (caller: Claims, environment: string, id: string) =>
    asCaller(
      database.sql,
      caller,
      (sql) =>
        sql`select * from payments.complete_customer_portal_session(${environment}, ${id}, ${sql.json(answer)})`,
    )
  const failAs = (caller: Claims, environment: string, id: string) =>
    asCaller(
      database.sql,
      caller,
      (sql) =>
        sql`select * from payments.fail_customer_portal_session(${environment}, ${id}, 'No configuration')`,
    )

  test('completes the row', async () => {
    const { session } = await open(user('u1'), me('u1'))
    const [row] = await completeAs(service, 'test', session.id)
    expect(row).toMatchObject({
      id: session.id,
      status: 'created',
      url: answer.url,
      last_error: null,
      raw: answer,
    })
  })

  test('or fails it, with the reason', async () => {
    const { session } = await open(user('u1'), me('u1'))
    const [row] = await failAs(service, 'test', session.id)
    expect(row).toMatchObject({ id: session.id, status: 'failed', url: null, last_error: 'No configuration' })
  })

  test('for a row that is not there, or in the other environment, is refused', async () => {
    const { session } = await open(user('u1'), me('u1'))
    for (const call of [completeAs, failAs]) {
      expect(await refusal(call(service, 'live', session.id))).toEqual(NO_ROW)
      expect(await refusal(call(service, 'test', '00000000-0000-4000-8000-000000000000'))).toEqual(NO_ROW)
    }
    expect((await portalRow(database.sql, session.id)).status).toBe('initialized')
  })

  test('comes from the service only', async () => {
    const { session } = await open(user('u1'), me('u1'))
    for (const caller of [user('u1'), anonymous]) {
      expect(await refusal(completeAs(caller, 'test', session.id))).toMatchObject({ code: '42501' })
      expect(await refusal(failAs(caller, 'test', session.id))).toMatchObject({ code: '42501' })
    }
  })
})
