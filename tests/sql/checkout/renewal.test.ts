/** Which completed checkouts are begun again under their key, and which are not. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asCaller, createTestDatabase, service, type TestDatabase, user } from '../../setup/database.ts'
import {
  type Begun,
  begin,
  complete,
  fail,
  ingest,
  ingestAll,
  paymentRow,
  projectObjects,
  refusal,
  sessionRow,
} from '../support/calls.ts'
import {
  checkoutSession,
  declined,
  eventOf,
  invoice,
  type Json,
  newId,
  openSession,
  paymentIntent,
  subscription,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

/** A checkout of a key of its own, its session as Stripe completes it unpaid, and the same request once more. */
async function purchase(mode: 'payment' | 'subscription' = 'payment', more: Json = {}) {
  const idempotencyKey = newId('key')
  const subject = { type: 'user', id: 'u1' }
  const ask = () =>
    asCaller(database.sql, service, (sql) => begin(sql, user('u1'), { mode, subject, idempotencyKey }))
  const first: Begun = await ask()
  const open = openSession({ client_reference_id: first.session.id, metadata: first.params.metadata, mode })
  await complete(database.sql, first, open, T)
  const session = checkoutSession({
    ...open,
    payment_intent: mode === 'payment' ? newId('pi') : null,
    subscription: mode === 'subscription' ? newId('sub') : null,
    status: 'complete',
    url: null,
    ...more,
  })
  await ingest(database.sql, eventOf('checkout.session.completed', session, { created: T + 10 }))
  return { ask, first, session, pi: session.payment_intent as string }
}

const again = { action: 'send', attempt: 2, checkout_session_id: null }
const asItIs = { action: 'return', attempt: 1, session: { status: 'completed', url: null } }

describe('a one-time purchase is begun again', () => {
  test('once its authorization was let go', async () => {
    const { ask, pi } = await purchase()
    expect(await ask()).toMatchObject(asItIs)
    const canceled = paymentIntent({ id: pi, amount_received: 0, canceled_at: T + 99, status: 'canceled' })
    await ingest(database.sql, eventOf('payment_intent.canceled', canceled, { created: T + 100 }))
    expect(await ask()).toMatchObject(again)
  })

  test('once the API says that its debit has failed, whoever learns of it first', async () => {
    const { ask, session, pi } = await purchase()
    await projectObjects(database.sql, [session], T + 500)
    await projectObjects(database.sql, [declined({ id: pi })], T + 500)
    expect(await ask()).toMatchObject(again)
  })

  test('and the late news of its first session change nothing of the second', async () => {
    const { ask, session } = await purchase()
    const failed = eventOf('checkout.session.async_payment_failed', session, { created: T + 500 })
    await ingest(database.sql, failed)
    const second = await ask()
    expect(second).toMatchObject(again)
    const renewed = openSession({ client_reference_id: second.session.id, metadata: second.params.metadata })
    await complete(database.sql, second, renewed, T + 900)
    await ingest(database.sql, { ...failed, id: newId('evt') })
    await projectObjects(database.sql, [session], T + 950)
    expect(await sessionRow(database.sql, second.session.id)).toMatchObject({
      attempt: 2,
      status: 'open',
      checkout_session_id: renewed.id,
      payment_intent_id: null,
      url: renewed.url,
    })
    const paid: Json = {
      ...renewed,
      payment_intent: newId('pi'),
      payment_status: 'paid',
      status: 'complete',
      url: null,
    }
    await ingest(database.sql, eventOf('checkout.session.completed', paid, { created: T + 960 }))
    expect(await paymentRow(database.sql, paid.id)).toMatchObject({ status: 'succeeded', subject_id: 'u1' })
    expect(await paymentRow(database.sql, session.id)).toMatchObject({ status: 'failed', subject_id: 'u1' })
    expect(await ask()).toMatchObject({ action: 'return', attempt: 2, session: { url: null } })
  })
})

