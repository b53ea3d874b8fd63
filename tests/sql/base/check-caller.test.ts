/** What holds even after somebody has granted everything in our schemas to app users. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anonymous, asCaller, createTestDatabase, type TestDatabase, user } from '../../setup/database.ts'
import { checkoutSession, eventOf } from '../support/stripe.ts'

let database: TestDatabase

/** As the guide of Supabase for exposing a schema does, and with the private schema on top. */
const EXPOSE = `
  grant usage on schema payments, payments_private to anon, authenticated;
  grant all on all tables in schema payments, payments_private to anon, authenticated;
  grant all on all routines in schema payments, payments_private to anon, authenticated`

beforeAll(async () => {
  database = await createTestDatabase()
  await database.sql.unsafe(EXPOSE)
})
afterAll(() => database.close())

describe.each([
  ['anon', anonymous],
  ['authenticated', user('u1')],
] as const)('although everything is granted to %s', (role, caller) => {
  test('a forged event of a paid checkout is refused with a sentence', async () => {
    const event = eventOf('checkout.session.completed', checkoutSession({ amount_total: 2000 }))
    await expect(
      asCaller(
        database.sql,
        caller,
        (sql) => sql`select payments.ingest_webhook_event('test', ${sql.json(event)})`,
      ),
    ).rejects.toMatchObject({
      code: 'SP031',
      message: `App users may not change payments; this call came with the role ${role}.`,
      hint: 'Call the HTTP API of the handlers. To close the functions again, run: pg-payments migrate --again',
    })
    expect(await database.sql`select from payments.webhook_events`).toHaveLength(0)
  })

  test('every function that changes state with the rights of its owner refuses', async () => {
    const functions = await database.sql<{ name: string; call: string }[]>`
      select p.oid::regproc::text as name, format('select %s(%s)', p.oid::regproc,
        (select string_agg(format('null::%s', t::regtype), ', ' order by n)
         from unnest(p.proargtypes::oid[]) with ordinality as a (t, n))) as call
      from pg_proc as p
      where p.pronamespace::regnamespace::text in ('payments', 'payments_private')
        and p.prosecdef and p.provolatile = 'v' and p.prorettype <> 'trigger'::regtype
      order by 1`
    expect(functions.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'payments.ingest_webhook_event',
        'payments.project_stripe_objects',
        'payments.complete_checkout_session',
        'payments.retry_webhook_events',
        'payments.prune_webhook_events',
        'payments.connect_account',
        'payments.disconnect_account',
        'payments.touch_sync',
        'payments_private.replace_secrets',
      ]),
    )
    const open: string[] = []
    for (const { name, call } of functions) {
      const code = await asCaller(database.sql, caller, (sql) => sql.unsafe(call)).then(
        () => 'done',
        (error: { code?: string }) => error.code,
      )
      if (code !== 'SP031') open.push(`${name}: ${code}`)
    }
    expect(open).toEqual([])
  })
})

test('a login that is named anon is refused too, although it has set no role', async () => {
  const refused = database.sql.begin(async (sql) => {
    await sql`set local session authorization anon`
    await sql`select payments.prune_webhook_events('1 day')`
  })
  await expect(refused).rejects.toMatchObject({
    code: 'SP031',
    message: expect.stringContaining('the role anon.'),
  })
})
