/** Who may begin a checkout, what is sent to Stripe for it, and what a retry finds. */
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
import {
  begin,
  type CheckoutRequest,
  complete,
  fail,
  ingest,
  refusal,
  sessionRow,
  undone,
} from '../support/calls.ts'
import {
  at,
  checkoutSession,
  customer,
  eventOf,
  newId,
  openSession,
  subjectMetadata,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

/** Begins as the handlers' role, each call in a transaction of its own. */
const beginAsService = (caller: Claims, request?: CheckoutRequest) =>
  asCaller(database.sql, service, (sql) => begin(sql, caller, request))

const me = (id: string) => ({ type: 'user', id })
const countOf = async () => {
  const [row] = await database.sql`select count(*)::integer as count from payments.stripe_checkout_sessions`
  return row?.count
}
const countOfKey = async (key: string) => {
  const [row] = await database.sql`
    select count(*)::integer as count from payments.stripe_checkout_sessions where idempotency_key = ${key}`
  return row?.count
}
const REFUSED_BY_POLICY = {
  code: '42501',
  message: 'new row violates row-level security policy for table "stripe_checkout_sessions"',
}
const KEY_IN_USE = {
  code: 'SP002',
  message: 'This idempotency key was already used for another checkout.',
  hint: 'Use a new idempotency key for a new checkout, or repeat the first request unchanged.',
}
const WRONG_ROLE = {
  code: 'SP007',
  message: 'The role of a caller may be anon or authenticated only.',
  hint: 'Sign in again and send the new token.',
}

describe('who may', () => {
  test('a signed-in user begins a checkout for their own subject', async () => {
    const begun = await beginAsService(user('u1'), { subject: me('u1') })
    expect(begun.action).toBe('send')
    expect(await sessionRow(database.sql, begun.session.id)).toMatchObject({
      environment: 'test',
      mode: 'payment',
      status: 'initialized',
      payment_status: null,
      subject_type: 'user',
      subject_id: 'u1',
      caller_id: 'u1',
      attempt: 1,
      checkout_session_id: null,
      customer_id: null,
      idempotency_scope: 'subject:user:u1',
    })
  })

  test('a signed-in user begins a subscription for their own subject', async () => {
    const begun = await beginAsService(user('u1'), { mode: 'subscription', subject: me('u1') })
    expect(begun.session.mode).toBe('subscription')
  })

  test.each<[string, Claims, CheckoutRequest]>([
    ['a user cannot bill another user', user('u1'), { subject: me('u2') }],
    [
      'a user cannot bill a team without a policy of the app',
      user('u1'),
      { subject: { type: 'team', id: 't1' } },
    ],
    ['an anonymous caller cannot bill a user', anonymous, { subject: me('u1') }],
    ['an anonymous caller cannot subscribe a user', anonymous, { mode: 'subscription', subject: me('u1') }],
    ['a token without sub cannot bill a user', { role: 'authenticated' }, { subject: me('u1') }],
    ['an empty sub is nobody', { role: 'authenticated', sub: '' }, { subject: me('u1') }],
  ])('%s, and nothing is written', async (_, caller, request) => {
    const before = await countOf()
    expect(await refusal(beginAsService(caller, request))).toEqual(REFUSED_BY_POLICY)
    expect(await countOf()).toBe(before)
  })

  test('anyone begins a one-time payment without a subject', async () => {
    const guest = await beginAsService(anonymous)
    expect(guest.session).toMatchObject({
      subject_type: null,
      caller_id: null,
      idempotency_scope: `guest:${guest.session.request_hash}`,
    })
    const signedIn = await beginAsService(user('u1'))
    expect(signedIn.session).toMatchObject({
      subject_type: null,
      caller_id: 'u1',
      idempotency_scope: 'caller:u1',
    })
  })

  test.each(['postgres', 'payments_service', 'service_role', 'Authenticated', '', null])(
    'a token with the role %j is refused',
    async (role) => {
      const before = await countOf()
      const caller = { role, sub: 'u1' } as unknown as Claims
      expect(await refusal(beginAsService(caller, { subject: me('u1') }))).toEqual(WRONG_ROLE)
      expect(await countOf()).toBe(before)
    },
  )

  test('without claims there is no caller', async () => {
    const call = asCaller(
      database.sql,
      service,
      (sql) => sql`
        select payments.begin_checkout_session(
          'test', null, 'payment', '[{"priceId": "p"}]', 'https://a.example', 'https://a.example')`,
    )
    expect(await refusal(call)).toEqual(WRONG_ROLE)
  })

  test.each(['anon', 'authenticated'])('%s cannot call it around the handlers', async (role) => {
    const caller: Claims = { role, sub: 'u1' }
    expect(await refusal(asCaller(database.sql, caller, (sql) => begin(sql, caller)))).toEqual({
      code: '42501',
      message: 'permission denied for function begin_checkout_session',
    })
  })
})

describe('the role of the transaction', () => {
  const whoAmI = `
    select current_user::text as role, coalesce(current_setting('request.jwt.claims', true), '') as claims,
      payments.caller_id() as caller, coalesce(current_setting('payments.idempotency_key', true), '') as key`

  test('is the service again after a checkout was begun, with the claims it had', async () => {
    await asCaller(database.sql, service, async (sql) => {
      const [before] = await sql.unsafe(whoAmI)
      await begin(sql, user('u1'), { subject: me('u1'), idempotencyKey: 'role' })
      expect(await sql.unsafe(whoAmI)).toEqual([before])
      await begin(sql, user('u1'), { subject: me('u1'), idempotencyKey: 'role' })
      expect(await sql.unsafe(whoAmI)).toEqual([before])
      expect(before).toMatchObject({ role: 'payments_service', caller: null, key: '' })
    })
  })

  test('is again whoever connected when no role was set', async () => {
    const roles = await database.sql.begin(async (sql) => {
      const [before] = await sql`select current_user::text as role`
      await begin(sql, user('u1'), { subject: me('u1') })
      const [after] = await sql`select current_user::text as role`
      return [before?.role, after?.role]
    })
    expect(roles[1]).toBe(roles[0])
    expect(roles[0]).not.toBe('authenticated')
  })

  test('is the service again after a refusal was rolled back to a savepoint', async () => {
    await asCaller(database.sql, service, async (sql) => {
      await refusal(sql.savepoint((inner) => begin(inner, user('u1'), { subject: me('u2') })))
      expect(await sql.unsafe(whoAmI)).toMatchObject([{ role: 'payments_service', caller: null }])
    })
  })

  test('leaves nothing on the connection when the transaction is over', async () => {
    const connection = await database.sql.reserve()
    try {
      const [before] = await connection.unsafe(whoAmI)
      await connection`begin`
      await connection`set local role payments_service`
      await begin(connection as never, user('u1'), { subject: me('u1'), idempotencyKey: 'leaves nothing' })
      await connection`commit`
      expect(await connection.unsafe(whoAmI)).toEqual([before])
    } finally {
      connection.release()
    }
  })

  test('needs no superuser: a login that is a member of the three roles is enough', async () => {
    const { sql } = database
    const login = `test_login_of_pg_payments_${process.pid}`
    await undone(sql, async (transaction) => {
      await transaction.unsafe(`create role ${login} login noinherit`)
      await transaction.unsafe(`grant anon, authenticated, payments_service to ${login}`)
      await transaction.unsafe(`set local session authorization ${login}`)
      await transaction`set local role payments_service`
      const begun = await begin(transaction, user('u1'), { subject: me('u1'), idempotencyKey: 'login' })
      await complete(transaction, begun, openSession({ client_reference_id: begun.session.id }), T)
      expect(
        (await begin(transaction, user('u1'), { subject: me('u1'), idempotencyKey: 'login' })).action,
      ).toBe('return')
      expect((await ingest(transaction, eventOf('customer.created', customer()))).status).toBe('processed')
    })
  })
})

describe('tables, reached by the roles of app users themselves', () => {
  const insertOf = (columns: Record<string, unknown>) => ({
    environment: 'test',
    mode: 'payment',
    success_url: 'https://shop.example/s',
    cancel_url: 'https://shop.example/c',
    line_items: database.sql.json([{ priceId: 'price_tea' }]),
    ...columns,
  })
  const insertAs = (caller: Claims, columns: Record<string, unknown>) =>
    asCaller(
      database.sql,
      caller,
      (sql) => sql`insert into payments.stripe_checkout_sessions ${sql(insertOf(columns))} returning *`,
    )

  test('a user inserts a request for their own subject, and starts where every row starts', async () => {
    const [row] = await insertAs(user('direct'), { subject_type: 'user', subject_id: 'direct' })
    expect(row).toMatchObject({ status: 'initialized', caller_id: 'direct', attempt: 1, version: '0' })
  })

  test.each([
    ['status', 'completed'],
    ['payment_status', 'paid'],
    ['caller_id', 'u2'],
    ['customer_id', 'cus_of_somebody'],
    ['checkout_session_id', 'cs_stolen'],
    ['payment_intent_id', 'pi_stolen'],
    ['subscription_id', 'sub_stolen'],
    ['id', '11111111-2222-4333-8444-555555555555'],
    ['url', 'https://evil.example'],
    ['raw', '{}'],
    ['attempt', 7],
    ['version', 7],
    ['expires_at', '2030-01-01'],
    ['stripe_may_have_acted', true],
    ['last_error', 'none'],
    ['created_at', '2020-01-01'],
  ])('nobody inserts %s', async (column, value) => {
    for (const caller of [user('u1'), anonymous]) {
      const subject = caller ? { subject_type: 'user', subject_id: 'u1' } : {}
      expect(await refusal(insertAs(caller, { ...subject, [column]: value }))).toEqual({
        code: '42501',
        message: 'permission denied for table stripe_checkout_sessions',
      })
    }
  })

  test('nobody inserts idempotency_scope', async () => {
    const error = await refusal(
      insertAs(user('u1'), {
        subject_type: 'user',
        subject_id: 'u1',
        idempotency_scope: 'subject:user:u2',
      }),
    )
    expect(['42501', '428C9']).toContain(error.code)
  })

  test.each<[string, Claims, Record<string, unknown>]>([
    ['for another user', user('u1'), { subject_type: 'user', subject_id: 'u2' }],
    ['for a team', user('u1'), { subject_type: 'team', subject_id: 't1' }],
    ['for a user, without signing in', anonymous, { subject_type: 'user', subject_id: 'u1' }],
    ['for a subscription without a subject', user('u1'), { mode: 'subscription' }],
    ['for a subscription without a subject and without signing in', anonymous, { mode: 'subscription' }],
  ])('a request %s is refused by the policies', async (_, caller, columns) => {
    expect(await refusal(insertAs(caller, columns))).toEqual(REFUSED_BY_POLICY)
  })

  test.each([
    ['update', `update payments.stripe_checkout_sessions set status = 'completed'`],
    ['delete', 'delete from payments.stripe_checkout_sessions'],
    ['truncate', 'truncate payments.stripe_checkout_sessions'],
  ])('nobody may %s', async (_, statement) => {
    for (const caller of [user('u1'), anonymous]) {
      expect(await refusal(asCaller(database.sql, caller, (sql) => sql.unsafe(statement)))).toEqual({
        code: '42501',
        message: 'permission denied for table stripe_checkout_sessions',
      })
    }
  })

  test.each([
    'provider_connections',
    'stripe_products',
    'stripe_prices',
    'customers',
    'customer_mappings',
    'stripe_subscriptions',
    'stripe_subscription_items',
    'transactions',
    'webhook_events',
  ])('nobody reads %s', async (table) => {
    for (const caller of [user('u1'), anonymous]) {
      expect(
        await refusal(asCaller(database.sql, caller, (sql) => sql`select from payments.${sql(table)}`)),
      ).toEqual({ code: '42501', message: `permission denied for table ${table}` })
    }
  })

  test('a user sees their own checkouts, and nobody else does', async () => {
    const own = await beginAsService(user('reader'), { subject: me('reader') })
    const asGuest = await beginAsService(user('reader'))
    const seenBy = (caller: Claims) =>
      asCaller(
        database.sql,
        caller,
        (sql) => sql`
          select id from payments.stripe_checkout_sessions
          where id in (${own.session.id}, ${asGuest.session.id}) order by id = ${own.session.id} desc`,
      )
    expect((await seenBy(user('reader'))).map(({ id }) => id)).toEqual([own.session.id, asGuest.session.id])
    expect(await seenBy(user('other'))).toEqual([])
    expect(await seenBy({ role: 'authenticated' })).toEqual([])
    expect(await seenBy(anonymous)).toEqual([])
    expect(await seenBy(service)).toHaveLength(2)
  })

  test('nobody lists the checkouts of anonymous callers', async () => {
    await beginAsService(anonymous)
    await beginAsService(anonymous, { idempotencyKey: 'secret of a guest' })
    for (const caller of [anonymous, user('u1'), { role: 'authenticated' }]) {
      const rows = await asCaller(
        database.sql,
        caller,
        (sql) => sql`select id from payments.stripe_checkout_sessions where caller_id is null`,
      )
      expect(rows).toEqual([])
    }
  })

  test('nobody lists the sessions that Stripe told of and that have no owner', async () => {
    const session = checkoutSession({ payment_link: 'plink_1' })
    await ingest(database.sql, eventOf('checkout.session.completed', session))
    for (const caller of [anonymous, user('u1')]) {
      const rows = await asCaller(
        database.sql,
        caller,
        (sql) =>
          sql`select id from payments.stripe_checkout_sessions where checkout_session_id = ${session.id}`,
      )
      expect(rows).toEqual([])
    }
  })

  test('what a backend inserted past the handlers cannot smuggle an owner into what Stripe is sent', async () => {
    const smuggled = insertOf({
      idempotency_key: 'smuggled',
      metadata: database.sql.json({
        ...subjectMetadata('user', 'victim'),
        insforge_subject_type: 'user',
        insforge_subject_id: 'victim',
        order_id: '1',
      }),
    })
    await database.sql`insert into payments.stripe_checkout_sessions ${database.sql(smuggled)}`
    const [row] = await database.sql`
      select t.id, payments_private.checkout_session_params(t) as params
      from payments.stripe_checkout_sessions as t where t.idempotency_key = 'smuggled'`
    expect(row?.params.metadata).toEqual({
      order_id: '1',
      payments_checkout_session_id: row?.id,
      payments_attempt: '1',
    })
    expect(row?.params.payment_intent_data.metadata).toEqual(row?.params.metadata)
  })

  test('a row that a user inserted is found by the request that its columns make, and continues', async () => {
    const request = { idempotencyKey: newId('key'), metadata: { order_id: '1' } }
    await insertAs(user('direct'), {
      line_items: database.sql.json([{ priceId: 'price_tea' }]),
      success_url: 'https://shop.example/success',
      cancel_url: 'https://shop.example/cancel',
      idempotency_key: request.idempotencyKey,
      metadata: database.sql.json(request.metadata),
    })
    const begun = await beginAsService(user('direct'), request)
    expect(begun).toMatchObject({ action: 'send', session: { metadata: { order_id: '1' } } })
    expect(await countOfKey(request.idempotencyKey)).toBe(1)
  })

  const sp001 = (message: string) => ({ code: 'SP001', message })
  test.each<[string, Record<string, unknown>, { code: string; message: string }]>([
    [
      'more pieces than a request may have',
      { line_items: [{ priceId: 'price_tea', quantity: 1e30 }] },
      sp001('Each of lineItems needs a priceId and a whole quantity from 1 to 999.'),
    ],
    [
      'a quantity in text',
      { line_items: [{ priceId: 'price_tea', quantity: '9' }] },
      sp001('Each of lineItems needs a priceId and a whole quantity from 1 to 999.'),
    ],
    [
      'another field of an item',
      { line_items: [{ priceId: 'price_tea', quantity: 1, discount: 'all' }] },
      sp001(
        'Each of lineItems may have a priceId, a lookupKey or a priceData, a quantity and an adjustableQuantity, and nothing else.',
      ),
    ],
    ['no item', { line_items: [] }, sp001('lineItems must have 1 to 100 items.')],
    [
      'an address that runs in the browser',
      { success_url: 'javascript:alert(1)' },
      sp001('successUrl must be an absolute http or https URL.'),
    ],
    [
      'such an address for those who cancel',
      { cancel_url: 'javascript:alert(1)' },
      sp001('cancelUrl must be an absolute http or https URL.'),
    ],
    [
      'an endless address',
      { cancel_url: `https://a.example/${'x'.repeat(5000)}` },
      sp001('cancelUrl must have at most 5000 characters.'),
    ],
    [
      'such an address of an embedded session',
      {
        success_url: '',
        cancel_url: '',
        options: { ui_mode: 'embedded', return_url: 'javascript:alert(1)' },
      },
      { code: 'SP050', message: 'returnUrl must be an absolute http or https URL.' },
    ],
    ['no e-mail address', { customer_email: 'ada' }, sp001('customerEmail must be an e-mail address.')],
    ['a blank key', { idempotency_key: ' ' }, sp001('idempotencyKey must not be blank.')],
    [
      'a metadata key with a bracket',
      { metadata: { '[payments_subject_id': 'victim' } },
      sp001('Each key of metadata must have 1 to 40 characters, and no square brackets.'),
    ],
    [
      'metadata that names the owner',
      { metadata: { payments_subject_id: 'victim' } },
      sp001('metadata may not have keys beginning with payments_ or insforge_; they are reserved.'),
    ],
    [
      'metadata that is not text',
      { metadata: { order_id: 7 } },
      sp001('metadata must be an object of strings.'),
    ],
  ])('a row with %s is refused, as the handlers refuse it', async (_, forged, refused) => {
    const columns = Object.entries(forged).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : database.sql.json(value as never),
    ])
    const row = insertOf(Object.fromEntries(columns))
    for (const caller of [user('forger'), anonymous])
      expect(
        await refusal(
          asCaller(
            database.sql,
            caller,
            (sql) => sql`insert into payments.stripe_checkout_sessions ${sql(row)}`,
          ),
        ),
      ).toMatchObject(refused)
    const { cancel_url, success_url, line_items, metadata, customer_email, options, idempotency_key } = {
      ...insertOf({}),
      line_items: [{ priceId: 'price_tea', quantity: 1 }],
      ...forged,
    } as unknown as Record<string, never>
    const asked = begin(database.sql, user('forger'), {
      lineItems: line_items,
      successUrl: success_url,
      cancelUrl: cancel_url,
      metadata,
      customerEmail: customer_email,
      options,
      idempotencyKey: idempotency_key,
    })
    expect(await refusal(asked)).toMatchObject(refused)
  })

  test.each<[string, Record<string, unknown>]>([
    ['other items', { line_items: [{ priceId: 'price_other', quantity: 1 }] }],
    ['another address', { success_url: 'https://elsewhere.example' }],
    ['other metadata', { metadata: { order_id: '7' } }],
  ])('a row with %s and the hash of a harmless request is never taken over', async (_, forged) => {
    for (const caller of [user('forger'), anonymous]) {
      const harmless = { idempotencyKey: newId('key') }
      const hash = await undone(database.sql, async (sql) => {
        const begun = await begin(sql, caller, harmless)
        return (await sessionRow(sql, begun.session.id)).request_hash
      })
      const columns = Object.entries(forged).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : database.sql.json(value as never),
      ])
      const row = insertOf({
        success_url: 'https://shop.example/success',
        cancel_url: 'https://shop.example/cancel',
        line_items: database.sql.json([{ priceId: 'price_tea', quantity: 1 }]),
        idempotency_key: harmless.idempotencyKey,
        request_hash: hash,
        ...Object.fromEntries(columns),
      })
      // Without `returning`, which only a SELECT policy allows: a guest has none.
      await asCaller(
        database.sql,
        caller,
        (sql) => sql`insert into payments.stripe_checkout_sessions ${sql(row)}`,
      )
      if (caller === anonymous) {
        // Nor does it block the guest whose request it pretends to be.
        const { params } = await beginAsService(caller, harmless)
        expect(params.line_items).toEqual([{ price: 'price_tea', quantity: 1 }])
      } else {
        expect(await refusal(beginAsService(caller, harmless))).toEqual(KEY_IN_USE)
      }
    }
  })
})

