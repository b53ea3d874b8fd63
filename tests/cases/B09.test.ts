/** B09: a downgrade that waits in a subscription schedule. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { ingest, permutations, undone } from '../sql/support/calls.ts'
import { installTwice } from '../templates/support/install.ts'
import { ingestCase, readCase } from './support/templates.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'team-entitlements')
})
afterAll(() => database.close())

const CHANGE = {
  schedule_id: 'sub_sched_1',
  next_phase_at: new Date(1_762_592_000 * 1000),
  next_phase_items: [{ price_id: 'price_basic', quantity: 1 }],
}

test('the row says what the subscription changes to, and when, in whatever order the events arrive', async () => {
  const { events } = await readCase('B09')
  for (const order of permutations(events)) {
    await undone(database.sql, async (sql) => {
      await ingestCase(sql, order)
      expect(
        await sql`select schedule_id, next_phase_at, next_phase_items from payments.stripe_subscriptions`,
      ).toEqual([CHANGE])
    })
  }
})

test('until then the team has the plan that it pays for', async () => {
  await undone(database.sql, async (sql) => {
    const { setup, events } = await readCase('B09')
    for (const statement of setup) await sql.unsafe(statement)
    await ingestCase(sql, events)
    expect(await sql`select team_id, plan from public.team_plans`).toEqual([{ team_id: '42', plan: 'pro' }])
  })
})

test('a schedule that is released says nothing any more', async () => {
  await undone(database.sql, async (sql) => {
    const { events } = await readCase('B09')
    await ingestCase(sql, events)
    const last = events[2] ?? {}
    const released = {
      ...last.data.object,
      status: 'released',
      subscription: null,
      released_subscription: 'sub_1',
    }
    await ingest(sql, {
      ...last,
      id: 'evt_4',
      created: 1_760_000_100,
      type: 'subscription_schedule.released',
      data: { object: released },
    })
    expect(await sql`select next_phase_at, next_phase_items from payments.stripe_subscriptions`).toEqual([
      { next_phase_at: null, next_phase_items: null },
    ])
  })
})
