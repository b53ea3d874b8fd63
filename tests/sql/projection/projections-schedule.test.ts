/** Subscription schedules and pending updates → what a subscription changes to, and when. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { distinct, endsOfEveryOrder, ingest, ingestAll, subscriptionRow } from '../support/calls.ts'
import { eventOf, type Json, newId, subscription, T } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const MONTH = 2_592_000

const schedule = (subscriptionId: string, more: Json = {}): Json => ({
  id: newId('sub_sched'),
  object: 'subscription_schedule',
  current_phase: { start_date: T, end_date: T + MONTH },
  customer: 'cus_team',
  metadata: {},
  phases: [
    { start_date: T, end_date: T + MONTH, items: [{ price: 'price_team', quantity: 3 }] },
    { start_date: T + MONTH, end_date: T + 2 * MONTH, items: [{ price: 'price_basic', quantity: 1 }] },
  ],
  status: 'active',
  subscription: subscriptionId,
  ...more,
})

const next = async (sql: Parameters<typeof subscriptionRow>[0], id: string) => {
  const { schedule_id, next_phase_at, next_phase_items } = await subscriptionRow(sql, id)
  return { schedule_id, next_phase_at, next_phase_items }
}

test('a downgrade that waits in a schedule is shown, whichever event arrives first', async () => {
  const plan = subscription()
  const waiting = schedule(plan.id)
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('customer.subscription.created', plan),
      eventOf('subscription_schedule.created', waiting),
      eventOf(
        'customer.subscription.updated',
        { ...plan, schedule: waiting.id },
        { previous: { schedule: null } },
      ),
    ],
    (sql) => next(sql, plan.id),
  )
  expect(distinct(ends)).toEqual([
    {
      schedule_id: waiting.id,
      next_phase_at: T + MONTH,
      next_phase_items: [{ price_id: 'price_basic', quantity: 1 }],
    },
  ])
})

test('without a current phase, the next phase is the first one that begins after the snapshot', async () => {
  const waiting = schedule('sub_1', { current_phase: undefined })
  const plan = subscription({ schedule: waiting.id })
  await ingestAll(database.sql, [
    eventOf('customer.subscription.created', plan),
    eventOf('subscription_schedule.updated', waiting, { created: T + 10 }),
  ])
  expect(await next(database.sql, plan.id)).toMatchObject({ next_phase_at: T + MONTH })
})

test('a schedule that is released or in its last phase changes nothing any more', async () => {
  const plan = subscription()
  const waiting = schedule(plan.id)
  await ingestAll(database.sql, [
    eventOf('customer.subscription.created', { ...plan, schedule: waiting.id }),
    eventOf('subscription_schedule.created', waiting),
    eventOf(
      'subscription_schedule.updated',
      { ...waiting, current_phase: { start_date: T + MONTH, end_date: T + 2 * MONTH } },
      { created: T + MONTH },
    ),
  ])
  expect(await next(database.sql, plan.id)).toEqual({
    schedule_id: waiting.id,
    next_phase_at: null,
    next_phase_items: null,
  })
  await ingestAll(database.sql, [
    eventOf(
      'subscription_schedule.released',
      { ...waiting, status: 'released', subscription: null },
      { created: T + MONTH + 5 },
    ),
    eventOf('customer.subscription.updated', { ...plan, schedule: null }, { created: T + MONTH + 5 }),
    eventOf('subscription_schedule.updated', waiting, { created: T + 5 }), // late
  ])
  expect(await next(database.sql, plan.id)).toEqual({
    schedule_id: null,
    next_phase_at: null,
    next_phase_items: null,
  })
})

test('a pending update is shown until it is made or dropped', async () => {
  const plan = subscription()
  const pending = {
    expires_at: T + 82_800,
    subscription_items: [{ price: { id: 'price_pro' }, quantity: 1 }],
  }
  await ingest(database.sql, eventOf('customer.subscription.created', plan))
  await ingest(
    database.sql,
    eventOf('customer.subscription.updated', { ...plan, pending_update: pending }, { created: T + 1 }),
  )
  expect(await subscriptionRow(database.sql, plan.id)).toMatchObject({
    pending_update: pending,
    pending_update_expires_at: T + 82_800,
  })
  await ingest(
    database.sql,
    eventOf('customer.subscription.updated', { ...plan, pending_update: null }, { created: T + 2 }),
  )
  expect(await subscriptionRow(database.sql, plan.id)).toMatchObject({
    pending_update: null,
    pending_update_expires_at: null,
  })
})
