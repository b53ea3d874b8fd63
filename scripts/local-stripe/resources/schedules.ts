/** Subscription schedules (https://docs.stripe.com/api/subscription_schedules): changes of a subscription that wait. */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import {
  hash,
  type Infer,
  integer,
  list,
  mergeMetadata,
  metadata,
  oneOf,
  refused,
  required,
  string,
  timestamp,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { Subscription, SubscriptionSchedule } from '../core/types.ts'
import { periodOf } from './subscription-state.ts'
import { cancelSubscription, updateSubscription } from './subscriptions.ts'

type Phase = SubscriptionSchedule['phases'][number]

const createShape = {
  from_subscription: required(string()),
  metadata: metadata(),
  ...refused('customer', 'default_settings', 'end_behavior', 'phases', 'start_date'),
}
const phaseShape = hash({
  items: required(list(hash({ price: required(string()), quantity: integer({ min: 0 }) }))),
  start_date: timestamp(),
  end_date: timestamp(),
  ...withoutEffect('proration_behavior'),
})
const updateShape = {
  end_behavior: oneOf('cancel', 'release'),
  metadata: metadata(),
  phases: list(phaseShape),
  ...refused('default_settings'),
  ...withoutEffect('proration_behavior'),
}

function phaseOf(
  subscription: Subscription,
  items: { price: string; quantity: number }[],
  start: number,
  end: number,
) {
  return {
    add_invoice_items: [],
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: null,
    billing_thresholds: null,
    collection_method: null,
    currency: subscription.currency,
    default_payment_method: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    end_date: end,
    invoice_settings: null,
    items: items.map((item) => ({
      ...item,
      billing_thresholds: null,
      discounts: [],
      metadata: {},
      plan: item.price,
      tax_rates: [],
    })),
    metadata: {},
    on_behalf_of: null,
    proration_behavior: 'none',
    start_date: start,
    transfer_data: null,
    trial_end: null,
  } as unknown as Phase
}

/** Makes a schedule of a subscription: its one phase is the current period. */
function createSchedule(engine: Engine, params: Infer<typeof createShape>): SubscriptionSchedule {
  const subscription = engine.store.require('subscription', params.from_subscription, 'from_subscription')
  if (subscription.schedule) {
    throw invalidRequest('You cannot migrate a subscription that is already attached to a schedule.', {
      param: 'from_subscription',
    })
  }
  const { start, end } = periodOf(subscription)
  const items = subscription.items.data.map(({ price, quantity }) => ({
    price: price.id,
    quantity: quantity ?? 1,
  }))
  const schedule = engine.store.add<'subscription_schedule'>({
    id: engine.ids.next('sub_sched_'),
    object: 'subscription_schedule',
    application: null,
    billing_mode: { flexible: null, type: 'classic' },
    canceled_at: null,
    completed_at: null,
    created: engine.now(subscription.customer),
    current_phase: { end_date: end, start_date: start },
    customer: subscription.customer,
    customer_account: null,
    default_settings: {},
    end_behavior: 'release',
    livemode: engine.livemode,
    metadata: mergeMetadata({}, params.metadata),
    phases: [phaseOf(subscription, items, start, end)],
    released_at: null,
    released_subscription: null,
    status: 'active',
    subscription: subscription.id,
    test_clock: subscription.test_clock ?? null,
  } as unknown as SubscriptionSchedule & { object: 'subscription_schedule' })
  engine.emit('subscription_schedule.created', schedule)
  change(engine, subscription, { schedule: schedule.id }, 'customer.subscription.updated')
  plan(engine, schedule)
  return schedule
}

function updateSchedule(engine: Engine, id: string, params: Infer<typeof updateShape>): SubscriptionSchedule {
  const schedule = requireActive(engine, id)
  const subscription = engine.store.require('subscription', schedule.subscription ?? '')
  const changes: Partial<SubscriptionSchedule> = {
    metadata: mergeMetadata(schedule.metadata ?? {}, params.metadata),
  }
  if (params.end_behavior !== undefined) changes.end_behavior = params.end_behavior as 'cancel' | 'release'
  if (params.phases !== undefined) {
    let start = schedule.current_phase?.start_date ?? schedule.created
    const length = periodOf(subscription).end - periodOf(subscription).start
    changes.phases = params.phases.map((phase) => {
      const from = phase.start_date ?? start
      const end = phase.end_date ?? from + length
      start = end
      for (const item of phase.items) engine.store.require('price', item.price, 'phases[0][items][0][price]')
      const items = phase.items.map(({ price, quantity = 1 }) => ({ price, quantity }))
      return phaseOf(subscription, items, from, end)
    })
    const [first] = changes.phases
    if (first) changes.current_phase = { end_date: first.end_date, start_date: first.start_date }
  }
  change(engine, schedule, changes, 'subscription_schedule.updated')
  plan(engine, schedule)
  return schedule
}

function requireActive(engine: Engine, id: string): SubscriptionSchedule {
  const schedule = engine.store.require('subscription_schedule', id)
  if (schedule.status !== 'active')
    throw invalidRequest(`You cannot change a subscription schedule that is ${schedule.status}.`)
  return schedule
}

/** Plans the end of the current phase: the next one begins, or the schedule ends. */
function plan(engine: Engine, schedule: SubscriptionSchedule): void {
  const active = schedule.status === 'active' && schedule.current_phase
  engine.schedule(
    'nextSchedulePhase',
    schedule.id,
    schedule.customer as string,
    active ? active.end_date : null,
  )
}

/** Begins the next phase of a schedule, or ends the schedule. */
export function nextSchedulePhase(engine: Engine, schedule: SubscriptionSchedule): void {
  const end = schedule.current_phase?.end_date ?? 0
  const next = schedule.phases.find((phase) => phase.start_date >= end)
  if (!next) {
    if (schedule.end_behavior === 'cancel') complete(engine, schedule)
    else release(engine, schedule.id)
    return
  }
  const subscription = engine.store.require('subscription', schedule.subscription ?? '')
  const current_phase = { end_date: next.end_date, start_date: next.start_date }
  change(engine, schedule, { current_phase }, 'subscription_schedule.updated')
  const kept = subscription.items.data.map((item, place) => ({ ...next.items[place], id: item.id }))
  updateSubscription(engine, subscription.id, {
    items: kept.map(({ id, price, quantity }) =>
      price === undefined ? { id, deleted: true } : { id, price: String(price), quantity },
    ),
    proration_behavior: 'none',
  } as never)
  plan(engine, schedule)
}

function complete(engine: Engine, schedule: SubscriptionSchedule): void {
  const now = engine.now(schedule.customer as string)
  change(
    engine,
    schedule,
    { status: 'completed', completed_at: now, current_phase: null },
    'subscription_schedule.completed',
  )
  cancelSubscription(engine, schedule.subscription ?? '')
}

/** Lets go of the subscription, which stays as it is. */
function release(engine: Engine, id: string): SubscriptionSchedule {
  const schedule = requireActive(engine, id)
  const { subscription: subscriptionId } = schedule
  const changes = {
    status: 'released' as const,
    released_at: engine.now(schedule.customer as string),
    released_subscription: subscriptionId,
    current_phase: null,
    subscription: null,
  }
  change(engine, schedule, changes, 'subscription_schedule.released')
  const subscription = engine.store.require('subscription', subscriptionId ?? '')
  change(engine, subscription, { schedule: null }, 'customer.subscription.updated')
  plan(engine, schedule)
  return schedule
}

function cancel(engine: Engine, id: string): SubscriptionSchedule {
  const schedule = requireActive(engine, id)
  const now = engine.now(schedule.customer as string)
  change(
    engine,
    schedule,
    { status: 'canceled', canceled_at: now, current_phase: null },
    'subscription_schedule.canceled',
  )
  plan(engine, schedule)
  cancelSubscription(engine, schedule.subscription ?? '')
  return schedule
}

export const scheduleRoutes: Route[] = [
  route('POST', '/v1/subscription_schedules', 'subscription', createShape, ({ engine, params }) =>
    createSchedule(engine, params),
  ),
  route(
    'GET',
    '/v1/subscription_schedules',
    'subscription',
    { ...createdListShape, customer: string() },
    ({ engine, params, path }) => {
      const found = engine.store
        .list('subscription_schedule')
        .filter((schedule) => params.customer === undefined || schedule.customer === params.customer)
      return paginate(found, params, path, 'subscription_schedule')
    },
  ),
  route('GET', '/v1/subscription_schedules/:id', 'subscription', {}, ({ engine, id }) =>
    engine.store.require('subscription_schedule', id),
  ),
  route('POST', '/v1/subscription_schedules/:id', 'subscription', updateShape, ({ engine, id, params }) =>
    updateSchedule(engine, id, params),
  ),
  route(
    'POST',
    '/v1/subscription_schedules/:id/release',
    'subscription',
    { ...withoutEffect('preserve_cancel_date') },
    ({ engine, id }) => release(engine, id),
  ),
  route(
    'POST',
    '/v1/subscription_schedules/:id/cancel',
    'subscription',
    { ...withoutEffect('invoice_now', 'prorate') },
    ({ engine, id }) => cancel(engine, id),
  ),
]