describe('a one-time purchase is not begun again', () => {
  test('while a bank debit is under way, although a card was declined before', async () => {
    const { ask, pi, session } = await purchase()
    await ingest(
      database.sql,
      eventOf('payment_intent.payment_failed', declined({ id: pi }), { created: T + 5 }),
    )
    expect(await ask()).toMatchObject(asItIs)
    await projectObjects(database.sql, [session], T + 500)
    expect(await ask()).toMatchObject(asItIs)
  })

  test('when only the API has told of the completion, and nothing newer of the payment', async () => {
    const idempotencyKey = newId('key')
    const ask = () => asCaller(database.sql, service, (sql) => begin(sql, user('u1'), { idempotencyKey }))
    const first = await ask()
    const pi = newId('pi')
    await ingest(
      database.sql,
      eventOf('payment_intent.payment_failed', declined({ id: pi }), { created: T + 5 }),
    )
    const session = checkoutSession({
      payment_intent: pi,
      payment_status: 'unpaid',
      metadata: first.params.metadata,
    })
    await complete(database.sql, first, session, T + 500)
    expect(await ask()).toMatchObject(asItIs)
  })

  test('when it was paid, refunded or not, or settles after all', async () => {
    const { ask, session, pi } = await purchase()
    await ingestAll(database.sql, [
      eventOf('payment_intent.payment_failed', declined({ id: pi }), { created: T + 400 }),
      eventOf('checkout.session.async_payment_failed', session, { created: T + 400 }),
      eventOf('payment_intent.succeeded', paymentIntent({ id: pi }), { created: T + 500 }),
    ])
    expect(await ask()).toMatchObject(asItIs)
    const { ask: askPaid } = await purchase('payment', { payment_status: 'paid' })
    expect(await askPaid()).toMatchObject(asItIs)
  })
})

