/** Teams of apps with keys of every type: who may bill, what they have, and what they may read. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anonymous, asCaller, service, user } from '../../setup/database.ts'
import { begin, ingest, ingestAll, openPortal, refusal } from '../../sql/support/calls.ts'
import {
  creditNote,
  eventOf,
  invoice,
  newId,
  subjectMetadata,
  subscription,
  subscriptionItem,
  T,
} from '../../sql/support/stripe.ts'
import { type App, createApp, KEY_TYPES } from '../support/app.ts'

describe.each(KEY_TYPES)('an app with keys of type %s', (keyType) => {
  let app: App
  const team = () => ({ type: 'team', id: app.id(1) })
  const start = (number: number, subject = team()) =>
    asCaller(app.sql, service, (sql) => begin(sql, user(app.id(number)), { mode: 'subscription', subject }))

  beforeAll(async () => {
    app = await createApp(keyType)
    const [one, two, owner, member, other] = [1, 2, 11, 12, 21].map(app.id) as [
      string,
      string,
      string,
      string,
      string,
    ]
    await app.sql`insert into public.teams ${app.sql([
      { id: one, name: 'One' },
      { id: two, name: 'Two' },
    ])}`
    await app.sql`insert into public.team_members ${app.sql([
      { team_id: one, user_id: owner, role: 'owner' },
      { team_id: one, user_id: member, role: 'member' },
      { team_id: two, user_id: other, role: 'owner' },
    ])}`
    await app.install('team-billing')
    await app.install('team-entitlements')
    await app.install('read-access', '--subject', 'team')
    await app.sql`insert into public.payment_plans (environment, price, plan, rank) values
      ('test', 'price_team', 'team', 1), ('test', 'pro_key', 'pro', 2)`
  })
  afterAll(() => app.close())

  test('lets an owner bill the team, and no member, stranger, guest or foreign id', async () => {
    expect((await start(11)).action).toBe('send')
    for (const number of [12, 21]) expect((await refusal(start(number))).code).toBe('42501')
    for (const sub of ['not a key', '', "'; drop table public.teams --"])
      expect(
        (
          await refusal(
            asCaller(app.sql, service, (sql) =>
              begin(sql, user(sub), { mode: 'subscription', subject: team() }),
            ),
          )
        ).code,
      ).toBe('42501')
    expect((await refusal(begin(app.sql, anonymous, { mode: 'subscription', subject: team() }))).code).toBe(
      '42501',
    )
  })

  test('shows the plan to members once money has arrived, and to nobody else', async () => {
    const metadata = subjectMetadata('team', app.id(1))
    const sub = subscription({
      customer: 'cus_team',
      metadata,
      items: [subscriptionItem({ quantity: 3 })],
      latest_invoice: newId('in'),
    })
    const plans = (number: number) =>
      asCaller(
        app.sql,
        user(app.id(number)),
        (sql) => sql`select team_id, plan, seats::integer from public.my_team_entitlements`,
      )
    await ingest(app.sql, eventOf('customer.subscription.created', sub, { created: T }))
    expect([...(await plans(12))]).toEqual([])
    const status = () =>
      asCaller(
        app.sql,
        user(app.id(12)),
        (sql) => sql`select has_access, plan, status from public.my_team_billing_status`,
      )
    expect([...(await status())]).toEqual([{ has_access: false, plan: null, status: 'active' }])
    const paid = invoice({ id: sub.latest_invoice, subscription: sub.id, subscription_metadata: metadata })
    expect((await ingest(app.sql, eventOf('invoice.paid', paid, { created: T + 1 }))).status).toBe(
      'processed',
    )
    for (const number of [11, 12])
      expect([...(await plans(number))]).toEqual([{ team_id: app.id(1), plan: 'team', seats: 3 }])
    expect([...(await plans(21))]).toEqual([])
    expect([...(await status())]).toEqual([{ has_access: true, plan: 'team', status: 'active' }])
    await expect(
      asCaller(app.sql, user(app.id(11)), (sql) => sql`select * from public.team_entitlements`),
    ).rejects.toMatchObject({ code: '42501' })
    await expect(
      asCaller(app.sql, anonymous, (sql) => sql`select * from public.my_team_entitlements`),
    ).rejects.toMatchObject({ code: '42501' })
    const ended = { ...sub, status: 'canceled', canceled_at: T + 9 }
    await ingestAll(app.sql, [eventOf('customer.subscription.deleted', ended, { created: T + 9 })])
    expect([...(await plans(11))]).toEqual([])
    expect([...(await status())]).toEqual([{ has_access: false, plan: null, status: 'canceled' }])
  })

  test('lets an owner read payments and subscriptions and open the portal, and no member', async () => {
    const read = (number: number) =>
      asCaller(app.sql, user(app.id(number)), async (sql) => [
        (await sql`select id from payments.transactions`).length,
        (await sql`select subscription_id from payments.stripe_subscriptions`).length,
      ])
    expect(await read(11)).toEqual([1, 1])
    for (const number of [12, 21]) expect(await read(number)).toEqual([0, 0])
    const portal = (number: number) =>
      asCaller(app.sql, service, (sql) => openPortal(sql, user(app.id(number)), team()))
    expect((await portal(11)).params).toMatchObject({ customer: 'cus_team' })
    expect((await refusal(portal(12))).code).toBe('42501')
  })

  test('shows invoices and credit notes to an owner, and to no member', async () => {
    const metadata = subjectMetadata('team', app.id(1))
    const bill = invoice({ subscription: 'sub_bill', subscription_metadata: metadata, customer: 'cus_bill' })
    const note = creditNote({ invoice: bill.id, customer: 'cus_bill' })
    await ingestAll(app.sql, [
      eventOf('invoice.paid', bill, { created: T + 20 }),
      eventOf('credit_note.created', note, { created: T + 21 }),
    ])
    const read = (number: number) =>
      asCaller(app.sql, user(app.id(number)), async (sql) => [
        (
          await sql`select number, hosted_invoice_url, invoice_pdf from payments.stripe_invoices where invoice_id = ${bill.id}`
        ).length,
        (await sql`select number, pdf from payments.stripe_credit_notes`).length,
      ])
    expect(await read(11)).toEqual([1, 1])
    for (const number of [12, 21]) expect(await read(number)).toEqual([0, 0])
  })

  test('shows the subscriptions to a plan that belong to no team', async () => {
    const subscribed = (id: string, metadata: Record<string, string>) =>
      eventOf(
        'customer.subscription.created',
        subscription({ id, customer: `cus_${id}`, metadata, items: [subscriptionItem()] }),
      )
    await ingestAll(app.sql, [
      subscribed('sub_nobody', {}),
      subscribed('sub_strange', subjectMetadata('team', app.id(404))),
      subscribed('sub_ours', subjectMetadata('team', app.id(2))),
      subscribed('sub_user', subjectMetadata('user', app.id(11))),
    ])
    const rows = await app.sql`
      select subscription_id, plan from public.unmatched_team_subscriptions order by subscription_id`
    expect([...rows]).toEqual([
      { subscription_id: 'sub_nobody', plan: 'team' },
      { subscription_id: 'sub_strange', plan: 'team' },
    ])
  })

  test('keeps its own tables and their policies as they were', async () => {
    const rows = await app.sql`
      select c.relname, c.relrowsecurity, c.relacl, (select count(*)::int from pg_policy as p where p.polrelid = c.oid) as policies,
        (select count(*)::int from pg_trigger as t where t.tgrelid = c.oid and not t.tgisinternal) as triggers
      from pg_class as c where c.oid in ('public.teams'::regclass, 'public.team_members'::regclass) order by 1`
    expect([...rows]).toEqual(
      ['team_members', 'teams'].map((relname) => ({
        relname,
        relrowsecurity: false,
        relacl: null,
        policies: 0,
        triggers: 0,
      })),
    )
  })

  test('is told that a template is there, and nothing is written again', async () => {
    for (const name of ['team-billing', 'team_billing_status', 'read-access']) {
      const { code, out } = await app.add(name, '--subject', 'team')
      expect(code).toBe(0)
      expect(JSON.parse(out)).toMatchObject({ written: false, isThere: true })
    }
  })
})
