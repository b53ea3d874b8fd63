/** The policies of the template for team billing: what each kind of caller may do. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  anonymous,
  asCaller,
  type Claims,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../setup/database.ts'
import { begin, complete, ingest, openPortal, refusal } from '../sql/support/calls.ts'
import { checkoutSession, eventOf, newId, openSession, subjectMetadata, T } from '../sql/support/stripe.ts'
import { installTwice } from './support/install.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'team-billing-policies')
  await database.sql`
    insert into public.team_members (team_id, user_id, role) values
      ('t1', 'owner', 'owner'), ('t1', 'admin', 'admin'), ('t1', 'member', 'member'), ('t2', 'outsider', 'owner')`
  await ingest(
    database.sql,
    eventOf(
      'checkout.session.completed',
      checkoutSession({ customer: 'cus_t1', metadata: subjectMetadata('team', 't1') }),
    ),
  )
})
afterAll(() => database.close())

const team = { type: 'team', id: 't1' }
const beginAs = (caller: Claims, more = {}) =>
  asCaller(database.sql, service, (sql) =>
    begin(sql, caller, { mode: 'subscription', subject: team, ...more }),
  )
const portalAs = (caller: Claims, subject = team) =>
  asCaller(database.sql, service, (sql) => openPortal(sql, caller, subject))
const refusedOf = (table: string) => ({
  code: '42501',
  message: `new row violates row-level security policy for table "${table}"`,
})
const others: [string, Claims][] = [
  ['a member', user('member')],
  ['an outsider', user('outsider')],
  ['a stranger', user('stranger')],
  ['a token without sub', { role: 'authenticated' }],
  ['an anonymous caller', anonymous],
]

describe('a checkout for a team', () => {
  test.each(['owner', 'admin'])('is begun by its %s', async (role) => {
    for (const mode of ['subscription', 'payment']) {
      const begun = await beginAs(user(role), { mode })
      expect(begun).toMatchObject({
        action: 'send',
        session: { subject_type: 'team', subject_id: 't1', caller_id: role },
        params: { customer: 'cus_t1' },
      })
    }
  })

  test.each(others)('is refused to %s', async (_, caller) => {
    expect(await refusal(beginAs(caller))).toEqual(refusedOf('stripe_checkout_sessions'))
  })

  test.each(others)('is refused to %s at the table itself', async (_, caller) => {
    const insert = asCaller(
      database.sql,
      caller,
      (sql) => sql`
        insert into payments.stripe_checkout_sessions (environment, mode, subject_type, subject_id, success_url, cancel_url)
        values ('test', 'subscription', 'team', 't1', 'https://a.example', 'https://a.example')`,
    )
    expect(await refusal(insert)).toEqual(refusedOf('stripe_checkout_sessions'))
  })

  test('of another team is as closed as before', async () => {
    expect(await refusal(beginAs(user('owner'), { subject: { type: 'team', id: 't2' } }))).toEqual(
      refusedOf('stripe_checkout_sessions'),
    )
    expect(await refusal(beginAs(user('owner'), { subject: { type: 'club', id: 't1' } }))).toEqual(
      refusedOf('stripe_checkout_sessions'),
    )
  })

  test('leaves users their own', async () => {
    const begun = await beginAs(user('stranger'), { subject: { type: 'user', id: 'stranger' } })
    expect(begun.action).toBe('send')
  })

  test('is seen by owners and admins of the team only', async () => {
    const { session } = await beginAs(user('owner'))
    const seenBy = (caller: Claims) =>
      asCaller(
        database.sql,
        caller,
        (sql) => sql`select from payments.stripe_checkout_sessions where id = ${session.id}`,
      )
    expect(await seenBy(user('owner'))).toHaveLength(1)
    expect(await seenBy(user('admin'))).toHaveLength(1)
    for (const [, caller] of others) expect(await seenBy(caller)).toHaveLength(0)
  })

  test('under an idempotency key is found by another admin of the team, and by nobody else', async () => {
    const idempotencyKey = newId('key')
    const first = await beginAs(user('owner'), { idempotencyKey })
    await complete(database.sql, first, openSession({ client_reference_id: first.session.id }), T)
    expect(await beginAs(user('admin'), { idempotencyKey })).toMatchObject({
      action: 'return',
      session: { id: first.session.id },
    })
    for (const [, caller] of others) {
      expect(await refusal(beginAs(caller, { idempotencyKey }))).toEqual(
        refusedOf('stripe_checkout_sessions'),
      )
    }
  })

  test('is over for whoever leaves the team', async () => {
    await database.sql`insert into public.team_members values ('t3', 'leaver', 'admin')`
    const subject = { type: 'team', id: 't3' }
    await beginAs(user('leaver'), { subject })
    await database.sql`delete from public.team_members where user_id = 'leaver'`
    expect(await refusal(beginAs(user('leaver'), { subject }))).toEqual(refusedOf('stripe_checkout_sessions'))
  })
})

describe('the portal of a team', () => {
  test.each(['owner', 'admin'])('is opened by its %s', async (role) => {
    expect((await portalAs(user(role))).params).toEqual({ customer: 'cus_t1' })
  })

  test.each(others.slice(0, 4))('is refused to %s', async (_, caller) => {
    expect(await refusal(portalAs(caller))).toEqual(refusedOf('stripe_customer_portal_sessions'))
  })

  test('asks an anonymous caller to sign in', async () => {
    expect(await refusal(portalAs(anonymous))).toMatchObject({ code: 'SP004' })
  })

  test('needs a customer: a team that never paid has none', async () => {
    expect(await refusal(portalAs(user('outsider'), { type: 'team', id: 't2' }))).toMatchObject({
      code: 'SP003',
    })
  })
})

test('who is in which team is not for app users to read or write', async () => {
  for (const caller of [user('owner'), anonymous]) {
    expect(
      await refusal(asCaller(database.sql, caller, (sql) => sql`select from public.team_members`)),
    ).toMatchObject({ code: '42501' })
    expect(
      await refusal(
        asCaller(
          database.sql,
          caller,
          (sql) => sql`insert into public.team_members values ('t1', 'me', 'owner')`,
        ),
      ),
    ).toMatchObject({ code: '42501' })
  }
})

test('whether somebody may bill a team is told about oneself only, and to nobody anonymous', async () => {
  const ask = (caller: Claims) =>
    asCaller(
      database.sql,
      caller,
      async (sql) => (await sql`select public.may_bill_team('t1') as may`)[0]?.may,
    )
  expect(await ask(user('owner'))).toBe(true)
  expect(await ask(user('member'))).toBe(false)
  expect(await refusal(ask(anonymous))).toMatchObject({ code: '42501' })
})