describe('what is sent to Stripe', () => {
  test('for a guest: the request, and nothing about a customer', async () => {
    const begun = await beginAsService(anonymous, {
      lineItems: [{ priceId: 'price_a', quantity: 3 }, { priceId: 'price_b' }],
      metadata: { order_id: '7' },
    })
    const metadata = { order_id: '7', payments_checkout_session_id: begun.session.id, payments_attempt: '1' }
    expect(begun.params).toEqual({
      mode: 'payment',
      line_items: [
        { price: 'price_a', quantity: 3 },
        { price: 'price_b', quantity: 1 },
      ],
      success_url: 'https://shop.example/success',
      cancel_url: 'https://shop.example/cancel',
      client_reference_id: begun.session.id,
      metadata,
      payment_intent_data: { metadata },
    })
    expect(begun.idempotency_key).toBe(`pg-payments:test:checkout_session:${begun.session.id}:1`)
    expect(begun).toMatchObject({ action: 'send', attempt: 1, checkout_session_id: null })
  })

  test('for a subject that never paid: a new customer is to be made, with the address of the request', async () => {
    const begun = await beginAsService(user('new'), { subject: me('new'), customerEmail: 'new@example.com' })
    const metadata = {
      payments_checkout_session_id: begun.session.id,
      payments_attempt: '1',
      payments_subject_type: 'user',
      payments_subject_id: 'new',
    }
    expect(begun.params).toMatchObject({
      customer_email: 'new@example.com',
      customer_creation: 'always',
      metadata,
      payment_intent_data: { metadata },
    })
    expect(begun.params).not.toHaveProperty('customer')
    expect(begun.params).not.toHaveProperty('subscription_data')
  })

  test('for a subscription: the metadata is on the subscription, and Stripe makes a customer unasked', async () => {
    const begun = await beginAsService(user('sub'), { mode: 'subscription', subject: me('sub') })
    expect(begun.params.subscription_data.metadata).toEqual(begun.params.metadata)
    expect(begun.params.metadata).toMatchObject(subjectMetadata('user', 'sub'))
    expect(begun.params).not.toHaveProperty('payment_intent_data')
    expect(begun.params).not.toHaveProperty('customer_creation')
  })

  test('for a subject that has a customer: that customer, and no address', async () => {
    const { id } = await paidBefore('known')
    for (const mode of ['payment', 'subscription']) {
      const begun = await beginAsService(user('known'), {
        mode,
        subject: me('known'),
        customerEmail: 'other@example.com',
      })
      expect(begun.params.customer).toBe(id)
      expect(begun.params).not.toHaveProperty('customer_email')
      expect(begun.params).not.toHaveProperty('customer_creation')
    }
  })

  test('the customer of another subject, of the other environment or a deleted one is not used', async () => {
    await paidBefore('rich')
    expect((await beginAsService(user('poor'), { subject: me('poor') })).params).not.toHaveProperty(
      'customer',
    )
    expect(
      (await beginAsService(user('rich'), { environment: 'live', subject: me('rich') })).params,
    ).not.toHaveProperty('customer')
    const gone = await paidBefore('gone')
    await ingest(database.sql, eventOf('customer.deleted', gone, { created: T + 9 }))
    expect((await beginAsService(user('gone'), { subject: me('gone') })).params).toMatchObject({
      customer_creation: 'always',
    })
  })

  test('for a signed-in guest: not their customer', async () => {
    await paidBefore('asguest')
    expect((await beginAsService(user('asguest'))).params).not.toHaveProperty('customer')
  })

  test('a retry sends the same to the letter, whatever happened to the customer meanwhile', async () => {
    const request = { subject: me('steady'), idempotencyKey: 'steady', customerEmail: 'a@example.com' }
    const first = await beginAsService(user('steady'), request)
    await paidBefore('steady')
    const retry = await beginAsService(user('steady'), request)
    expect(retry.params).toEqual(first.params)
    expect(retry.idempotency_key).toBe(first.idempotency_key)
  })

  /** A customer that the subject has paid with before. */
  async function paidBefore(id: string) {
    const known = customer()
    const session = checkoutSession({ customer: known.id, metadata: subjectMetadata('user', id) })
    await ingest(database.sql, eventOf('checkout.session.completed', session))
    return known
  }
})

