import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { errorOf, priceOf, type Receiver, startReceiver, subscribe, useLocalStripe } from './helpers.ts'

const setting = useLocalStripe()
let receiver: Receiver

beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(async () => {
  for (const { id } of (await setting.stripe.webhookEndpoints.list({ limit: 100 })).data) {
    await setting.stripe.webhookEndpoints.del(id)
  }
  await receiver.close()
})

describe('webhook endpoints', () => {
  it('show their secret once', async () => {
    const { webhookEndpoints } = setting.stripe
    const made = await webhookEndpoints.create({
      url: receiver.url,
      enabled_events: ['product.created'],
      metadata: { by: 'us' },
    })
    expect(made.secret).toMatch(/^whsec_/)
    expect(made).toMatchObject({ status: 'enabled', api_version: null, metadata: { by: 'us' } })
    expect(await webhookEndpoints.retrieve(made.id)).not.toHaveProperty('secret')
    expect((await webhookEndpoints.update(made.id, { disabled: true })).status).toBe('disabled')
  })

  it('are sixteen at most', async () => {
    const { webhookEndpoints } = setting.stripe
    const endpoint = { url: 'https://shop.example/hook', enabled_events: ['*' as const] }
    for (let i = 0; i < 16; i += 1) await webhookEndpoints.create(endpoint)
    expect((await errorOf(webhookEndpoints.create(endpoint))).message).toContain(
      'maximum of 16 test webhook endpoints',
    )
  })
})

describe('delivery', () => {
  it('is signed so that the SDK verifies it, and knows another body or secret', async () => {
    const { local, stripe } = setting
    const { secret } = local.control.addEndpoint({ url: receiver.url })
    await stripe.products.create({ name: 'Signed' }, { idempotencyKey: 'signed-1' })
    await local.control.settled()
    const [{ body = '', signature = '' } = {}] = receiver.received
    const event = await stripe.webhooks.constructEventAsync(body, signature, secret)
    expect(event).toMatchObject({
      type: 'product.created',
      livemode: false,
      request: { idempotency_key: 'signed-1' },
    })
    expect(event.api_version).toBe('2026-10-28.endive')
    await expect(stripe.webhooks.constructEventAsync(`${body} `, signature, secret)).rejects.toThrow(
      'signature',
    )
    await expect(stripe.webhooks.constructEventAsync(body, signature, 'whsec_x')).rejects.toThrow('signature')
  })

  it('goes to the endpoints that asked for the type', async () => {
    const { local, stripe } = setting
    local.control.addEndpoint({ url: receiver.url, events: ['customer.created'] })
    await priceOf(stripe, 100)
    await stripe.customers.create({})
    await local.control.settled()
    expect(receiver.types()).toEqual(['customer.created'])
  })

  it('is tried again until the endpoint takes it, and counts what is pending', async () => {
    const { local, stripe } = setting
    local.control.addEndpoint({ url: receiver.url })
    receiver.answers.push(500, 503)
    await stripe.customers.create({})
    await local.control.settled()
    const [event] = receiver.received.map((received) => received.event)
    const attempts = local.control.deliveries({ event: event?.id })
    expect(attempts.map(({ status, attempt, answer }) => [status, attempt, answer])).toEqual([
      [500, 1, 'taken'],
      [503, 2, 'taken'],
      [200, 3, 'taken'],
    ])
    expect(event?.pending_webhooks).toBe(1)
    expect((await stripe.events.retrieve(event?.id ?? '')).pending_webhooks).toBe(0)
  })

  it('is given up after the last retry', async () => {
    const { local, stripe } = setting
    local.control.addEndpoint({ url: 'http://127.0.0.1:9/nobody' })
    const customer = await stripe.customers.create({})
    await local.control.settled()
    const event = local.control
      .events({ type: 'customer.created' })
      .find(({ data }) => data.object.id === customer.id)
    const attempts = local.control.deliveries({ event: event?.id })
    expect(attempts.map(({ status }) => status)).toEqual([null, null, null, null])
    expect(event?.pending_webhooks).toBe(1)
  })

  it('can be late and out of order', async () => {
    const { local, stripe } = setting
    local.control.addEndpoint({ url: receiver.url })
    local.control.holdDelivery()
    const { id } = await stripe.customers.create({})
    await stripe.customers.update(id, { name: 'Ann' })
    await stripe.customers.del(id)
    expect([receiver.types(), local.control.heldEvents().length]).toEqual([[], 3])
    await local.control.releaseDelivery('reverse')
    expect(receiver.types()).toEqual(['customer.deleted', 'customer.updated', 'customer.created'])
  })

  it('can be let through one by one while the rest is held', async () => {
    const { local, stripe } = setting
    local.control.addEndpoint({ url: receiver.url })
    local.control.holdDelivery()
    const { id } = await stripe.customers.create({})
    await stripe.customers.del(id)
    const [created = '', deleted = ''] = local.control.heldEvents()
    await local.control.releaseDelivery([deleted, deleted])
    expect([receiver.types(), local.control.heldEvents()]).toEqual([
      ['customer.deleted', 'customer.deleted'],
      [created],
    ])
    await local.control.releaseDelivery()
    expect(receiver.types().at(-1)).toBe('customer.created')
  })

  it('can be repeated', async () => {
    const { local, stripe } = setting
    local.control.addEndpoint({ url: receiver.url })
    await stripe.customers.create({})
    await local.control.settled()
    await local.control.redeliver(receiver.received[0]?.event.id ?? '', 2)
    expect(new Set(receiver.received.map(({ event }) => event.id)).size).toBe(1)
    expect(receiver.received).toHaveLength(3)
  })
})

