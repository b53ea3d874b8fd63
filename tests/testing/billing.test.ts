/** `pg-payments/testing` in vitest, on the server of this run. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type Billing, startBilling } from '../../scripts/testing/index.ts'
import { open } from '../setup/server.ts'

let billing: Billing
let folder: string
const database = inject('testRun').url

/** An app with uuid keys: teams, who may bill for them, and access that a trigger grants. */
const APP = {
  '001_teams.sql': `
    create extension if not exists pgcrypto;
    create table public.teams (id uuid primary key default gen_random_uuid(), name text not null, plan text);
    create table public.members (team_id uuid references public.teams, user_id uuid, primary key (team_id, user_id));`,
  '002_billing.sql': `
    grant select on public.members to authenticated;
    create policy team_members on payments.stripe_checkout_sessions for insert to authenticated
      with check (subject_type = 'team' and exists (
        select from public.members as m
        where m.team_id::text = subject_id and m.user_id::text = payments.caller_id()));
    create policy team_members_read on payments.stripe_checkout_sessions for select to authenticated
      using (subject_type = 'team' and exists (
        select from public.members as m
        where m.team_id::text = subject_id and m.user_id::text = payments.caller_id()));
    create function public.set_plan() returns trigger language plpgsql security definer set search_path = '' as $$
    begin
      update public.teams as t set plan = case when exists (
        select from payments.stripe_subscriptions as s
        where s.subject_type = 'team' and s.subject_id = t.id::text and s.status in ('active', 'trialing')) then 'pro' end
      where t.id::text = new.subject_id;
      return null;
    end $$;
    create trigger _500_set_plan after insert or update on payments.stripe_subscriptions
      for each row execute function public.set_plan();
    -- Down Migration
    drop table public.teams;`,
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-payments-testing-'))
  for (const [name, text] of Object.entries(APP)) await writeFile(join(folder, name), text)
  billing = await startBilling({ database, migrations: folder })
})
afterAll(async () => {
  await billing?.close()
  await rm(folder, { recursive: true, force: true })
})

const ADA = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa'

async function team(): Promise<string> {
  const [row] = await billing.sql<{ id: string }[]>`
    with team as (insert into public.teams (name) values ('Acme') returning id)
    insert into public.members select id, ${ADA} from team returning team_id as id`
  return row?.id ?? ''
}

const planOf = async (id: string) =>
  (await billing.sql<{ plan: string | null }[]>`select plan from public.teams where id = ${id}`)[0]?.plan

test('a team subscribes, renews, cancels, is refunded and buys again', async () => {
  const ada = await billing.signIn(ADA)
  const id = await team()
  const buy = {
    price: await billing.price({ amount: 900, interval: 'month' }),
    subject: { type: 'team', id },
  }
  const session = await ada.checkout(buy)
  await billing.pay(session)
  expect(await planOf(id)).toBe('pro')
  await billing.renew(session)
  expect(await billing.sql`select status from payments.transactions where subject_id = ${id}`).toHaveLength(2)
  await billing.cancel(session)
  await billing.refund()
  expect(await planOf(id)).toBeNull()
  await billing.pay(await ada.checkout(buy))
  expect(await planOf(id)).toBe('pro')
})

test('a user who is not a member cannot begin a checkout for the team, nor see its sessions', async () => {
  const id = await team()
  const price = await billing.price({ amount: 900, interval: 'month' })
  const eve = await billing.signIn({ sub: 'eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee' })
  await expect(eve.checkout({ price, subject: { type: 'team', id } })).rejects.toMatchObject({
    statusCode: 403,
  })
  await (await billing.signIn(ADA)).checkout({ price, subject: { type: 'team', id } })
  const seen = (user: typeof eve) =>
    user.query((sql) => sql`select from payments.stripe_checkout_sessions where subject_id = ${id}`)
  expect(await seen(eve)).toHaveLength(0)
  expect(await seen(await billing.signIn(ADA))).toHaveLength(1)
})

test('a declined card grants nothing, and another card pays the same session', async () => {
  const id = await team()
  const ada = await billing.signIn(ADA)
  const session = await ada.checkout({
    price: await billing.price({ amount: 900, interval: 'month' }),
    subject: { type: 'team', id },
  })
  await billing.fail(session)
  expect(await planOf(id)).toBeNull()
  await billing.pay(session)
  expect(await planOf(id)).toBe('pro')
})

test('a guest pays by bank account, and the payment is pending until it settles', async () => {
  const session = await billing.guest().checkout({ price: await billing.price({ amount: 1900 }) })
  await billing.pay(session, { paymentMethod: 'pm_usBankAccount_success' })
  const status = async () =>
    (
      await billing.sql`select payment_status from payments.stripe_checkout_sessions where id = ${session.id}`
    )[0]?.payment_status
  expect(await status()).toBe('unpaid')
  await billing.settle(session)
  expect(await status()).toBe('paid')
})