describe('the purchase of a subscription', () => {
  const ended = (id: string, status: string) =>
    eventOf(
      status === 'canceled' ? 'customer.subscription.deleted' : 'customer.subscription.updated',
      subscription({ id, status }),
      { created: T + 900 },
    )

  test.each(['incomplete_expired', 'canceled'])(
    'is begun again once the subscription has ended unpaid: %s',
    async (status) => {
      const { ask, session } = await purchase('subscription')
      const id = session.subscription as string
      await ingest(database.sql, ended(id, 'past_due'))
      expect(await ask()).toMatchObject(asItIs)
      await ingest(
        database.sql,
        eventOf('checkout.session.async_payment_failed', session, { created: T + 500 }),
      )
      expect(await ask()).toMatchObject(asItIs)
      await ingest(database.sql, { ...ended(id, status), created: T + 990 })
      expect(await ask()).toMatchObject({ ...again, session: { subscription_id: null } })
    },
  )

  test('is not begun again once any of its invoices was paid', async () => {
    const { ask, session } = await purchase('subscription')
    const id = session.subscription as string
    await ingestAll(database.sql, [
      eventOf('invoice.paid', invoice({ subscription: id }), { created: T + 700 }),
      ended(id, 'canceled'),
    ])
    expect(await ask()).toMatchObject(asItIs)
  })

  test('that has ended is made again under the key that the page for app authors recommends, and not before', async () => {
    const page = await readFile(new URL('../../../functions/client/README.md', import.meta.url), 'utf8')
    const count = /```sql\s+(select count[^;]+)/.exec(page)?.[1] ?? ''
    const of = { payments_subject_type: 'team', payments_subject_id: '42' }
    const subject = { type: 'team', id: '42' }
    await database.sql`create policy teams on payments.stripe_checkout_sessions to authenticated
      using (subject_type = 'team') with check (subject_type = 'team')`
    const buy = async () => {
      const [row] = await database.sql.unsafe(count)
      const idempotencyKey = `plan of team 42 after ${row?.ended}`
      return asCaller(database.sql, service, (sql) =>
        begin(sql, user('u1'), { mode: 'subscription', subject, idempotencyKey }),
      )
    }
    const first = await buy()
    const [id, customer] = [newId('sub'), newId('cus')]
    const session = checkoutSession({
      customer,
      client_reference_id: first.session.id,
      metadata: first.params.metadata,
      mode: 'subscription',
      subscription: id,
    })
    await ingestAll(database.sql, [
      eventOf('checkout.session.completed', session, { created: T + 10 }),
      eventOf('customer.subscription.created', subscription({ id, customer, metadata: of }), {
        created: T + 10,
      }),
    ])
    expect(await buy()).toMatchObject({ ...asItIs, session: { id: first.session.id } })
    await ingest(
      database.sql,
      eventOf(
        'customer.subscription.deleted',
        subscription({ id, customer, metadata: of, status: 'canceled' }),
        {
          created: T + 900,
        },
      ),
    )
    const second = await buy()
    expect(second).toMatchObject({ action: 'send', attempt: 1 })
    expect(second.session.id).not.toBe(first.session.id)
    expect((await buy()).session.id).toBe(second.session.id)
  })
})

describe('the key of a checkout that failed', () => {
  const subject = { type: 'user', id: 'u1' }
  const ask = (idempotencyKey: string, options: Json, caller = user('u1'), more: Json = {}) =>
    asCaller(database.sql, service, (sql) =>
      begin(sql, caller, { subject, idempotencyKey, options, ...more }),
    )

  test.each([
    ['its subject', {}],
    ['its caller', { subject: undefined }],
  ])('at Stripe passes to the corrected request, within the scope of %s', async (_, more) => {
    const key = newId('key')
    const wrong = await ask(key, { submit_type: 'zz' }, user('u1'), more)
    await fail(database.sql, wrong, 'Invalid submit_type.')
    const right = await ask(key, { locale: 'de' }, user('u1'), more)
    expect(right).toMatchObject({ action: 'send', attempt: 1, params: { locale: 'de' } })
    expect(right.session.id).not.toBe(wrong.session.id)
    expect(await sessionRow(database.sql, wrong.session.id)).toMatchObject({
      status: 'failed',
      idempotency_key: null,
      last_error: 'Invalid submit_type.',
    })
    expect((await ask(key, { locale: 'de' }, user('u1'), more)).session.id).toBe(right.session.id)
    expect(await refusal(ask(key, { submit_type: 'zz' }, user('u1'), more))).toMatchObject({ code: 'SP002' })
  })

  test('stays with it while Stripe may have acted, and while it is under way', async () => {
    const key = newId('key')
    const first = await ask(key, { submit_type: 'zz' })
    expect(await refusal(ask(key, { locale: 'de' }))).toMatchObject({ code: 'SP002' })
    await fail(database.sql, first, 'Stripe could not be reached.', { stripeMayHaveActed: true })
    expect(await refusal(ask(key, { locale: 'de' }))).toMatchObject({ code: 'SP002' })
    expect(await ask(key, { submit_type: 'zz' })).toMatchObject({
      attempt: 1,
      session: { id: first.session.id },
    })
  })

  test('stays with it when a policy refuses the corrected request', async () => {
    const key = newId('key')
    const wrong = await ask(key, { submit_type: 'zz' })
    await fail(database.sql, wrong, 'Invalid submit_type.')
    expect(await refusal(ask(key, { locale: 'de' }, user('u2')))).toMatchObject({ code: '42501' })
    expect(await sessionRow(database.sql, wrong.session.id)).toMatchObject({ idempotency_key: key })
  })
})

test('a request that repeats its key with a later expiry is the same request: the first expiry counts until it is renewed', async () => {
  const subject = { type: 'user', id: 'u1' }
  const idempotencyKey = newId('key')
  const ask = (options: Json) =>
    asCaller(database.sql, service, (sql) => begin(sql, user('u1'), { subject, idempotencyKey, options }))
  const now = Math.floor(Date.now() / 1000)
  const first = await ask({ expires_at: now + 3600 })
  const params = { expires_at: now + 3600 }
  expect(await ask({ expires_at: now + 3601 })).toMatchObject({ session: { id: first.session.id }, params })
  expect(await ask({})).toMatchObject({ session: { id: first.session.id }, params })
  await fail(database.sql, first, 'The expiry is too early.')
  expect(await ask({ expires_at: now + 9000 })).toMatchObject({
    attempt: 2,
    session: { id: first.session.id },
    params: { expires_at: now + 9000 },
  })
})
