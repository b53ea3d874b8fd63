/** A customer that was deleted at Stripe while no event told so: the request heals itself. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createPaymentsClient } from '../../../functions/client/index.ts'
import type { RunningServer } from '../conformance.ts'
import { startNode } from '../support/server.ts'
import { type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

let system: System
let server: RunningServer

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode(system.env)
})
afterAll(async () => {
  await server.stop()
  await system.close()
})

/** A user with customers at Stripe, the first of which is mapped. */
async function userWith(count: number): Promise<{ user: string; customers: string[] }> {
  const user = randomUUID()
  const customers: string[] = []
  for (let index = 0; index < count; index++) {
    const { id } = await system.api.customers.create({ email: `${index}@example.com` })
    customers.push(id)
    await system.database.sql`
      insert into payments_private.customer_owners (environment, customer_id, subject_type, subject_id, named_at, named_by)
      values ('test', ${id}, 'user', ${user}, now() + ${index} * interval '1 second', ${id})`
  }
  await system.database.sql`select payments_private.refresh_customer_mappings('test', ${customers})`
  return { user, customers }
}

const client = (user: string, to = server) =>
  createPaymentsClient({ baseUrl: to.url, getToken: () => userToken(user) })

const cap = (user: string, more: { idempotencyKey?: string } = {}) => ({
  mode: 'payment' as const,
  lineItems: [{ priceId: system.prices.once }],
  successUrl: 'https://shop.example/done',
  cancelUrl: 'https://shop.example/back',
  subject: { type: 'user', id: user },
  ...more,
})

const rowsOf = (user: string) => system.database.sql`
  select status, attempt, customer_id, last_error from payments.stripe_checkout_sessions where subject_id = ${user}`

it.each([
  ['with an idempotency key', { idempotencyKey: randomUUID() }],
  ['without one', {}],
])('a checkout %s is made without the deleted customer, in one row', async (_, more) => {
  const { user, customers } = await userWith(1)
  await system.api.customers.del(customers[0] as string)
  const { data, error } = await client(user).stripe.createCheckoutSession('test', cap(user, more))
  expect(error).toBeNull()
  expect(data?.checkoutSession).toMatchObject({ status: 'open', lastError: null })
  expect(await rowsOf(user)).toEqual([{ status: 'open', attempt: 2, customer_id: null, last_error: null }])
})

it('a checkout goes to the other customer of the subject', async () => {
  const { user, customers } = await userWith(2)
  await system.api.customers.del(customers[0] as string)
  const { data } = await client(user).stripe.createCheckoutSession('test', cap(user))
  expect(data?.checkoutSession.status).toBe('open')
  expect(await rowsOf(user)).toMatchObject([{ customer_id: customers[1] }])
})

it('the call is made once more, not for ever', async () => {
  const { user, customers } = await userWith(2)
  for (const id of customers) await system.api.customers.del(id)
  const { error } = await client(user).stripe.createCheckoutSession('test', cap(user))
  expect(error).toMatchObject({ statusCode: 400, message: expect.stringContaining('No such customer') })
  expect(await rowsOf(user)).toMatchObject([{ status: 'failed', attempt: 2 }])
})

it('the portal opens for the other customer, and says so where there is none', async () => {
  const { user, customers } = await userWith(2)
  const subject = { type: 'user', id: user }
  await system.api.customers.del(customers[0] as string)
  const opened = await client(user).stripe.createCustomerPortalSession('test', { subject })
  expect(opened.data?.customerPortalSession.status).toBe('created')
  await system.api.customers.del(customers[1] as string)
  const refused = await client(user).stripe.createCustomerPortalSession('test', { subject })
  expect(refused.error).toMatchObject({
    statusCode: 404,
    error: 'PAYMENT_NOT_FOUND',
    message: 'The Stripe customer of this billing subject was deleted, and it has no other.',
  })
  const rows = await system.database.sql`
    select status, customer_id from payments.stripe_customer_portal_sessions
    where subject_id = ${user} order by created_at`
  expect(rows).toEqual([
    { status: 'created', customer_id: customers[1] },
    { status: 'failed', customer_id: customers[1] },
  ])
})

it('the key of another account, which knows no customer of ours, deletes none', async () => {
  const { user, customers } = await userWith(1)
  system.stripe.control.addKey({ key: 'sk_test_of_another_account', account: 'acct_another' })
  const other = await startNode({ ...system.env, STRIPE_TEST_SECRET_KEY: 'sk_test_of_another_account' })
  try {
    const { error } = await client(user, other).stripe.createCheckoutSession('test', cap(user))
    expect(error).toMatchObject({ statusCode: 400, message: expect.stringContaining('No such') })
  } finally {
    await other.stop()
  }
  const rows = await system.database.sql`
    select deleted from payments.customers where provider_customer_id = ${customers[0] as string} and deleted`
  expect(rows).toEqual([])
})
