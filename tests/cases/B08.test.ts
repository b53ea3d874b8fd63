/** B08: the collection of a team's subscription is paused. Stripe leaves its status active. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { distinct, endsOfEveryOrder, ingest, ingestAll, undone } from '../sql/support/calls.ts'
import { eventOf, type Json } from '../sql/support/stripe.ts'
import { installTwice } from '../templates/support/install.ts'
import { prepare, readCase } from './support/templates.ts'

let database: TestDatabase
let created: Json
let paused: Json

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'team-entitlements')
  ;[created = {}, paused = {}] = await prepare(database.sql, await readCase('B08'))
})
afterAll(() => database.close())

test('a subscription whose collection is paused gives no plan, and says so in columns, in every order', async () => {
  const ends = await endsOfEveryOrder(database.sql, [created, paused], async (sql) => [
    [...(await sql`select plan from public.team_plans`)],
    [
      ...(await sql`
      select status, pause_collection_behavior, pause_collection_resumes_at from payments.stripe_subscriptions`),
    ],
  ])
  expect(distinct(ends)).toEqual([
    [[], [{ status: 'active', pause_collection_behavior: 'void', pause_collection_resumes_at: null }]],
  ])
})

test.each(['void', 'mark_uncollectible', 'keep_as_draft', 'a_new_word'])(
  'a pause with the behavior %s gives no plan, and its end gives the plan back',
  async (behavior) => {
    await undone(database.sql, async (sql) => {
      const plans = () => sql`select plan from public.team_plans where team_id = '42'`
      await ingest(sql, created)
      expect(await plans()).toMatchObject([{ plan: 'pro' }])
      const { object } = paused.data
      const told = {
        ...paused,
        data: { object: { ...object, pause_collection: { behavior, resumes_at: null } } },
      }
      await ingest(sql, told)
      expect(await plans()).toHaveLength(0)
      const resumed = { ...object, pause_collection: null }
      await ingestAll(sql, [
        eventOf('customer.subscription.updated', resumed, { created: paused.created + 60 }),
      ])
      expect(await plans()).toMatchObject([{ plan: 'pro' }])
    })
  },
)