describe('under an idempotency key', () => {
  const request = { subject: me('u1') }

  test('a retry while Stripe is being asked sends the same under the same key', async () => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const first = await beginAsService(user('u1'), keyed)
    const retry = await beginAsService(user('u1'), keyed)
    expect(retry).toEqual(first)
    expect(retry.action).toBe('send')
  })

  test('a retry after Stripe answered returns the session', async () => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const first = await beginAsService(user('u1'), keyed)
    const session = openSession({ client_reference_id: first.session.id })
    await complete(database.sql, first, session, T)
    const retry = await beginAsService(user('u1'), keyed)
    expect(retry).toMatchObject({
      action: 'return',
      checkout_session_id: session.id,
      session: { id: first.session.id, url: session.url, status: 'open' },
    })
  })

  test('a retry after the checkout was paid returns the session', async () => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const first = await beginAsService(user('u1'), keyed)
    const session = openSession({ client_reference_id: first.session.id })
    await complete(database.sql, first, session, T)
    await ingest(
      database.sql,
      eventOf('checkout.session.completed', {
        ...session,
        url: null,
        status: 'complete',
        payment_status: 'paid',
      }),
    )
    expect(await beginAsService(user('u1'), keyed)).toMatchObject({
      action: 'return',
      session: { status: 'completed', url: null },
    })
  })

  test('a retry after the webhook completed what the handler could not returns the session, which is never made twice', async () => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const first = await beginAsService(user('u1'), keyed)
    const session = checkoutSession({
      client_reference_id: first.session.id,
      metadata: first.params.metadata,
    })
    await ingest(database.sql, eventOf('checkout.session.completed', session))
    expect(await beginAsService(user('u1'), keyed)).toMatchObject({
      action: 'return',
      checkout_session_id: session.id,
      session: { status: 'completed', payment_status: 'paid' },
    })
  })

  test.each<[string, CheckoutRequest]>([
    ['other line items', { lineItems: [{ priceId: 'price_other', quantity: 1 }] }],
    ['another quantity', { lineItems: [{ priceId: 'price_tea', quantity: 2 }] }],
    ['another mode', { mode: 'subscription' }],
    ['another success URL', { successUrl: 'https://shop.example/elsewhere' }],
    ['another cancel URL', { cancelUrl: 'https://shop.example/elsewhere' }],
    ['another address', { customerEmail: 'else@example.com' }],
    ['other metadata', { metadata: { order_id: '2' } }],
  ])('%s are another request, and refused', async (_, other) => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const first = await beginAsService(user('u1'), keyed)
    expect(await refusal(beginAsService(user('u1'), { ...keyed, ...other }))).toEqual(KEY_IN_USE)
    expect(await beginAsService(user('u1'), keyed)).toEqual(first)
  })

  test('what the request leaves out equals its default', async () => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const first = await beginAsService(user('u1'), {
      ...keyed,
      lineItems: [{ priceId: 'price_tea', quantity: 1 }],
    })
    const retry = await beginAsService(user('u1'), {
      ...keyed,
      lineItems: [{ priceId: 'price_tea' }],
      metadata: null,
    })
    expect(retry.session.id).toBe(first.session.id)
  })

  test('the same key in the other environment is another checkout', async () => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const test = await beginAsService(user('u1'), keyed)
    const live = await beginAsService(user('u1'), { ...keyed, environment: 'live' })
    expect(live.session.id).not.toBe(test.session.id)
    expect(live.idempotency_key).toBe(`pg-payments:live:checkout_session:${live.session.id}:1`)
  })

  test('the same key of another user neither finds nor blocks', async () => {
    const idempotencyKey = newId('key')
    const mine = await beginAsService(user('u1'), { subject: me('u1'), idempotencyKey })
    const theirs = await beginAsService(user('u2'), { subject: me('u2'), idempotencyKey })
    expect(theirs.session.id).not.toBe(mine.session.id)
    const asGuests = [
      await beginAsService(user('u1'), { idempotencyKey }),
      await beginAsService(user('u2'), { idempotencyKey }),
    ]
    const anonymously = await beginAsService(anonymous, { idempotencyKey })
    const ids = [mine, theirs, ...asGuests, anonymously].map(({ session }) => session.id)
    expect(new Set(ids).size).toBe(5)
  })

  test('a subject or a caller cannot be named so that it falls into the scope of another', async () => {
    const idempotencyKey = newId('key')
    const a = await beginAsService(user('x:y'), { subject: me('x:y'), idempotencyKey })
    const b = await beginAsService(user('caller:x'), { idempotencyKey })
    expect(a.session.idempotency_scope).toBe('subject:user:x:y')
    expect(b.session.idempotency_scope).toBe('caller:caller:x')
  })

  test('an anonymous caller finds the row whose key and request they hold; their key blocks no other guest', async () => {
    const idempotencyKey = newId('key')
    const first = await beginAsService(anonymous, { idempotencyKey })
    expect((await beginAsService(anonymous, { idempotencyKey })).session.id).toBe(first.session.id)
    const other = { idempotencyKey, metadata: { order_id: '9' } }
    const second = await beginAsService(anonymous, other)
    expect(second).toMatchObject({ action: 'send', session: { metadata: { order_id: '9' } } })
    expect(second.session.id).not.toBe(first.session.id)
    expect(second.idempotency_key).not.toBe(first.idempotency_key)
    expect((await beginAsService(anonymous, other)).session.id).toBe(second.session.id)
  })

  test('a row that the caller may not see stays unseen: the key is in use, and nothing of the row is told', async () => {
    await undone(database.sql, async (sql) => {
      await sql`drop policy select_own on payments.stripe_checkout_sessions`
      const keyed = { ...request, idempotencyKey: newId('key') }
      await begin(sql, user('u1'), keyed)
      expect(await refusal(sql.savepoint((inner) => begin(inner, user('u1'), keyed)))).toEqual(KEY_IN_USE)
    })
  })

  test('without a key every call is a checkout of its own', async () => {
    const [first, second] = [
      await beginAsService(user('u1'), request),
      await beginAsService(user('u1'), request),
    ]
    expect(second.session.id).not.toBe(first.session.id)
  })

  test('after Stripe refused, the retry is a second attempt under a new Stripe key', async () => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const first = await beginAsService(user('u1'), keyed)
    await fail(database.sql, first, 'No such price')
    const second = await beginAsService(user('u1'), keyed)
    expect(second).toMatchObject({
      action: 'send',
      attempt: 2,
      checkout_session_id: null,
      idempotency_key: `pg-payments:test:checkout_session:${first.session.id}:2`,
      session: { id: first.session.id, status: 'initialized', last_error: null, url: null },
    })
    expect(second.params.metadata.payments_attempt).toBe('2')
    expect(second.params.client_reference_id).toBe(first.session.id)
  })

  test('after an error that leaves open whether Stripe acted, the retry sends the same under the old key', async () => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const first = await beginAsService(user('u1'), keyed)
    await fail(database.sql, first, 'timeout', { stripeMayHaveActed: true })
    const retry = await beginAsService(user('u1'), keyed)
    expect(retry).toMatchObject({ action: 'send', attempt: 1, idempotency_key: first.idempotency_key })
    expect(retry.params).toEqual(first.params)
  })

  test('after the session expired, the retry is a second attempt, and the late news of the first change nothing', async () => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const first = await beginAsService(user('u1'), keyed)
    const session = openSession({ client_reference_id: first.session.id, metadata: first.params.metadata })
    await complete(database.sql, first, session, T)
    const expired = { ...session, status: 'expired', url: null }
    await ingest(database.sql, eventOf('checkout.session.expired', expired, { created: T + 86_400 }))
    expect((await sessionRow(database.sql, first.session.id)).status).toBe('expired')

    const second = await beginAsService(user('u1'), keyed)
    expect(second).toMatchObject({
      action: 'send',
      attempt: 2,
      session: { status: 'initialized', checkout_session_id: null, url: null, expires_at: null },
    })
    expect(second.idempotency_key).not.toBe(first.idempotency_key)

    await ingest(database.sql, eventOf('checkout.session.expired', expired, { created: T + 86_400 }))
    await complete(database.sql, first, session, T)
    expect(await sessionRow(database.sql, first.session.id)).toMatchObject({
      status: 'initialized',
      checkout_session_id: null,
      attempt: 2,
    })

    const renewed = openSession({ client_reference_id: first.session.id, metadata: second.params.metadata })
    await complete(database.sql, second, renewed, T + 90_000)
    expect(await beginAsService(user('u1'), keyed)).toMatchObject({
      action: 'return',
      checkout_session_id: renewed.id,
    })
    await ingest(database.sql, eventOf('checkout.session.expired', expired, { created: T + 86_400 }))
    expect(await sessionRow(database.sql, first.session.id)).toMatchObject({
      status: 'open',
      checkout_session_id: renewed.id,
      url: renewed.url,
    })
  })

  test('a second attempt uses the customer that the subject has by then', async () => {
    const keyed = { subject: me('later'), idempotencyKey: newId('key') }
    const first = await beginAsService(user('later'), keyed)
    await fail(database.sql, first, 'No such price')
    const paid = checkoutSession({ customer: 'cus_later', metadata: subjectMetadata('user', 'later') })
    await ingest(database.sql, eventOf('checkout.session.completed', paid))
    expect((await beginAsService(user('later'), keyed)).params.customer).toBe('cus_later')
  })

  test('when the time of an open session is up by the clock, Stripe is to be asked first', async () => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const first = await beginAsService(user('u1'), keyed)
    const session = openSession({ client_reference_id: first.session.id, expires_at: T })
    await complete(database.sql, first, session, T - 60)
    const retry = await beginAsService(user('u1'), keyed)
    expect(retry).toMatchObject({ action: 'fetch', attempt: 1, checkout_session_id: session.id })

    await database.sql`select payments.project_stripe_objects(
      'test', ${database.sql.json([{ ...session, status: 'expired', url: null }])}, ${at(T + 60)})`
    expect(await beginAsService(user('u1'), keyed)).toMatchObject({ action: 'send', attempt: 2 })
  })

  test('when Stripe, asked, says that it was paid, the retry returns it', async () => {
    const keyed = { ...request, idempotencyKey: newId('key') }
    const first = await beginAsService(user('u1'), keyed)
    const session = openSession({ client_reference_id: first.session.id, expires_at: T })
    await complete(database.sql, first, session, T - 60)
    await database.sql`select payments.project_stripe_objects(
      'test', ${database.sql.json([{ ...session, status: 'complete', payment_status: 'paid', url: null }])}, ${at(T + 60)})`
    expect(await beginAsService(user('u1'), keyed)).toMatchObject({
      action: 'return',
      session: { status: 'completed' },
    })
  })
})

