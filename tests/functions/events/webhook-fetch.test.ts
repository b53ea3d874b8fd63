/** What events of one second leave undecided is asked of Stripe, after the answer. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunningServer } from '../conformance.ts'
import { eventOf, productEvent, signatureOf } from '../support/events.ts'
import { eventually } from '../support/eventually.ts'
import { startNode } from '../support/server.ts'
import { type System, startSystem } from '../support/system.ts'

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

async function deliver(event: object): Promise<number> {
  const body = JSON.stringify(event)
  const response = await fetch(`${server.url}/api/webhooks/stripe/test`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'stripe-signature': signatureOf(body) },
    body,
  })
  return response.status
}

const nameOf = async (id: string) => {
  const [row] = await system.database.sql`select name from payments.stripe_products where product_id = ${id}`
  return row?.name
}

/** Two updates of one second that do not say which came first; what Stripe says now is neither. */
async function tie(created: number): Promise<string> {
  const { id } = await system.api.products.create({ name: `Now ${randomUUID()}` })
  expect(await deliver(productEvent(id, 'one', { created }))).toBe(200)
  expect(await deliver(productEvent(id, 'other', { created }))).toBe(200)
  return id
}

it('the object is fetched and shows what Stripe says now', async () => {
  const id = await tie(Math.floor(Date.now() / 1000) - 60)
  await eventually(() => nameOf(id)).toMatch(/^Now /)
  expect(system.asked.seen().map(({ path }) => path)).toEqual([`/v1/products/${id}`])
})

it('so is every kind of object that events may leave undecided', async () => {
  const { paymentIntents, disputes } = system.api
  await paymentIntents.create({
    amount: 2000,
    currency: 'usd',
    payment_method: 'pm_card_createDispute',
    confirm: true,
  })
  const [dispute] = (await disputes.list()).data
  if (!dispute) throw new Error('There is no dispute.')
  system.asked.forget()
  const created = Math.floor(Date.now() / 1000) - 60
  for (const status of ['under_review', 'warning_under_review'])
    expect(
      await deliver(eventOf('charge.dispute.updated', { ...dispute, created, status }, { created })),
    ).toBe(200)
  await eventually(() => system.asked.seen().map(({ path }) => path)).toEqual([`/v1/disputes/${dispute.id}`])
  expect(server.log()).not.toContain('fetch_failed')
})

it('so are the items of a subscription that an event does not show', async () => {
  const { api, database, prices } = system
  const product = await api.products.create({ name: 'Seats' })
  const items = [{ price: prices.monthly }]
  for (let index = 1; index < 12; index++) {
    const price = await api.prices.create({
      product: product.id,
      currency: 'eur',
      unit_amount: 100 + index,
      recurring: { interval: 'month' },
    })
    items.push({ price: price.id })
  }
  const customer = await api.customers.create({ email: 'many@example.com' })
  const subscription = await api.subscriptions.create({
    customer: customer.id,
    items,
    payment_behavior: 'default_incomplete',
  })
  const shown = { ...subscription.items, data: subscription.items.data.slice(0, 10), has_more: true }
  const created = Math.floor(Date.now() / 1000) - 60
  expect(
    await deliver(eventOf('customer.subscription.updated', { ...subscription, items: shown }, { created })),
  ).toBe(200)
  await eventually(async () => {
    const [row] = await database.sql`
      select count(*)::int as count from payments.stripe_subscription_items
      where subscription_id = ${subscription.id}`
    return row?.count
  }).toBe(12)
})

it('also when the events are of this very second, which a first answer of Stripe cannot pass', async () => {
  const id = await tie(Math.floor(Date.now() / 1000))
  await eventually(() => nameOf(id)).toMatch(/^Now /)
})

it('a Stripe that cannot be asked is a line in the log, and the event is accepted', async () => {
  system.stripe.control.fail({ fault: { status: 500 }, path: '/v1/products/', times: 3 })
  await tie(Math.floor(Date.now() / 1000) - 60)
  await eventually(() => server.log()).toContain('"event":"fetch_failed"')
  system.stripe.control.clearFailures()
})
