/** B97: subscribes again while subscribed. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase, user } from '../setup/database.ts'
import { begin, projectObjects, refusal, undone } from '../sql/support/calls.ts'
import { monthlyPrice, T } from '../sql/support/stripe.ts'
import { installTwice } from '../templates/support/install.ts'
import { ingestCase, readCase } from './support/templates.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await projectObjects(database.sql, [monthlyPrice({ id: 'price_team', product: 'prod_1' })], T)
})
afterAll(() => database.close())

test.each([
  [
    'an offer',
    `select payments.put_offer('test', 'team', '{"price_id": "price_team", "mode": "subscription",
    "product_group": "plans", "one_plan": true}')`,
  ],
  ['the template', `insert into public.plan_products (product_id) values ('prod_1')`],
])(
  '%s refuses the second plan and names the portal, and lets everybody else subscribe',
  async (how, setup) => {
    if (how === 'the template') await installTwice(database.sql, 'one-plan')
    await undone(database.sql, async (sql) => {
      await sql.unsafe(setup)
      await ingestCase(sql, (await readCase('B97')).events)
      const subscribe = (id: string) =>
        sql.savepoint((at) =>
          begin(at, user(id), {
            mode: 'subscription',
            subject: { type: 'user', id },
            lineItems: [{ priceId: 'price_team' }],
          }),
        )
      const { hint, ...refused } = await refusal(subscribe('u1'))
      expect(refused).toMatchObject({
        code: 'SP059',
        message: expect.stringMatching(/^This subject has a plan (of the group plans )?already: sub_1\.$/),
      })
      expect(hint).toContain('Billing Portal')
      expect((await subscribe('u2')).action).toBe('send')
      expect(await sql`select subject_id from payments.stripe_checkout_sessions`).toEqual([
        { subject_id: 'u2' },
      ])
    })
  },
)