describe('a request that is refused names what is wrong, and writes nothing', () => {
  const HINT = 'Correct the request and send it again.'
  const ITEMS = 'Each of lineItems needs a priceId and a whole quantity from 1 to 999.'
  const RESERVED = 'metadata may not have keys beginning with payments_ or insforge_; they are reserved.'
  const STRINGS = 'metadata must be an object of strings.'
  const KEYS = 'Each key of metadata must have 1 to 40 characters, and no square brackets.'
  const keys = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`key_${i}`, 'x']))
  const items = (count: number) => Array.from({ length: count }, () => ({ priceId: 'price_tea' }))

  test.each<[CheckoutRequest, string]>([
    [{ mode: 'donation' }, 'mode must be payment, subscription or setup.'],
    [{ mode: null }, 'mode must be payment, subscription or setup.'],
    [{ lineItems: null }, 'lineItems must be a list.'],
    [{ lineItems: { priceId: 'price_tea' } }, 'lineItems must be a list.'],
    [{ lineItems: 'price_tea' }, 'lineItems must be a list.'],
    [{ lineItems: [] }, 'lineItems must have 1 to 100 items.'],
    [{ lineItems: items(101) }, 'lineItems must have 1 to 100 items.'],
    [{ lineItems: [{ quantity: 1 }] }, ITEMS],
    [{ lineItems: [{ priceId: '' }] }, ITEMS],
    [{ lineItems: [{ priceId: null }] }, ITEMS],
    [{ lineItems: ['price_tea'] }, ITEMS],
    [{ lineItems: [{ priceId: 5 }] }, ITEMS],
    [{ lineItems: [{ priceId: ' ' }] }, ITEMS],
    [
      { lineItems: [{ priceId: 'price_tea', amount: 1 }] },
      'Each of lineItems may have a priceId, a lookupKey or a priceData, a quantity and an adjustableQuantity, and nothing else.',
    ],
    [{ subject: { type: ' ', id: 'u1' } }, 'subject.type must not be blank.'],
    [{ subject: { type: 'user', id: '\t' } }, 'subject.id must not be blank.'],
    [{ customerEmail: 'ada @example.com' }, 'customerEmail must be an e-mail address.'],
    [{ idempotencyKey: '  ' }, 'idempotencyKey must not be blank.'],
    [{ lineItems: [null] }, ITEMS],
    [{ lineItems: [{ priceId: 'price_tea', quantity: 0 }] }, ITEMS],
    [{ lineItems: [{ priceId: 'price_tea', quantity: -1 }] }, ITEMS],
    [{ lineItems: [{ priceId: 'price_tea', quantity: 1000 }] }, ITEMS],
    [{ lineItems: [{ priceId: 'price_tea', quantity: 1.5 }] }, ITEMS],
    [{ lineItems: [{ priceId: 'price_tea', quantity: '2' }] }, ITEMS],
    [{ lineItems: [{ priceId: 'price_tea', quantity: 'many' }] }, ITEMS],
    [{ lineItems: [{ priceId: 'price_tea' }, { priceId: 'price_tea', quantity: null }] }, ITEMS],
    [{ successUrl: null }, 'successUrl must be an absolute http or https URL.'],
    [{ successUrl: '/thanks' }, 'successUrl must be an absolute http or https URL.'],
    [{ successUrl: 'javascript:alert(1)' }, 'successUrl must be an absolute http or https URL.'],
    [
      { successUrl: 'https://shop.example\\@evil.example' },
      'successUrl must be an absolute http or https URL.',
    ],
    [{ successUrl: 'https://' }, 'successUrl must be an absolute http or https URL.'],
    [{ successUrl: ' https://shop.example' }, 'successUrl must be an absolute http or https URL.'],
    [{ cancelUrl: null }, 'cancelUrl must be an absolute http or https URL.'],
    [{ cancelUrl: '//shop.example' }, 'cancelUrl must be an absolute http or https URL.'],
    [{ cancelUrl: 'data:text/html,hello' }, 'cancelUrl must be an absolute http or https URL.'],
    [{ subject: { type: 'user', id: null } }, 'subject needs both a type and an id.'],
    [{ subject: { type: null, id: 'u1' } }, 'subject needs both a type and an id.'],
    [{ mode: 'subscription' }, 'subject is required for a subscription.'],
    [{ subject: { type: '', id: 'u1' } }, 'subject.type must have 1 to 100 characters.'],
    [{ subject: { type: 'x'.repeat(101), id: 'u1' } }, 'subject.type must have 1 to 100 characters.'],
    [{ subject: { type: 'user', id: '' } }, 'subject.id must have 1 to 255 characters.'],
    [{ subject: { type: 'user', id: 'x'.repeat(256) } }, 'subject.id must have 1 to 255 characters.'],
    [{ metadata: ['a'] as never }, STRINGS],
    [{ metadata: { count: 1 } }, STRINGS],
    [{ metadata: { nested: { a: 'b' } } }, STRINGS],
    [{ metadata: { nothing: null } }, STRINGS],
    [{ metadata: { payments_subject_id: 'u2' } }, RESERVED],
    [{ metadata: { insforge_subject_id: 'u2' } }, RESERVED],
    [{ idempotencyKey: '' }, 'idempotencyKey must have 1 to 200 characters.'],
    [{ idempotencyKey: 'x'.repeat(201) }, 'idempotencyKey must have 1 to 200 characters.'],
  ])('%j', async (request, message) => {
    const before = await countOf()
    expect(await refusal(beginAsService(user('u1'), request))).toEqual({ code: 'SP001', message, hint: HINT })
    expect(await countOf()).toBe(before)
  })

  test.each<[string, CheckoutRequest, string]>([
    [
      'a priceId of 256 characters',
      { lineItems: [{ priceId: 'x'.repeat(256) }] },
      'Each priceId of lineItems must have at most 255 characters.',
    ],
    [
      'a URL with a space',
      { successUrl: 'https://shop.example/thank you' },
      'successUrl must be an absolute http or https URL.',
    ],
    [
      'a URL with a line feed',
      { cancelUrl: 'https://shop.example/\nnext' },
      'cancelUrl must be an absolute http or https URL.',
    ],
    [
      'a URL with a query and no host',
      { successUrl: 'https://?shop.example' },
      'successUrl must be an absolute http or https URL.',
    ],
    [
      'a URL with a fragment and no host',
      { cancelUrl: 'https://#shop.example' },
      'cancelUrl must be an absolute http or https URL.',
    ],
    [
      'a successUrl of 5001 characters',
      { successUrl: `https://shop.example/${'x'.repeat(4980)}` },
      'successUrl must have at most 5000 characters.',
    ],
    [
      'a cancelUrl of 5001 characters',
      { cancelUrl: `https://shop.example/${'x'.repeat(4980)}` },
      'cancelUrl must have at most 5000 characters.',
    ],
    ['an e-mail address without @', { customerEmail: 'buyer' }, 'customerEmail must be an e-mail address.'],
    [
      'an e-mail address of 513 characters',
      { customerEmail: `${'x'.repeat(500)}@shop.example` },
      'customerEmail must have at most 512 characters.',
    ],
    ['47 keys of metadata', { metadata: keys(47) }, 'metadata must have at most 46 keys.'],
    ['an empty key of metadata', { metadata: { '': 'x' } }, KEYS],
    ['a key of 41 characters', { metadata: { ['x'.repeat(41)]: 'x' } }, KEYS],
    ['a key with brackets', { metadata: { 'items[0]': 'x' } }, KEYS],
    ['a key with an opening bracket', { metadata: { 'items[': 'x' } }, KEYS],
    ['a key with a closing bracket', { metadata: { 'items]': 'x' } }, KEYS],
    [
      'a value of 501 characters',
      { metadata: { note: 'x'.repeat(501) } },
      'Each value of metadata must have at most 500 characters.',
    ],
  ])('%s', async (_, request, message) => {
    const before = await countOf()
    expect(await refusal(beginAsService(user('u1'), request))).toEqual({ code: 'SP001', message, hint: HINT })
    expect(await countOf()).toBe(before)
  })

  test.each(['prod', 'TEST', '', null])('the environment %j', async (environment) => {
    expect(await refusal(beginAsService(user('u1'), { environment }))).toEqual({
      code: 'SP001',
      message: 'environment must be test or live.',
      hint: 'Use test or live.',
    })
  })

  test('keys that only look reserved are the caller’s own', async () => {
    const metadata = { paymentsX: '1', Payments_: '2', my_payments_key: '3' }
    expect((await beginAsService(user('u1'), { metadata })).params.metadata).toMatchObject(metadata)
  })

  test('the most that Stripe takes is not too much', async () => {
    const metadata = { ...keys(45), ['x'.repeat(40)]: 'x'.repeat(500) }
    const longest = (text: string) => text + 'x'.repeat(5000 - text.length)
    const begun = await beginAsService(user('u1'), {
      lineItems: [{ priceId: 'x'.repeat(255) }],
      successUrl: longest('HTTPS://shop.example/'),
      cancelUrl: longest('http://[::1]:8080/?q=#'),
      customerEmail: `${'x'.repeat(499)}@shop.example`,
      metadata,
    })
    expect(Object.keys(begun.params.metadata)).toHaveLength(48)
    expect(begun.params.metadata).toMatchObject(metadata)
  })

  test('100 items and the longest subject and key are not too much', async () => {
    const id = 'x'.repeat(255)
    const begun = await beginAsService(user(id), {
      lineItems: items(100),
      subject: me(id),
      idempotencyKey: 'k'.repeat(200),
    })
    expect(begun.params.line_items).toHaveLength(100)
  })
})

