import { describe, expect, it } from 'vitest'
import { PINNED_VERSION, type StripeEvent } from '../../scripts/local-stripe/index.ts'
import { lifeCycles, runLifeCycle } from '../../scripts/local-stripe/life-cycles.ts'

type Json = Record<string, unknown>
const olderVersions = ['2020-08-27', '2022-11-15', '2024-06-20']

/** Kinds of objects for which an event with the whole object follows every change. */
const told = new Set([
  'charge',
  'checkout.session',
  'customer',
  'dispute',
  'invoice',
  'price',
  'product',
  'refund',
  'subscription',
])

/** Without the number of the next invoice, which Stripe increases without an event. */
function comparable(object: Json): unknown {
  const { next_invoice_sequence: _counter, ...rest } = object
  return withoutNulls(rest)
}

/** Applies the former values of `previous_attributes` to an object. */
function before(object: Json, previous: Json): Json {
  const former = structuredClone(object)
  for (const [key, value] of Object.entries(previous)) {
    const nested = isHash(value) && isHash(former[key])
    if (nested) former[key] = before(former[key] as Json, value as Json)
    else former[key] = value
  }
  return former
}

function isHash(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Without the keys that are null, because a key that did not exist before is null in `previous_attributes`. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isHash(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === null ? [] : [[key, withoutNulls(item)]])),
  )
}

function about(events: StripeEvent[], id: string): StripeEvent[] {
  return events.filter(({ data }) => data.object.id === id)
}

describe.each(lifeCycles)('$name', (cycle) => {
  const log = runLifeCycle(cycle, {
    seed: 3,
    apiVersions: olderVersions,
    metadata: { team: '42' },
    clientReferenceId: 'row',
  })

  it('tells the end state: the last event about each object is what the API would answer now', () => {
    for (const [id, state] of Object.entries(log.endState)) {
      const last = about(log.events, id).at(-1)
      if (!told.has(String(state.object)) || state.deleted || !last) continue
      expect(comparable(last.data.object)).toEqual(comparable(state))
    }
  })

  it('gives each update the former values that lead back to the event before', () => {
    for (const event of log.events) {
      const { object, previous_attributes: previous } = event.data
      if (!previous) continue
      const earlier = about(log.events.slice(0, log.events.indexOf(event)), String(object.id)).at(-1)
      const former = before(object, previous)
      if (event.type === 'charge.refund.updated' || earlier?.type === 'refund.updated') continue
      if (earlier) expect(comparable(former)).toEqual(comparable(earlier.data.object))
    }
  })

  it('is the same again for the same seed, and goes forward in time', () => {
    const again = runLifeCycle(cycle, {
      seed: 3,
      apiVersions: olderVersions,
      metadata: { team: '42' },
      clientReferenceId: 'row',
    })
    expect(again.events).toEqual(log.events)
    const moments = log.events.map(({ created }) => created)
    expect(moments).toEqual(moments.toSorted((a, b) => a - b))
  })

  it('is told in older versions about the same objects, with former values only where something changed', () => {
    for (const version of olderVersions) {
      const events = log.engine.events.map((record) => log.engine.render(record, version))
      expect(events.map(({ id, type, data }) => [id, type, data.object.id])).toEqual(
        log.events.map(({ id, type, data }) => [id, type, data.object.id]),
      )
      expect(new Set(events.map(({ api_version }) => api_version))).toEqual(new Set([version]))
      const invoices = events.filter(({ data }) => data.object.object === 'invoice')
      for (const { data } of invoices) {
        expect(data.object).toHaveProperty('paid')
        expect(data.object).not.toHaveProperty('parent')
      }
    }
  })
})

describe('older versions', () => {
  const options = { apiVersions: olderVersions }
  const rendered = (name: string, type: string, version: string): StripeEvent | undefined => {
    const cycle = lifeCycles.find((candidate) => candidate.name === name)
    if (!cycle) throw new Error(`there is no life cycle: ${name}`)
    const { engine } = runLifeCycle(cycle, options)
    const record = engine.events.filter(({ event }) => event.type === type).at(-1)
    return record && engine.render(record, version)
  }

  it('tell a renewal by the period of the subscription itself', () => {
    const data = rendered('a subscription renews twice', 'customer.subscription.updated', '2024-06-20')?.data
    const { current_period_start: start, current_period_end: end } = data?.object ?? {}
    expect(data?.previous_attributes).toMatchObject({
      current_period_end: start,
      latest_invoice: expect.any(String),
    })
    expect(Number(end)).toBeGreaterThan(Number(start))
  })

  it('list the charges of a payment intent and the refunds of a charge before 2022-11-15', () => {
    const name = 'a purchase is refunded in three parts'
    const intent = rendered(name, 'payment_intent.succeeded', '2020-08-27')?.data.object
    expect(intent).toMatchObject({
      charges: { object: 'list', total_count: 1, data: [{ object: 'charge' }] },
    })
    expect(intent).not.toHaveProperty('latest_charge')
    expect(rendered(name, 'charge.refunded', '2020-08-27')?.data.object).toMatchObject({
      refunds: { total_count: 3 },
    })
    expect(rendered(name, 'charge.refunded', '2022-11-15')?.data.object).not.toHaveProperty('refunds')
  })

  it('show one discount with its coupon', () => {
    const invoice = rendered('a discount stays over renewals', 'invoice.paid', '2022-11-15')?.data.object
    expect(invoice).toMatchObject({ discount: { coupon: { object: 'coupon', amount_off: 500 } } })
    expect(invoice).toMatchObject({ subscription_details: { metadata: {} }, paid: true })
  })

  it('are dated, so that a version in between is rendered as well', () => {
    const session = rendered('a guest buys once', 'checkout.session.completed', '2025-10-29.clover')?.data
      .object
    expect(session).toMatchObject({ ui_mode: 'hosted', collected_information: { shipping_details: null } })
  })
})

describe('steps', () => {
  it('are moments at which the API’s answers agree with all events so far', () => {
    for (const cycle of lifeCycles) {
      let steps = 0
      runLifeCycle(cycle, {
        onStep: (engine) => {
          steps += 1
          const last = engine.events.at(-1)?.event
          const object = last?.data.object ?? {}
          const state = engine.store.find(String(object.id)) as Json | undefined
          if (told.has(String(object.object)) && state) expect(comparable(object)).toEqual(comparable(state))
        },
      })
      expect(steps).toBeGreaterThan(5)
    }
  })
})

describe('the list of life cycles', () => {
  it('has at least forty, each with a name of its own, in the pinned version', () => {
    expect(lifeCycles.length).toBeGreaterThanOrEqual(40)
    expect(new Set(lifeCycles.map(({ name }) => name)).size).toBe(lifeCycles.length)
    const [first] = lifeCycles
    if (first) expect(runLifeCycle(first).events[0]?.api_version).toBe(PINNED_VERSION)
  })
})