describe('events', () => {
  it('tell the former values of what changed, and nothing when nothing did', async () => {
    const { local, stripe } = setting
    const { id } = await stripe.customers.create({ metadata: { a: '1', b: '2' }, name: 'Ann' })
    await stripe.customers.update(id, { metadata: { a: '', c: '3' } })
    await stripe.customers.update(id, { name: 'Ann' })
    const updates = local.control
      .events({ type: 'customer.updated' })
      .filter(({ data }) => data.object.id === id)
    expect(updates.map(({ data }) => data.previous_attributes)).toEqual([{ metadata: { a: '1', c: null } }])
  })

  it('are listed by type and by cursor', async () => {
    const { stripe } = setting
    const { id } = await stripe.customers.create({})
    await stripe.customers.del(id)
    const { data } = await stripe.events.list({ types: ['customer.created', 'customer.deleted'], limit: 2 })
    expect(data.map(({ type }) => type)).toEqual(['customer.deleted', 'customer.created'])
    const older = await stripe.events.list({
      type: 'customer.created',
      starting_after: data[1]?.id,
      limit: 1,
    })
    expect(older.data[0]?.id).not.toBe(data[1]?.id)
  })

  it('come in the shape of the endpoint’s API version', async () => {
    const { local, stripe } = setting
    local.control.addEndpoint({ url: receiver.url, apiVersion: '2022-11-15' })
    const price = await priceOf(stripe, 2000, 'month')
    const { subscription } = await subscribe(setting, price.id)
    await local.control.settled()
    const body = (type: string) =>
      receiver.received.find(({ event }) => event.type === type)?.event.data.object as unknown as Record<
        string,
        unknown
      >
    const { payment_intent, charge, paid, parent, lines } = body('invoice.paid') as Record<
      string,
      unknown
    > & {
      lines: { data: { price: { id: string }; plan: object; pricing?: object }[] }
    }
    expect({ payment_intent, charge, paid, parent }).toEqual({
      payment_intent: body('payment_intent.succeeded').id,
      charge: body('charge.succeeded').id,
      paid: true,
      parent: undefined,
    })
    expect(lines.data[0]).toMatchObject({ price: { id: price.id }, plan: { id: price.id } })
    expect(body('invoice.paid').subscription).toBe(subscription)
    expect(body('customer.subscription.created').current_period_end).toBeTypeOf('number')
    expect(body('charge.succeeded').invoice).toBe(body('invoice.paid').id)
    expect(body('checkout.session.completed').ui_mode).toBe('hosted')
  })
})