test('triggers of the app may give the row another id, and may begin other rows', async () => {
  await database.sql.begin(async (sql) => {
    await sql.unsafe(`
      create function public.other_id() returns trigger language plpgsql as
        $$ begin new.id := '018f0000-0000-7000-8000-' || right(new.id::text, 12); return new; end $$;
      create trigger z_other_id before insert on payments.stripe_checkout_sessions
        for each row execute function public.other_id();
      create function public.copy() returns trigger language plpgsql security definer as $$ begin
        if new.metadata ->> 'copy' is null then
          insert into payments.stripe_checkout_sessions (environment, mode, line_items, success_url, cancel_url, metadata)
          values ('test', 'payment', '[{"priceId": "price_tea"}]', 'https://a.example', 'https://a.example', '{"copy": "1"}');
        end if;
        return null;
      end $$;
      create trigger "0_copy" after insert on payments.stripe_checkout_sessions
        for each row execute function public.copy()`)
    const { session } = await begin(sql, anonymous, { metadata: { note: 'mine' } })
    expect(session.metadata).toEqual({ note: 'mine' })
    expect(session.id).toMatch(/^018f/)
    await sql`select set_config('role', 'none', true)`
    await sql.unsafe(`
      drop trigger z_other_id on payments.stripe_checkout_sessions;
      drop trigger "0_copy" on payments.stripe_checkout_sessions`)
  })
})
