/** Test clocks (https://docs.stripe.com/billing/testing/test-clocks): their customers live on simulated time. */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { listShape, paginate } from '../core/pagination.ts'
import { required, string, timestamp, withoutEffect } from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import { DAY_SECONDS, periodAfter } from '../core/time.ts'
import type { Deleted, TestClock } from '../core/types.ts'
import { deleteCustomer } from './customers.ts'
import { periodOf, recurrenceOf } from './subscription-state.ts'

const PERMISSION = 'test_clock'

export function createTestClock(engine: Engine, frozenTime: number, name: string | null = null): TestClock {
  const clock = engine.store.add<'test_helpers.test_clock'>({
    id: engine.ids.next('clock_'),
    object: 'test_helpers.test_clock',
    created: engine.now(),
    deletes_after: engine.now() + 30 * DAY_SECONDS,
    frozen_time: frozenTime,
    livemode: engine.livemode,
    name,
    status: 'ready',
    status_details: {},
  })
  engine.emit('test_helpers.test_clock.created', clock)
  return clock
}

/** Moves a clock forward, and runs all work that becomes due on the way before it returns. */
export function advanceTestClock(engine: Engine, id: string, to: number): TestClock {
  const clock = engine.store.require('test_helpers.test_clock', id)
  if (to <= clock.frozen_time) {
    throw invalidRequest('The frozen time to advance to must be after the current frozen time.', {
      param: 'frozen_time',
    })
  }
  const furthest = furthestOf(engine, id, clock.frozen_time)
  if (to > furthest) {
    throw invalidRequest(
      'A test clock can be advanced by at most two intervals of the shortest subscription it has, or two years without one.',
      { param: 'frozen_time' },
    )
  }
  const advancing = { status: 'advancing', status_details: { advancing: { target_frozen_time: to } } }
  change(engine, clock, advancing, 'test_helpers.test_clock.advancing')
  engine.advanceClock(id, to)
  return change(engine, clock, { status: 'ready', status_details: {} }, 'test_helpers.test_clock.ready')
}

function furthestOf(engine: Engine, clock: string, now: number): number {
  const limits = engine.store
    .list('subscription')
    .filter((subscription) => subscription.test_clock === clock && subscription.ended_at === null)
    .map((subscription) => {
      const trial = subscription.status === 'trialing' ? periodOf(subscription).end : now
      return Math.max(trial, periodAfter(now, recurrenceOf(subscription.items.data), 2))
    })
  return limits.length > 0
    ? Math.min(...limits)
    : periodAfter(now, { interval: 'year', interval_count: 1 }, 2)
}

/** Deletes a clock with its customers, whose subscriptions end. */
export function deleteTestClock(engine: Engine, id: string): Deleted {
  const clock = engine.store.require('test_helpers.test_clock', id)
  for (const customer of engine.store.list('customer')) {
    if (customer.test_clock === id) deleteCustomer(engine, customer.id)
  }
  engine.emit('test_helpers.test_clock.deleted', clock)
  return engine.store.remove('test_helpers.test_clock', id)
}

const ROOT_PATH = '/v1/test_helpers/test_clocks'

export const testClockRoutes: Route[] = [
  route(
    'POST',
    ROOT_PATH,
    PERMISSION,
    { frozen_time: required(timestamp()), name: string(300), ...withoutEffect('customer') },
    ({ engine, params }) => createTestClock(engine, params.frozen_time, params.name),
  ),
  route('GET', ROOT_PATH, PERMISSION, listShape, ({ engine, params, path }) =>
    paginate(engine.store.list('test_helpers.test_clock'), params, path, 'test clock'),
  ),
  route('GET', `${ROOT_PATH}/:id`, PERMISSION, {}, ({ engine, id }) =>
    engine.store.require('test_helpers.test_clock', id),
  ),
  route(
    'POST',
    `${ROOT_PATH}/:id/advance`,
    PERMISSION,
    { frozen_time: required(timestamp()) },
    ({ engine, id, params }) => advanceTestClock(engine, id, params.frozen_time),
  ),
  route('DELETE', `${ROOT_PATH}/:id`, PERMISSION, {}, ({ engine, id }) => deleteTestClock(engine, id)),
]
