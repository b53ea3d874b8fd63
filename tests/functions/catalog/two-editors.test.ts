/** Two people edit the same product or price: the second one is told, and nothing of theirs is lost at Stripe. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminSystem, type Body, connect, startAdminSystem } from '../admin/support.ts'

let system: AdminSystem
const CATALOG = '/api/payments/stripe/test/catalog'

beforeAll(async () => {
  system = await startAdminSystem()
  await connect(system)
})
afterAll(() => system.close())

const make = async (): Promise<Body> =>
  (await system.admin('POST', `${CATALOG}/products`, { name: 'Mug', description: 'Holds tea.' })).body.product

describe('of two editors', () => {
  it('who opened the same product, the second is told that it was changed, and nothing changes', async () => {
    const { productId, revision } = await make()
    const path = `${CATALOG}/products/${productId}`
    const first = await system.admin('PATCH', path, { name: 'Cup', ifRevision: revision })
    expect(first.status, first.text).toBe(200)
    expect(await system.admin('PATCH', path, { name: 'Bowl', ifRevision: revision })).toMatchObject({
      status: 409,
      body: {
        error: 'PAYMENT_CHANGED_MEANWHILE',
        message: `${productId} was changed since you opened it.`,
        nextActions: 'Load it again, and look at the change before you make yours.',
      },
    })
    expect((await system.api.products.retrieve(productId)).name).toBe('Cup')
    const { revision: now } = first.body.product
    expect((await system.admin('PATCH', path, { name: 'Bowl', ifRevision: now })).status).toBe(200)
    expect((await system.admin('PATCH', path, { name: 'Jug' })).status).toBe(200)
    expect((await system.admin('DELETE', `${path}?ifRevision=${now}`)).status).toBe(409)
  })

  it('who change a price at the same moment, one succeeds', async () => {
    const { productId } = await make()
    const created = await system.admin('POST', `${CATALOG}/prices`, {
      productId,
      currency: 'eur',
      unitAmount: 100,
    })
    const { priceId, revision } = created.body.price
    const edit = (n: number) =>
      system.admin('PATCH', `${CATALOG}/prices/${priceId}`, { lookupKey: `key_${n}`, ifRevision: revision })
    const answers = await Promise.all([1, 2, 3, 4, 5].map(edit))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409])
    const winner = answers.findIndex(({ status }) => status === 200) + 1
    expect((await system.api.prices.retrieve(priceId)).lookup_key).toBe(`key_${winner}`)
    expect((await system.admin('DELETE', `${CATALOG}/prices/${priceId}?ifRevision=${revision}`)).status).toBe(
      409,
    )
    const { rows } = { rows: await system.database.sql`select * from payments_private.catalog_changes` }
    expect(rows).toEqual([])
  })

  it('the first, whom Stripe refused, can try again with what was seen', async () => {
    const { productId, revision } = await make()
    const path = `${CATALOG}/products/${productId}`
    const missing = await system.admin('PATCH', `${CATALOG}/products/prod_none`, {
      name: 'X',
      ifRevision: revision,
    })
    expect(missing.status).toBe(404)
    expect((await system.admin('PATCH', path, { name: 'Cup', ifRevision: revision })).status).toBe(200)
  })

  it('nobody is stopped by a sync or an event that changes nothing', async () => {
    const { productId, revision } = await make()
    await system.admin('POST', '/api/payments/stripe/test/sync', { kinds: ['products'] })
    await system.database
      .sql`update payments.stripe_products set synced_at = now() where product_id = ${productId}`
    const answer = await system.admin('PATCH', `${CATALOG}/products/${productId}`, {
      name: 'Cup',
      ifRevision: revision,
    })
    expect(answer.status, answer.text).toBe(200)
  })

  it('a change that a process left behind stops nobody for long', async () => {
    const { productId, revision } = await make()
    const path = `${CATALOG}/products/${productId}`
    await system.database.sql`
      insert into payments_private.catalog_changes (environment, object_id) values ('test', ${productId})`
    expect(await system.admin('PATCH', path, { name: 'Cup', ifRevision: revision })).toMatchObject({
      status: 409,
      body: { message: `Someone else is changing ${productId} at this moment.` },
    })
    await system.database
      .sql`update payments_private.catalog_changes set begun_at = now() - interval '2 minutes'`
    expect((await system.admin('PATCH', path, { name: 'Cup', ifRevision: revision })).status).toBe(200)
  })

  it('a revision alone is no change', async () => {
    const { productId, revision } = await make()
    const answer = await system.admin('PATCH', `${CATALOG}/products/${productId}`, { ifRevision: revision })
    expect(answer).toMatchObject({
      status: 400,
      body: { message: 'The body must have at least one field to change.' },
    })
  })
})