test('a payment is disputed, and its transaction says so', async () => {
  const session = await billing.guest().checkout({ price: await billing.price({ amount: 1900 }) })
  await billing.pay(session)
  await billing.dispute(session, 'lost')
  const [row] = await billing.sql`
    select dispute_status from payments.transactions where dispute_status is not null`
  expect(row?.dispute_status).toBe('lost')
})

test('a helper rejects what it does not know, and does nothing', async () => {
  const ada = await billing.signIn('ada')
  const session = await ada.checkout({ price: await billing.price({ amount: 1900 }) })
  await billing.pay(session)
  const said = async (work: Promise<unknown>) =>
    work.then(
      () => 'resolved',
      ({ message }) => message,
    )
  const word = <T>(text: unknown) => text as T
  const buy = ada.checkout as (options?: unknown) => Promise<unknown>
  const disputes = async () => (await billing.stripe.disputes.list()).data.length
  const before = await disputes()
  const NOTHING =
    'checkout needs a price or lineItems, for example { price: await billing.price({ amount: 900 }) }.'
  expect([
    await said(billing.dispute(session, word('maybe'))),
    await said(billing.release(word('nope'))),
    await said(billing.release(['evt_none'])),
    await said(billing.cancel('sub_none', word('later'))),
    await said(billing.settle(session, word('no'))),
    await said(billing.repeat(undefined, 0)),
    await said(billing.advance(Number.NaN)),
    await said(billing.advance(word(undefined))),
    await said(billing.refund(word({}))),
    await said(billing.expire(word(null))),
    await said(buy()),
    await said(buy({ quantity: 2 })),
  ]).toEqual([
    'A dispute is won or lost, and not "maybe".',
    'Events are released in the order arrival, reverse, random, or by a list of their ids.',
    '"evt_none" is not held back. Call hold() before the events, and name events that were held since.',
    '"later" is not when a subscription ends: write "now" or "at_period_end".',
    '"no" does not say whether the payment succeeds: write true or false.',
    '0 is not how often an event is delivered: write a whole number from 1.',
    'NaN is not a duration: write seconds, or for example 36h, 3 days or 1 month.',
    'undefined is not a duration: write seconds, or for example 36h, 3 days or 1 month.',
    'This names nothing: pass an id, an object with an id, or nothing for the newest.',
    'This names nothing: pass an id, an object with an id, or nothing for the newest.',
    NOTHING,
    NOTHING,
  ])
  expect(await disputes()).toBe(before)
  const { mode } = await ada.checkout({ mode: 'setup', currency: 'eur' })
  expect(mode).toBe('setup')
})

describe('events', () => {
  test('that are held back change nothing until they are released, in whatever order', async () => {
    const id = await team()
    const ada = await billing.signIn(ADA)
    const session = await ada.checkout({
      price: await billing.price({ amount: 900, interval: 'month' }),
      subject: { type: 'team', id },
    })
    await billing.hold()
    await billing.pay(session)
    expect(await planOf(id)).toBeNull()
    await billing.shuffle()
    expect(await planOf(id)).toBe('pro')
    expect(billing.local.control.heldEvents()).toEqual([])
  })

  test('that are repeated are processed once', async () => {
    const session = await billing.guest().checkout({ price: await billing.price({ amount: 1900 }) })
    await billing.pay(session)
    const count = async () => (await billing.sql`select from payments.webhook_events`).length
    const before = await count()
    await billing.repeat(undefined, 3)
    expect(await count()).toBe(before)
  })

  test('that the app could not process reject the helper with the reason of its trigger', async () => {
    await billing.sql.unsafe(`
      create function public.fail() returns trigger language plpgsql as $$
      begin raise exception 'the shelf is empty'; end $$;
      create trigger _501_fail after insert or update on payments.webhook_events for each row
        when (new.event_type = 'checkout.session.completed' and new.processing_status = 'processed')
        execute function public.fail();`)
    const session = await billing.guest().checkout({ price: await billing.price({ amount: 1900 }) })
    await expect(billing.pay(session)).rejects.toThrow(
      /^checkout\.session\.completed \(evt_\w+\) was not processed: .*the shelf is empty/,
    )
    await billing.sql`drop function public.fail() cascade`
    const failed = billing.local.control.events({ type: 'checkout.session.completed' }).at(-1)
    await billing.repeat(failed)
    const [row] = await billing.sql`
      select processing_status from payments.webhook_events where provider_event_id = ${failed?.id ?? ''}`
    expect(row?.processing_status).toBe('processed')
  })
})

