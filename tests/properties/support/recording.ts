/**
 * A life cycle as a listener could have met it. It has each event in every API version, what the API would have
 * answered after each of them, and what it answers at the end.
 */
import type { Json, StripeEvent } from '../../../scripts/local-stripe/core/types.ts'
import { runLifeCycle } from '../../../scripts/local-stripe/life-cycles.ts'
import { subjectOf, type Told } from './life-cycles.ts'

export type { Json, StripeEvent }

/** `null` is the pinned one. */
export type ApiVersion = string | null

export const olderVersions = ['2020-08-27', '2022-11-15', '2024-06-20']

/** Events that lead to rows: what a webhook endpoint of pg-payments is subscribed to. */
const PROJECTED = new Set([
  'product.created',
  'product.updated',
  'product.deleted',
  'price.created',
  'price.updated',
  'price.deleted',
  'customer.created',
  'customer.updated',
  'customer.deleted',
  'checkout.session.completed',
  'checkout.session.async_payment_succeeded',
  'checkout.session.async_payment_failed',
  'checkout.session.expired',
  'invoice.created',
  'invoice.finalized',
  'invoice.updated',
  'invoice.paid',
  'invoice.payment_failed',
  'invoice.voided',
  'invoice.marked_uncollectible',
  'invoice.deleted',
  'invoice_payment.paid',
  'credit_note.created',
  'credit_note.updated',
  'credit_note.voided',
  'payment_intent.succeeded',
  'payment_intent.payment_failed',
  'payment_intent.canceled',
  'charge.succeeded',
  'payment_intent.amount_capturable_updated',
  'charge.refunded',
  'charge.dispute.created',
  'charge.dispute.updated',
  'charge.dispute.closed',
  'charge.dispute.funds_withdrawn',
  'charge.dispute.funds_reinstated',
  'refund.created',
  'refund.updated',
  'refund.failed',
  'customer.subscription.created',
  'customer.subscription.updated',
  'customer.subscription.deleted',
  'customer.subscription.paused',
  'customer.subscription.resumed',
  'customer.subscription.trial_will_end',
  'subscription_schedule.created',
  'subscription_schedule.updated',
  'subscription_schedule.released',
  'subscription_schedule.canceled',
  'subscription_schedule.completed',
])

const KINDS = new Set([
  'product',
  'price',
  'customer',
  'checkout.session',
  'subscription',
  'subscription_schedule',
  'invoice',
  'invoice_payment',
  'credit_note',
  'payment_intent',
  'charge',
  'refund',
  'dispute',
])

export type RecordedEvent = {
  /** In the pinned version. */
  event: StripeEvent
  in(version: ApiVersion): StripeEvent
}

/** What the API would answer for one object, and from when until when. */
export type Snapshot = { object: Json; from: number; until: number }

export type Recording = {
  name: string
  events: RecordedEvent[]
  /** What Stripe answers now; of a deleted object also what was last known about it. */
  end: Map<string, Json>
  /** Every answer that the API would have given about an object, the last one of each included. */
  snapshots: Snapshot[]
  /** When the last event happened. */
  last: number
}

export type RecordOptions = { seed?: number; everything?: boolean; subject?: Record<string, string> }

/** With `everything`, events that nobody projects and a catalogue that nobody changes are there too. */
export function record(cycle: Told, options: RecordOptions = {}): Recording {
  const { seed = 7, everything = false, subject = subjectOf('team', '42') } = options
  const snapshots: Snapshot[] = []
  const current = new Map<string, { snapshot: Snapshot; text: string }>()

  // An answer holds from the moment at which it could be given until the object changed.
  const see = (state: Record<string, Json>, now: number) => {
    for (const [id, object] of Object.entries(state)) {
      if (!KINDS.has(String(object.object))) continue
      const text = JSON.stringify(object)
      const known = current.get(id)
      if (known?.text === text) continue
      if (known) known.snapshot.until = now
      const snapshot = { object, from: now, until: Number.POSITIVE_INFINITY }
      snapshots.push(snapshot)
      current.set(id, { snapshot, text })
    }
  }

  const log = runLifeCycle(cycle, {
    seed,
    apiVersions: olderVersions,
    ...(cycle.dunning ? { dunning: cycle.dunning } : {}),
    metadata: cycle.name.includes('guest') ? {} : subject,
    onEvent: ({ event }, engine) => see(engine.endState(), event.created),
  })
  const all = log.engine.events.map((told) => ({
    event: structuredClone(told.event),
    in: (version: ApiVersion) => log.engine.render(told, version),
  }))
  const last = Math.max(...all.map(({ event }) => event.created))
  see(log.endState, last)
  const changed = new Set(
    all.filter(({ event }) => !/^(product|price)\.created$/.test(event.type)).map(({ event }) => idOf(event)),
  )
  const events = all.filter(
    ({ event }) =>
      everything ||
      (PROJECTED.has(event.type) &&
        (!/^(product|price)\.created$/.test(event.type) || changed.has(idOf(event)))),
  )
  const end = new Map(Object.entries(log.endState).filter(([, object]) => KINDS.has(String(object.object))))
  for (const [id, object] of end) {
    const told = all.findLast(({ event }) => idOf(event) === id)
    if (object.deleted && told) end.set(id, { ...told.event.data.object, deleted: true })
  }
  return { name: cycle.name, events, end, snapshots: snapshots.filter(isTied(events, end)), last }
}

/**
 * A charge names its payment intent, and only the intent names the invoice. Where no event ever speaks of the intent,
 * an answer about the charge alone would be about an unknown payment.
 */
function isTied(events: RecordedEvent[], end: Map<string, Json>) {
  const told = new Set(events.map(({ event }) => idOf(event)))
  const invoiced = new Set(
    [...end.values()]
      .filter(({ object }) => object === 'invoice_payment')
      .map(({ payment }) => (payment as { payment_intent: string }).payment_intent),
  )
  return ({ object }: Snapshot) => {
    const intent = String(object.payment_intent)
    return object.object !== 'charge' || told.has(intent) || !invoiced.has(intent)
  }
}

export const idOf = (event: StripeEvent): string => String(event.data.object.id)

/** Whether it leads to rows: those, and what an endpoint made by hand may send. */
export const isProjected = ({ type }: StripeEvent): boolean =>
  PROJECTED.has(type) ||
  ['invoice.payment_succeeded', 'charge.refund.updated', 'payment_intent.processing'].includes(type)

/**
 * All timestamps pressed into one second: of the event, and of when its objects were made, paid, voided and canceled.
 */
export function pressed<T>(value: T, second: number): T {
  const press = (item: unknown, key = ''): unknown => {
    if (Array.isArray(item)) return item.map((part) => press(part))
    if (typeof item === 'object' && item !== null)
      return Object.fromEntries(
        Object.entries(item).map(([name, part]) => [
          name,
          press(part, key === 'status_transitions' ? 'created' : name),
        ]),
      )
    return (key === 'created' || key === 'canceled_at') && typeof item === 'number' ? second : item
  }
  return press(value) as T
}

export const hasSubscription = ({ end }: Recording): boolean =>
  [...end.values()].some(({ object }) => object === 'subscription')
