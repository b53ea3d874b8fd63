/** The template for one plan at a time, in an app without offers. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  asCaller,
  type Claims,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../setup/database.ts'
import { begin, projectObjects, refusal } from '../sql/support/calls.ts'
import { monthlyPrice, subjectMetadata, subscription, T } from '../sql/support/stripe.ts'
import { installTwice } from './support/install.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'one-plan')
  await database.sql`insert into public.plan_products (product_id) values ('prod_team')`
  await projectObjects(
    database.sql,
    [
      monthlyPrice({ id: 'price_team', product: 'prod_team' }),
      monthlyPrice({ id: 'price_extra', product: 'prod_extra' }),
      subscription({ id: 'sub_ada', metadata: subjectMetadata('user', 'ada') }),
      subscription({ id: 'sub_bob', status: 'canceled', metadata: subjectMetadata('user', 'bob') }),
    ],
    T,
  )
})
afterAll(() => database.close())

const subscribe = (id: string, priceId: string, caller: Claims = user(id)) =>
  asCaller(database.sql, service, (sql) =>
    begin(sql, caller, {
      mode: 'subscription',
      subject: { type: 'user', id },
      lineItems: [{ priceId }],
    }),
  )

test('a subject with a living plan gets no second one, but everything else', async () => {
  expect(await refusal(subscribe('ada', 'price_team'))).toMatchObject({
    code: 'SP059',
    message: 'This subject has a plan already: sub_ada.',
  })
  expect((await subscribe('ada', 'price_extra')).action).toBe('send')
  expect((await subscribe('bob', 'price_team')).action).toBe('send')
})

test('whom the policies refuse does not learn that there is a plan', async () => {
  expect((await refusal(subscribe('ada', 'price_team', user('stranger')))).code).toBe('42501')
})