describe('time', () => {
  test('begins where the test says, and moves by durations', async () => {
    const then = await startBilling({ database, now: new Date('2026-01-31T12:00:00Z'), seed: 1 })
    try {
      await then.advance('1 day')
      expect(new Date(then.local.engine.now() * 1000).toISOString().slice(0, 10)).toBe('2026-02-01')
      await expect(then.advance('soon')).rejects.toThrow('"soon" is not a duration')
    } finally {
      await then.close()
    }
  })
})

describe('bad input', () => {
  const start = (options: Parameters<typeof startBilling>[0]) => startBilling({ database, ...options })

  test('of migrations is a sentence with the file, and leaves no database', async () => {
    const admin = open(database)
    const databases = async () =>
      (await admin`select datname from pg_database where datname like 'pg_payments_testing_%'`).length
    const before = await databases()
    const bad = join(folder, 'bad')
    await mkdir(bad)
    await writeFile(join(bad, '1.sql'), 'create tabel x ();')
    await expect(start({ migrations: bad })).rejects.toThrow(`${join(bad, '1.sql')} failed: syntax error`)
    await expect(start({ migrations: join(folder, 'none') })).rejects.toThrow(
      `The migrations ${join(folder, 'none')} do not exist.`,
    )
    expect(await databases()).toBe(before)
    await admin.end()
  })

  test('of the address is a sentence', async () => {
    await expect(startBilling({ database: 'mysql://x' })).rejects.toThrow(
      'The database for tests must be a Postgres address',
    )
    await expect(startBilling({ database: 'postgres://u:secret@127.0.0.1:1/x' })).rejects.toThrow(
      'The database for tests cannot be used (its address is from the option database). ' +
        'Nothing accepts connections at 127.0.0.1:1. Is Postgres running, and is the address right? ' +
        'Or set TEST_DATABASE_URL to "embedded" for a Postgres of its own.',
    )
  })
})

test('a user signs in by a number or a bigint, and by nothing that is no id', async () => {
  const id = async (user: Parameters<Billing['signIn']>[0]) => {
    const { id, query } = await billing.signIn(user)
    const [row] = await query((sql) => sql`select payments.caller_id() as caller`)
    return [id, row?.caller]
  }
  expect(await id(5)).toEqual(['5', '5'])
  expect(await id(9_223_372_036_854_775_807n)).toEqual(Array(2).fill('9223372036854775807'))
  expect(await id({ sub: 7, email: 'ada@app.example' })).toEqual(['7', '7'])
  const price = await billing.price({ amount: 900 })
  expect(await billing.stripe.prices.retrieve(price)).toMatchObject({ currency: 'eur' })
  expect(await (await billing.signIn(5n)).checkout({ price })).toMatchObject({ subjectId: '5' })
  for (const wrong of [1.5, 2 ** 53, '', null, undefined, { email: 'ada@app.example' }])
    await expect(billing.signIn(wrong as never)).rejects.toThrow(
      'signIn takes the id of a user, which is a text, a whole number or a bigint, or claims with it as sub.',
    )
})

test('a helper refuses what it does not know, in a sentence, and does nothing', async () => {
  const session = await billing.guest().checkout({ price: await billing.price({ amount: 1900 }) })
  await billing.pay(session)
  const before = billing.local.control.events().length
  await billing.hold()
  await expect(billing.release('nope' as never)).rejects.toThrow(
    'Events are released in the order arrival, reverse, random, or by a list of their ids.',
  )
  await billing.release()
  await expect(billing.dispute(session, 'maybe' as never)).rejects.toThrow(
    'A dispute is won or lost, and not "maybe".',
  )
  await expect(billing.guest().checkout(undefined as never)).rejects.toThrow(
    'checkout needs a price or lineItems, for example { price: await billing.price({ amount: 900 }) }.',
  )
  expect(billing.local.control.events()).toHaveLength(before)
})

test('migrations may be a function, which says where the schema payments is installed', async () => {
  const other = await startBilling({
    database,
    migrations: async (sql, installPayments) => {
      await sql`create table public.before (id bigint primary key)`
      await installPayments()
      await sql`create table public.after (event uuid references payments.webhook_events)`
    },
  })
  const [row] = await other.sql`select to_regclass('public.after') is not null as there`
  expect(row?.there).toBe(true)
  await other.close()
})

test('a database of a test file that was killed is dropped by the next one', async () => {
  const admin = open(database)
  await admin`create database pg_payments_testing_00000000deadbeef`
  const next = await startBilling({ database })
  expect(
    await admin`select from pg_database where datname = 'pg_payments_testing_00000000deadbeef'`,
  ).toHaveLength(0)
  await next.close()
  await admin.end()
})
